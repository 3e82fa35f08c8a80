"""`applianced serve`: the order in which an appliance comes up and goes down.

As root: make the state directory, start the dataplane (or find the one an earlier management left), become an
unprivileged user, run management. On SIGTERM: management ends its sessions, then the dataplane removes what it made.
A management that is killed leaves the dataplane running; the next one takes it up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pwd
import socket
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from applianced import courtesy
from applianced.dataplane.participant import AgentClient, DataplaneParticipant
from applianced.datastore.models import Models, load_models
from applianced.datastore.persist import claim, holds_commits
from applianced.datastore.sealed import StorageError
from applianced.errors import ConfigError
from applianced.northbound.transaction import Participant
from applianced.supervisor.address import bind, configured_port
from applianced.supervisor.dataplane import DataplaneOptions, await_dataplane, start_dataplane
from applianced.supervisor.happenings import DataplaneEvents
from applianced.supervisor.management import ManagementOptions
from applianced.supervisor.operational import DataplaneState, PlanMemory
from applianced.supervisor.privileges import CAP_NET_BIND_SERVICE, account, drop_privileges

_LOG = logging.getLogger(__name__)

Management = Callable[[Any, Any, Any, Models], Any]
"""(ManagementOptions, participants, state provider, models) -> the coroutine that serves until told to stop."""


class Tie(Enum):
    """What becomes of the dataplane when management ends."""

    MADE = "it was started by this process, and ends with it"
    TAKEN_UP = "an earlier management left it: it outlives a start that fails"
    LOOSE = "somebody else starts and ends it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command line of `serve`, checked. dataplane: "netns", "local", "running" or "none". user: "" for the default.

    port: None for the configuration's. require_netconf: see ManagementOptions.
    """

    namespace: str
    dataplane: str
    config: Path | None
    state_dir: Path
    host: str
    port: int | None
    admin_key: Path | None
    user: str
    workers: int
    require_netconf: bool = False


def run(options: Options, management: Management, models: Models | None = None) -> int:
    """Run the appliance until SIGTERM; the exit status. Raises ApplianceError when it does not come up.

    models: None when they are not loaded yet.
    """
    if options.dataplane == "netns" and not options.namespace:
        raise ConfigError("", "say which namespace with --netns NAME, or use --dataplane local or --dataplane none")
    root = os.geteuid() == 0
    if options.dataplane in ("netns", "local") and not root:
        raise ConfigError("", "a dataplane needs root to start; --dataplane none runs without, running finds one")
    user = account(options.user) if options.user else account("applianced", "nobody") if root else None
    # Before anything else: a directory that another appliance uses stays as it is.
    lock = claim(options.state_dir)
    models = models or load_models()
    port = options.port
    if port is None:
        port = configured_port(models, options.state_dir, lock, options.config)
    # Before anything is made: an address that is in use must not cost a running dataplane.
    bound = bind(options.host, port)
    _own(options.state_dir, user)
    readable = _before_dropping(options, bound, lock)
    # The unprivileged user may not be able to walk down to the state directory, nor to read this package: stand in the
    # one; everything of the other is loaded by now.
    os.chdir(options.state_dir)
    process = 0
    agent = None
    if options.dataplane != "none":
        dataplane = DataplaneOptions(
            namespace=options.namespace,
            directory=Path("dataplane"),
            management_uid=user.pw_uid if user else os.geteuid(),
            workers=options.workers,
        )
        if options.dataplane == "running":
            await_dataplane(dataplane)
        else:
            process = start_dataplane(dataplane)
        agent = AgentClient(dataplane.socket_path)
        readable = replace(readable, happenings=DataplaneEvents(dataplane.socket_path))
    if user is not None:
        # A commit may move NETCONF to any port, unless the command line has chosen it.
        drop_privileges(user, *([CAP_NET_BIND_SERVICE] if options.port is None else []))
    tie = Tie.LOOSE if options.dataplane == "running" else Tie.MADE if process else Tie.TAKEN_UP
    with asyncio.Runner(loop_factory=courtesy.new_event_loop) as runner:
        runner.run(_run(readable, models, agent, management, tie))
    if process:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process, 0)
    return 0


def _own(state_dir: Path, user: pwd.struct_passwd | None) -> None:
    """The state directory belongs to management; what the dataplane keeps in it belongs to the dataplane."""
    if user is None:
        return
    os.chown(state_dir, user.pw_uid, user.pw_gid)
    for path in state_dir.rglob("*"):
        if "dataplane" not in path.relative_to(state_dir).parts[:1]:
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _before_dropping(options: Options, bound: socket.socket, lock: int) -> ManagementOptions:
    """The options of management, with the files that only root may be able to read copied to where it can.

    A full disk costs them where there are commits, which count in their place, and not the start.
    Raises ConfigError when one of them cannot be read, StorageError.
    """
    files: dict[str, bytes] = {}
    copies: dict[str, Path | None] = {}
    shown = {Path(): options.state_dir}
    for name, path in (("config", options.config), ("admin-key", options.admin_key)):
        copies[name] = None
        if path is not None:
            try:
                content = path.read_bytes()
            except OSError as error:
                raise ConfigError("", f"cannot read {path}: {error.strerror}") from error
            files[f"{name}{path.suffix}"] = content
            copies[name] = copy = Path("first") / f"{name}{path.suffix}"
            shown[copy] = path
    try:
        _copy_privately(options.state_dir, files)
    except OSError as error:
        why = f"cannot write to {options.state_dir}: {error.strerror}; free space there or mend it"
        if not holds_commits(options.state_dir):
            raise StorageError(f"{why}, then start again") from error
        _LOG.warning("%s; --config and --admin-key are not looked at", why)
        copies = dict.fromkeys(copies)
    return ManagementOptions(
        state_dir=Path(),
        config=copies["config"],
        admin_key=copies["admin-key"],
        host=options.host,
        port=options.port,
        bound=bound,
        lock=lock,
        queues=options.workers,
        require_netconf=options.require_netconf,
        shown=shown,
    )


def _copy_privately(state_dir: Path, files: Mapping[str, bytes]) -> None:
    """Put files into `first`, and leave it to the owner of the state directory alone: they may hold passwords' hashes.

    What an earlier start left there goes. Nothing is followed: the directory is not root's.
    """
    inbox = state_dir / "first"
    if files:
        inbox.mkdir(mode=0o700, exist_ok=True)
    elif not inbox.is_dir():
        return
    owner = state_dir.stat()
    directory = os.open(inbox, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(directory, 0o700)
        for name in os.listdir(directory):
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=directory)
        for name, content in files.items():
            made = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=directory)
            with open(made, "wb") as file:
                file.write(content)
                if os.geteuid() == 0:
                    os.fchown(made, owner.st_uid, owner.st_gid)
        if os.geteuid() == 0:
            os.fchown(directory, owner.st_uid, owner.st_gid)
    finally:
        os.close(directory)


async def _run(
    options: ManagementOptions, models: Models, agent: AgentClient | None, management: Management, tie: Tie
) -> None:
    memory = PlanMemory()
    participants: list[Participant] = [memory]
    if agent is not None:
        participants.append(DataplaneParticipant(agent))
    serving: Coroutine[Any, Any, None] = management(options, participants, DataplaneState(agent, memory), models)
    try:
        await serving
    except BaseException:
        if agent is not None and tie is Tie.MADE:
            await agent.shutdown()
        raise
    if agent is not None and tie is not Tie.LOOSE:
        await agent.shutdown()
