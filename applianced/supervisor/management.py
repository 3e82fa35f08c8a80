"""The management process: datastore, commits and the protocols that reach them, from start to the last signal.

Rule: knows no protocol; whoever composes the process hands one over as a Listen.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from applianced.config.schema import Config
from applianced.datastore.models import Models, load_models
from applianced.datastore.persist import CommitLog
from applianced.errors import ConfigError
from applianced.northbound.alarms import Severity
from applianced.northbound.building import builder
from applianced.northbound.configuration import Configuration
from applianced.northbound.initial import ADMIN, initial_tree
from applianced.northbound.service import Listen, Service
from applianced.northbound.state import StateProvider
from applianced.northbound.transaction import Participant
from applianced.system.users import Users

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagementOptions:
    """host, port: where NETCONF listens; port None takes the configuration's, 0 any. config: the first configuration,
    which counts while `state_dir` holds no commit. admin_key: public key that the first commit gives to `admin`.
    queues: workers that the plan is made for. yang_dir: None for the modules that come with the package."""

    state_dir: Path
    config: Path | None = None
    admin_key: Path | None = None
    host: str = "127.0.0.1"
    port: int | None = 830
    queues: int = 2
    yang_dir: Path | None = None


async def run_management(
    options: ManagementOptions,
    participants: Sequence[Participant],
    state: StateProvider,
    *,
    listen: Listen,
    announce: Callable[[str], None] = print,
    models: Models | None = None,
) -> None:
    """Put the configuration in force, listen, announce "ready netconf=ADDR:PORT", and serve until SIGTERM or SIGINT.

    Raises ConfigError, CommitError, StorageError when the start fails: nothing listens then.
    """
    stop = _stop_on_signals()
    models = models or load_models(options.yang_dir)
    configuration = Configuration(models, CommitLog(options.state_dir), builder(options.queues), participants)
    users = Users(lambda: configuration.config.system.users)
    try:
        await configuration.start(
            lambda: initial_tree(models, options.config, options.admin_key),
            source=str(options.config or "built in"),
            accept=_require_login,
        )
        if not users.anybody():
            # Traffic must not stop because of it; the next boot of a distant appliance may be this one.
            configuration.alarms.raise_alarm("no-login", Severity.MAJOR, f"nobody can log in: {_REMEDY}")
        await _serve(options, Service(configuration, state, users, options.state_dir), listen, announce, stop)
    finally:
        configuration.close()


async def _serve(
    options: ManagementOptions, service: Service, listen: Listen, announce: Callable[[str], None], stop: asyncio.Event
) -> None:
    port = service.configuration.config.system.netconf_port if options.port is None else options.port
    listening = await listen(options.host, port, service)
    # What was made so far lives as long as the process: no collection need ever look at it again.
    gc.collect()
    gc.freeze()
    host = f"[{options.host}]" if ":" in options.host else options.host
    announce(f"ready netconf={host}:{listening.port}")
    try:
        await stop.wait()
    finally:
        _LOG.info("stopping")
        await listening.close()


_REMEDY = (
    "configure system login user NAME authentication in the file given with --config, or give --admin-key"
    f" PUBLICKEYFILE, which adds that key to user {ADMIN} (both count while --state-dir holds no commit)"
)


def _require_login(config: Config) -> None:
    if not any(user.password or user.keys for user in config.system.users.values()):
        message = f"nobody could log in, so nothing is started: {_REMEDY}"
        raise ConfigError("/applianced-system:system/login", message, tag="operation-failed")


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
