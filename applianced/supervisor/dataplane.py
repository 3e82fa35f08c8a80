"""The dataplane's process tree: a watchdog that enters the namespace, gives up root, and keeps an agent alive.

The watchdog makes everything that must outlive an agent: the listening socket and the shared memory. It does nothing
else, so that nothing in it can fail.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pwd
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from applianced.alg.registry import REGISTRY
from applianced.dataplane.agent import Agent, Memory, shared_memory
from applianced.dataplane.channel import call
from applianced.dataplane.host import spawn
from applianced.errors import DataplaneError
from applianced.supervisor.privileges import (
    CAP_NET_ADMIN,
    CAP_NET_RAW,
    account,
    drop_privileges,
    enter_namespace,
)

START_S = 20.0
_BACKOFF_S = (0.1, 0.5, 1.0, 2.0, 5.0)
log = logging.getLogger("applianced.watchdog")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataplaneOptions:
    """namespace: name of ip-netns(8), "" for the one at hand. directory: files of the agent. workers: how many."""

    namespace: str
    directory: Path
    management_uid: int
    workers: int

    @property
    def socket_path(self) -> Path:
        return self.directory / "agent.sock"


def run_dataplane(options: DataplaneOptions) -> int:
    """Run watchdog and agent until shut down; the exit status."""
    if options.namespace:
        enter_namespace(options.namespace)
    user = account("applianced-dataplane", "applianced", "nobody")
    listener = _listen(options, user)
    # Its user may not be able to walk down to the directory: stand in it.
    os.chdir(options.directory)
    options = replace(options, directory=Path())
    drop_privileges(user, CAP_NET_ADMIN, CAP_NET_RAW)
    return _watch(options, listener, shared_memory(REGISTRY, options.workers))


def _listen(options: DataplaneOptions, user: pwd.struct_passwd) -> socket.socket:
    """The agent's socket, which only management may open; the directory becomes the agent's."""
    options.directory.mkdir(mode=0o711, parents=True, exist_ok=True)
    os.chown(options.directory, user.pw_uid, user.pw_gid)
    for path in options.directory.iterdir():
        os.chown(path, user.pw_uid, user.pw_gid)
    options.socket_path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(options.socket_path))
    os.chown(options.socket_path, options.management_uid, -1)
    options.socket_path.chmod(0o600)
    listener.listen(8)
    return listener


def _watch(options: DataplaneOptions, listener: socket.socket, memory: Sequence[Memory]) -> int:
    """Fork agents until one ends in order."""
    child = 0

    def forward(*_: object) -> None:
        if child:
            os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, forward)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    deaths = 0
    while True:
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            _become_agent(options, listener, memory)
        _, status = os.waitpid(child, 0)
        if status == 0:
            options.socket_path.unlink(missing_ok=True)
            return 0
        deaths = 0 if time.monotonic() - started > 60 else deaths + 1
        if deaths > len(_BACKOFF_S):
            log.error("the agent keeps failing; giving up")
            return 1
        log.error("the agent ended with status %d; starting another", status)
        time.sleep(_BACKOFF_S[max(deaths - 1, 0)])


def _become_agent(options: DataplaneOptions, listener: socket.socket, memory: Sequence[Memory]) -> None:
    """In the child; never returns."""
    status = 1
    try:
        agent = Agent(
            listener,
            memory,
            REGISTRY,
            management_uid=options.management_uid,
            namespace=options.namespace,
            state_dir=options.directory,
        )
        agent.run()
        status = 0
    except Exception:
        log.exception("agent")
    finally:
        os._exit(status)


def connect(options: DataplaneOptions) -> bool:
    """Whether an agent answers, for this namespace. Raises DataplaneError when it is another's."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(5)
        try:
            connection.connect(str(options.socket_path))
            answer = call(connection, {"op": "hello"})
        except OSError:
            return False
    if answer["namespace"] != options.namespace:
        raise DataplaneError(
            "dataplane agent",
            f"{options.directory} belongs to the running dataplane of namespace {answer['namespace']!r};"
            " use another --state-dir, or stop that one first",
        )
    return True


def start_dataplane(options: DataplaneOptions) -> int:
    """Start the dataplane of a namespace; its process id, or 0 for one that an earlier management left running.

    Raises DataplaneError.
    """
    if connect(options):
        log.warning("took up the dataplane that is running in %s", options.namespace or "this namespace")
        return 0
    pid = spawn(
        [
            sys.executable,
            "-m",
            "applianced",
            "dataplane",
            *(["--netns", options.namespace] if options.namespace else []),
            "--directory",
            str(options.directory),
            "--management-uid",
            str(options.management_uid),
            "--workers",
            str(options.workers),
        ]
    )
    deadline = time.monotonic() + START_S
    while not connect(options):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            raise DataplaneError("dataplane", f"did not start (exit status {os.waitstatus_to_exitcode(status)})")
        if time.monotonic() > deadline:
            raise DataplaneError("dataplane", f"did not answer within {START_S:.0f} s")
        time.sleep(0.02)
    return pid
