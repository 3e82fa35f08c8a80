"""The management process: datastore, commits and the protocols that reach them, from start to the last signal.

Rule: knows no protocol; whoever composes the process hands one over as a Listen.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from applianced.config import logins
from applianced.config.schema import Config
from applianced.datastore.models import Models, load_models
from applianced.datastore.persist import CommitLog
from applianced.errors import ApplianceError, ConfigError
from applianced.northbound.alarms import Severity
from applianced.northbound.building import builder
from applianced.northbound.configuration import Configuration
from applianced.northbound.events import Source
from applianced.northbound.initial import ADMIN, add_admin_key, initial_tree, require_netconf
from applianced.northbound.recording import Author
from applianced.northbound.service import Listen, Service
from applianced.northbound.state import StateProvider
from applianced.northbound.transaction import Participant
from applianced.supervisor.address import rebind
from applianced.supervisor.notify import ServiceManager
from applianced.system.allocation import give_back_large_blocks
from applianced.system.users import Users

_LOG = logging.getLogger(__name__)
SWITCH_S = 0.0001
"""A thread with long work lets the others run so often: short requests of other sessions want the interpreter several
times each, and Python's own 5 ms for each of them would add up."""
SAY = partial(print, flush=True)
"""At once: whoever started the appliance waits for the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagementOptions:
    """host, port: where NETCONF listens; port None takes the configuration's, 0 any. config: the first configuration,
    which counts while `state_dir` holds no commit. admin_key: public key that the first commit gives to `admin`, or,
    when no super-user can log in, a commit at start.
    bound: the socket for NETCONF, bound already. lock: of `state_dir` (persist.claim), taken already; None takes it.
    queues: workers that the plan is made for. yang_dir: None for the modules that come with the package.
    require_netconf: the first configuration must let NETCONF in, or call somebody home.
    happenings: who else tells of events, None for nobody.
    shown: what the command line calls these paths, for messages, where that is something else."""

    state_dir: Path
    config: Path | None = None
    admin_key: Path | None = None
    host: str = "127.0.0.1"
    port: int | None = 830
    bound: socket.socket | None = None
    lock: int | None = None
    queues: int = 2
    require_netconf: bool = False
    yang_dir: Path | None = None
    happenings: Source | None = None
    shown: Mapping[Path, Path] = field(default_factory=dict)


async def run_management(
    options: ManagementOptions,
    participants: Sequence[Participant],
    state: StateProvider,
    *,
    listen: Listen,
    announce: Callable[[str], None] = SAY,
    models: Models | None = None,
) -> None:
    """Put the configuration in force, listen, announce "ready netconf=ADDR:PORT", and serve until SIGTERM or SIGINT.

    Raises ConfigError, CommitError, StorageError when the start fails: nothing listens then.
    """
    stop = _stop_on_signals()
    sys.setswitchinterval(SWITCH_S)
    give_back_large_blocks()
    models = models or load_models(options.yang_dir)
    shown = options.shown
    log = CommitLog(options.state_dir, options.lock, shown=shown.get(options.state_dir))
    configuration = Configuration(models, log, builder(options.queues), participants)
    users = Users(lambda: configuration.config.system.users)
    try:
        await configuration.start(
            lambda: initial_tree(models, options.config, options.admin_key, shown),
            source=str(shown.get(options.config, options.config) if options.config else "built in"),
            accept=partial(_require_way_in, options),
        )
        if not users.anybody():
            await _let_in(configuration, options)
        follows = partial(rebind, options.host) if options.port is None else None
        service = Service(configuration, state, users, options.state_dir, follows)
        await _serve(options, service, listen, announce, stop)
    finally:
        await configuration.stop()
        configuration.close()


async def _serve(
    options: ManagementOptions, service: Service, listen: Listen, announce: Callable[[str], None], stop: asyncio.Event
) -> None:
    port = service.configuration.config.system.netconf_port if options.port is None else options.port
    bound = options.bound
    if bound is not None and options.port is None and bound.getsockname()[1] != port:
        # The commit that is in force is not the newest one: its port counts.
        bound.close()
        bound = None
    listening = await listen(options.host, port, service, bound)
    host = f"[{options.host}]" if ":" in options.host else options.host
    announce(f"ready netconf={host}:{listening.port}")
    manager = ServiceManager()
    manager.tell("READY=1", f"STATUS=NETCONF answers on {host}:{listening.port}")
    # What was made so far lives as long as the process: no collection need ever look at it again.
    gc.collect()
    gc.freeze()
    # A full collection waits for a quarter of what the one before it found: let that be little, or what sessions leave
    # behind piles up to tens of megabytes.
    gc.collect()
    # Whoever logs in leaves circles behind. As many collections of all there is, more and shorter ones of the middle
    # generation: by default those take 1.4 ms.
    gc.set_threshold(700, 3, 35)
    living = asyncio.create_task(manager.keep_alive(), name="signs of life")
    following = None
    if options.happenings:
        following = asyncio.create_task(options.happenings.follow(service.configuration.events), name="happenings")
    try:
        await stop.wait()
    finally:
        living.cancel()
        if following:
            following.cancel()
        manager.tell("STOPPING=1")
        _LOG.info("stopping")
        await listening.close()


async def _let_in(configuration: Configuration, options: ManagementOptions) -> None:
    """The stored configuration locks everybody out: --admin-key is the way back in."""
    admin_key = options.admin_key
    if admin_key:
        shown = options.shown.get(admin_key, admin_key)
        author, comment = (
            Author("applianced", "--admin-key"),
            f"no super-user could log in: {ADMIN} has the key given at start",
        )
        try:
            await configuration.amend(lambda tree: add_admin_key(tree, admin_key, shown), author, comment)
        except ApplianceError as error:
            configuration.alarms.raise_alarm("admin-key", Severity.MAJOR, f"--admin-key could not be used: {error}")
        else:
            _LOG.warning("no super-user could log in: the key in %s was given to user %s", shown, ADMIN)
            return
    # Traffic must not stop because of it; the next boot of a distant appliance may be this one.
    remedy = f"start with --admin-key PUBLICKEYFILE, which makes user {ADMIN} one, with that key, in a commit"
    text = f"no super-user can log in: {remedy}"
    configuration.alarms.raise_alarm("no-login", Severity.MAJOR, text)


_REMEDY = (
    "configure system login user NAME with class super-user and authentication in the file given with --config (it"
    f" counts while --state-dir holds no commit), or give --admin-key PUBLICKEYFILE, which makes user {ADMIN} one, with"
    " that key"
)


def _require_way_in(options: ManagementOptions, config: Config) -> None:
    if options.require_netconf:
        require_netconf(config)
    if not logins.anybody(config):
        message = f"no super-user could log in, so nothing is started: {_REMEDY}"
        raise ConfigError("/applianced-system:system/login", message, tag="operation-failed")


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
