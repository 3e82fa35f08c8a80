"""The listening server (RFC 6242 section 6)."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import asyncssh

from applianced.config.access import RetryOptions, SshLimits
from applianced.config.schema import Config
from applianced.netconf.server import NetconfServer
from applianced.netconf.ssh.admission import Admission
from applianced.netconf.ssh.algorithms import OFFERED
from applianced.netconf.ssh.call_home import CallHome
from applianced.netconf.ssh.connection import Connection
from applianced.netconf.ssh.followed_port import FollowedPort
from applianced.netconf.ssh.identity import Identity
from applianced.netconf.ssh.refusals import Refusals
from applianced.netconf.ssh.sources import Sources
from applianced.netconf.ssh.state import SshState
from applianced.netconf.ssh.turns import SharedTurns, Turns
from applianced.northbound.service import Service

BACKLOG = 512
"""Connections that the kernel completes before we look at them: a burst of logins must lose none."""
ACCEPTED_AT_ONCE = 1
"""Connections that are begun in one turn of the event loop: as many as are there, as asyncio does it, keep everybody
else waiting, 6 ms for 70."""
_FILES_WANTED = 16384


class SshListener:
    """A listening server and its sessions."""

    acceptor: asyncssh.SSHAcceptor

    def __init__(self, server: NetconfServer, service: Service, admission: Admission, identity: Identity) -> None:
        self.server = server
        self._service = service
        self._admission = admission
        self._identity = identity
        self._refusals = Refusals(service.configuration.events, time.monotonic)
        self.call_home = CallHome(self._dial)
        self._turns = SharedTurns(Turns(), Turns(), Turns())
        self._known = server.limits
        self._making: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The TCP port, also when 0 was asked for."""
        return int(self.acceptor.get_port())

    async def start(self, host: str, port: int, bound: socket.socket | None) -> None:
        """Accept logins. Raises OSError."""
        self.acceptor = await self.accept(host, port, bound)

    async def accept(self, host: str, port: int, bound: socket.socket | None) -> asyncssh.SSHAcceptor:
        """Accept logins at one more place. Raises OSError."""
        acceptor = await asyncssh.create_server(
            self._connection,
            "" if bound else host,
            0 if bound else port,
            sock=bound,
            # asyncio accepts so many at once as well.
            backlog=ACCEPTED_AT_ONCE,
            reuse_address=True,
            **self._all_options(),
        )
        for listening in acceptor.sockets:
            with listening.dup() as same:
                same.listen(BACKLOG)
        return acceptor

    def move(self, acceptor: asyncssh.SSHAcceptor) -> None:
        """Accept new connections there and no longer where it was; those that are open go on."""
        self.acceptor.close()
        self.acceptor = acceptor

    def _connection(self) -> Connection:
        configuration = self._service.configuration

        def retry() -> RetryOptions:
            return configuration.config.system.retry

        return Connection(self._service.users, self.server, self._admission, retry, self._refusals, self._turns)

    def _all_options(self) -> dict[str, Any]:
        return {
            # Pairs, not files: the library reads files again at each login.
            "server_host_keys": self._identity.pairs(),
            "agent_forwarding": False,
            "allow_scp": False,
            "gss_host": None,
            "x11_forwarding": False,
            "server_version": "applianced",
            **_options(self.server.limits.ssh),
            **OFFERED,
        }

    async def _dial(self, address: str, port: int) -> asyncssh.SSHServerConnection:
        return await asyncssh.connect_reverse(
            address,
            port,
            server_factory=self._connection,
            connect_timeout=self.server.limits.ssh.login_grace_time_s,
            **self._all_options(),
        )

    def changed(self, config: Config) -> None:
        """A configuration is in force: go by it, also with the connections that are open."""
        self.call_home.call(config.system.call_home)
        known, limits = self._known, config.system.netconf
        if limits == known:
            return
        self._known = limits
        self.acceptor.update(**_options(limits.ssh))
        for connection in self._admission.everybody():
            connection.limits_changed()
        if limits.ssh.hostkey_algorithms != known.ssh.hostkey_algorithms:
            self._making = asyncio.create_task(self._offer(), name="host keys")

    async def _offer(self) -> None:
        """Keys take a while to make; the commit does not wait for them."""
        try:
            await self._identity.offer(self._known.ssh.hostkey_algorithms)
        except OSError as error:
            self._identity.not_made(error)
        else:
            self.acceptor.update(server_host_keys=self._identity.pairs())

    async def renew_keys(self, algorithms: Sequence[str]) -> None:
        """Replace host keys; new connections see the new ones. Raises OSError."""
        await self._identity.regenerate(algorithms)
        self.acceptor.update(server_host_keys=self._identity.pairs())

    async def close(self) -> None:
        """Stop listening and end every session; operations in progress are carried to their end."""
        self.acceptor.close()
        await self.call_home.close()
        if self._making:
            await self._making
        await self.server.close()


async def listen(host: str, port: int, service: Service, bound: socket.socket | None = None) -> SshListener:
    """Accept logins at an address ("" for all) and port (0 for any), or on a socket that is bound, and call home.

    Raises OSError.
    """
    configuration = service.configuration
    sources = Sources(time.monotonic)
    identity = Identity(service.state_dir, configuration.alarms)
    listener: SshListener
    state = SshState(
        service.state,
        identity,
        sources,
        renew=lambda algorithms: listener.renew_keys(algorithms),
        calls=lambda: listener.call_home.shown(),
        shown="applianced-state" in configuration.models.names,
    )
    server = NetconfServer(configuration, state, service.state_dir)
    admission = Admission(lambda: server.limits.ssh, server.counters, sources)
    await identity.offer(server.limits.ssh.hostkey_algorithms)
    _allow_many_files()
    listener = SshListener(server, service, admission, identity)
    await listener.start(host, port, bound)
    configuration.follow(listener.changed)
    if service.rebind is not None:
        configuration.join(FollowedPort(listener, service.rebind))
    listener.changed(configuration.config)
    return listener


def _options(limits: SshLimits) -> dict[str, float]:
    """What the SSH library itself watches over."""
    return {
        "login_timeout": limits.login_grace_time_s,
        "keepalive_interval": limits.client_alive_interval_s,
        "keepalive_count_max": limits.client_alive_count_max,
    }


def _allow_many_files() -> None:
    """A connection is a file; connection-limit goes beyond the usual soft limit of 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, _FILES_WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _generate(algorithm: str) -> bytes:
    return asyncssh.generate_private_key(algorithm, comment="applianced").export_private_key()
