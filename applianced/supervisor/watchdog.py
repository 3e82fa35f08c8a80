"""The dataplane's process tree: a watchdog that enters the namespace, gives up root, and keeps an agent alive.

The watchdog makes everything that must outlive an agent: the listening socket and the shared memory. It does nothing
else, so that nothing in it can fail. Should it be killed all the same, its agent takes its place: no agent runs
unsupervised, and a dataplane ends only when it is told to, or when both are killed at once.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import pwd
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from struct import Struct

from applianced.alg.registry import REGISTRY
from applianced.dataplane.agent import STOPPING, Agent, Ending
from applianced.dataplane.depths import open_depths
from applianced.dataplane.memory import Memory, shared_memory
from applianced.errors import ConfigError
from applianced.supervisor.dataplane import DataplaneOptions
from applianced.supervisor.privileges import (
    CAP_NET_ADMIN,
    CAP_NET_RAW,
    account,
    drop_privileges,
    enter_namespace,
)

LOCK = b"\0applianced-dataplane"
"""Abstract socket name, of which every network namespace has its own: whoever has bound it serves that namespace."""
_BACKOFF_S = (0.1, 0.5, 1.0, 2.0, 5.0)
_HEALTHY_S = 60.0
_CREDENTIALS = Struct("=iII")
log = logging.getLogger("applianced.watchdog")


def run_dataplane(options: DataplaneOptions) -> int:
    """Run watchdog and agent until shut down; the exit status. Raises ConfigError when another dataplane is here."""
    if options.namespace:
        enter_namespace(options.namespace)
    lock = claim_namespace(options.namespace)
    user = account("applianced-dataplane", "applianced", "nobody")
    listener = _listen(options, user)
    queue_file = open_depths()
    # Its user may not be able to walk down to the directory: stand in it.
    os.chdir(options.directory)
    options = replace(options, directory=Path())
    drop_privileges(user, CAP_NET_ADMIN, CAP_NET_RAW)
    memory = shared_memory(REGISTRY, options.workers)
    while (status := _Watchdog(options, listener, lock, memory, queue_file).run()) is None:
        log.error("the watchdog is gone: its agent takes its place and starts another")
        lock.listen()
    return status


def claim_namespace(name: str) -> socket.socket:
    """The lock of the network namespace that this process is in, held while any process has the socket open.

    name: for the message. Raises ConfigError when another dataplane has it; nothing is touched then.
    """
    lock = socket.socket(socket.AF_UNIX)
    try:
        lock.bind(LOCK)
    except OSError as error:
        lock.close()
        if error.errno != errno.EADDRINUSE:
            raise
        where = f"network namespace {name}" if name else "this network namespace"
        raise ConfigError("", f"{where} is served already{_holder()}") from None
    # Nobody accepts: who connects learns the listener's process id from the kernel.
    lock.listen()
    return lock


def _holder() -> str:
    """Who has the lock, for a message; "" when the kernel does not tell."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.setblocking(False)
        try:
            connection.connect(LOCK)
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:
            return ""
    return f" (by process {_CREDENTIALS.unpack(credentials)[0]})"


def _listen(options: DataplaneOptions, user: pwd.struct_passwd) -> socket.socket:
    """The agent's socket, which only management may open; the directory becomes the agent's."""
    options.directory.mkdir(mode=0o711, parents=True, exist_ok=True)
    os.chown(options.directory, user.pw_uid, user.pw_gid)
    for path in options.directory.iterdir():
        # An agent may have left links there.
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    options.socket_path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(options.socket_path))
    os.chown(options.socket_path, options.management_uid, -1, follow_symlinks=False)
    options.socket_path.chmod(0o600)
    listener.listen(8)
    return listener


class _Watchdog:
    """Keeps an agent alive."""

    def __init__(
        self,
        options: DataplaneOptions,
        listener: socket.socket,
        lock: socket.socket,
        memory: Sequence[Memory],
        queue_file: int,
    ) -> None:
        self._options = options
        self._listener = listener
        self._lock = lock
        self._memory = memory
        self._queue_file = queue_file
        self._lifeline, self._held = os.pipe()
        """The agent reads the one end; the other is open in this process alone, for as long as it lives."""
        self._agent = 0
        self._stopping = False

    def run(self) -> int | None:
        """Fork agents until one ends in order; the exit status.

        None in an agent that has lost its watchdog: its process is to be the next one.
        """
        # Blocked while an agent is forked, so that either it or this process hears a signal.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        signal.signal(signal.SIGTERM, self._forward)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        deaths = 0
        while True:
            started = time.monotonic()
            self._agent = os.fork()
            if self._agent == 0:
                self._be_agent()
                return None
            status = self._wait()
            if status == 0:
                self._options.socket_path.unlink(missing_ok=True)
                return 0
            deaths = 0 if time.monotonic() - started > _HEALTHY_S else deaths + 1
            if deaths > len(_BACKOFF_S):
                log.error("the agent keeps failing; giving up")
                return 1
            log.error("the agent ended with status %d; starting another", status)
            time.sleep(_BACKOFF_S[max(deaths - 1, 0)])

    def _wait(self) -> int:
        """The agent's wait status, once it has ended."""
        if self._stopping:
            # It came while no agent was there: the new one takes the kernel's tables over, and removes them.
            os.kill(self._agent, signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        _, status = os.waitpid(self._agent, 0)
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        self._agent = 0
        return status

    def _forward(self, *_: object) -> None:
        self._stopping = True
        if self._agent:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._agent, signal.SIGTERM)

    def _be_agent(self) -> None:
        """In the child; returns when the watchdog has died."""
        os.close(self._held)
        try:
            agent = Agent(
                self._listener,
                self._memory,
                REGISTRY,
                management_uid=self._options.management_uid,
                namespace=self._options.namespace,
                state_dir=self._options.directory,
                lifeline=self._lifeline,
                lock=self._lock,
                queue_file=self._queue_file,
            )
            ending = agent.run()
        except BaseException:
            log.exception("agent")
            os._exit(1)
        if ending is Ending.SHUT_DOWN:
            os._exit(0)
        os.close(self._lifeline)
