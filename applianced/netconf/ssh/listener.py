"""The listening server (RFC 6242 section 6)."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from collections.abc import Sequence
from contextlib import suppress

import asyncssh

from applianced.config.access import SshLimits
from applianced.config.schema import Config
from applianced.netconf.server import NetconfServer
from applianced.netconf.ssh.admission import Admission
from applianced.netconf.ssh.algorithms import OFFERED
from applianced.netconf.ssh.connection import Connection
from applianced.netconf.ssh.identity import Identity
from applianced.netconf.ssh.sources import Sources
from applianced.netconf.ssh.state import SshState
from applianced.northbound.service import Service

BACKLOG = 512
"""Connections that the kernel completes before we look at them: a burst of logins must lose none."""
_FILES_WANTED = 16384


class SshListener:
    """A listening server and its sessions."""

    def __init__(
        self, acceptor: asyncssh.SSHAcceptor, server: NetconfServer, admission: Admission, identity: Identity
    ) -> None:
        self._acceptor = acceptor
        self.server = server
        self._admission = admission
        self._identity = identity
        self._known = server.limits
        self._making: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The TCP port, also when 0 was asked for."""
        return int(self._acceptor.get_port())

    def limits_changed(self, config: Config) -> None:
        """A configuration came into force: go by it, also with the connections that are open."""
        known, limits = self._known, config.system.netconf
        if limits == known:
            return
        self._known = limits
        self._acceptor.update(**_options(limits.ssh))
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
            self._acceptor.update(server_host_keys=self._identity.pairs())

    async def renew_keys(self, algorithms: Sequence[str]) -> None:
        """Replace host keys; new connections see the new ones. Raises OSError."""
        await self._identity.regenerate(algorithms)
        self._acceptor.update(server_host_keys=self._identity.pairs())

    async def close(self) -> None:
        """Stop listening and end every session; operations in progress are carried to their end."""
        self._acceptor.close()
        if self._making:
            await self._making
        await self.server.close()


async def listen(host: str, port: int, service: Service, bound: socket.socket | None = None) -> SshListener:
    """Accept logins at an address ("" for all) and port (0 for any), or on a socket that is bound. Raises OSError."""
    configuration = service.configuration
    sources = Sources(time.monotonic)
    identity = Identity(service.state_dir, configuration.alarms)
    listener: SshListener

    async def renew(algorithms: Sequence[str]) -> None:
        await listener.renew_keys(algorithms)

    shown = "applianced-state" in configuration.models.names
    server = NetconfServer(configuration, SshState(service.state, identity, sources, renew, shown=shown))
    admission = Admission(lambda: server.limits.ssh, server.counters, sources)
    await identity.offer(server.limits.ssh.hostkey_algorithms)
    _allow_many_files()
    acceptor = await asyncssh.create_server(
        lambda: Connection(service.users, server, admission, lambda: configuration.config.system.retry),
        "" if bound else host,
        0 if bound else port,
        sock=bound,
        # Pairs, not files: the library reads files again at each login.
        server_host_keys=identity.pairs(),
        backlog=BACKLOG,
        reuse_address=True,
        agent_forwarding=False,
        allow_scp=False,
        gss_host=None,
        x11_forwarding=False,
        server_version="applianced",
        **_options(server.limits.ssh),
        **OFFERED,
    )
    listener = SshListener(acceptor, server, admission, identity)
    configuration.follow(listener.limits_changed)
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
