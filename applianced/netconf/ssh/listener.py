"""The listening server (RFC 6242 section 6)."""

from __future__ import annotations

import socket

import asyncssh

from applianced.netconf.server import NetconfServer
from applianced.netconf.ssh.algorithms import OFFERED
from applianced.netconf.ssh.connection import Connection, Waiting
from applianced.northbound.service import Service
from applianced.system import host_keys

LOGIN_DEADLINE_S = 30
BACKLOG = 128


class SshListener:
    """A listening server and its sessions."""

    def __init__(self, acceptor: asyncssh.SSHAcceptor, server: NetconfServer) -> None:
        self._acceptor = acceptor
        self.server = server

    @property
    def port(self) -> int:
        """The TCP port, also when 0 was asked for."""
        return int(self._acceptor.get_port())

    async def close(self) -> None:
        """Stop listening and end every session; operations in progress are carried to their end."""
        self._acceptor.close()
        await self.server.close()


async def listen(host: str, port: int, service: Service, bound: socket.socket | None = None) -> SshListener:
    """Accept logins at an address ("" for all) and port (0 for any), or on a socket that is bound. Raises OSError."""
    keys = host_keys.load_or_create(service.state_dir, _generate)
    server = NetconfServer(service.configuration, service.state)
    waiting: Waiting = Waiting()
    acceptor = await asyncssh.create_server(
        lambda: Connection(service.users, server, waiting),
        "" if bound else host,
        0 if bound else port,
        sock=bound,
        # Keys, not files: the library reads them again at each login.
        server_host_keys=[asyncssh.read_private_key(key) for key in keys],
        backlog=BACKLOG,
        reuse_address=True,
        login_timeout=LOGIN_DEADLINE_S,
        keepalive_interval=60,
        keepalive_count_max=3,
        agent_forwarding=False,
        allow_scp=False,
        gss_host=None,
        x11_forwarding=False,
        server_version="applianced",
        **OFFERED,
    )
    return SshListener(acceptor, server)


def _generate(algorithm: str) -> bytes:
    return asyncssh.generate_private_key(algorithm, comment="applianced").export_private_key()
