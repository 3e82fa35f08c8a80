"""Limits of connections over real SSH; every refusal is logged with its source and counted."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from applianced.config.access import NetconfLimits, SshLimits
from applianced.config.schema import System
from tests.support.netconf_session import DEADLINE_S
from tests.support.ssh_endpoint import Endpoint, Netconf, eventually, run

DISCARD = "<discard-changes/>"


def _system(**ssh: Any) -> System:
    return System(netconf=NetconfLimits(ssh=SshLimits(**ssh)))


@contextmanager
def strangers(port: int, count: int) -> Iterator[list[socket.socket]]:
    """TCP connections that say nothing."""
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()


def test_silent_strangers_lock_nobody_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        with strangers(endpoint.port, 20):
            async with asyncio.timeout(DEADLINE_S), endpoint.login() as connection:
                assert b"<ok/>" in await (await Netconf.over(connection)).rpc(DISCARD)
                assert "ended before its login, newer ones came: pending-login-limit is 5" in caplog.text
                assert endpoint.counters.logins_abandoned == 16

    run(tmp_path, scenario, _system(pending_login_limit=5))


def test_strangers_give_way_when_connections_run_out(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        with strangers(endpoint.port, 3):
            async with endpoint.login() as one, endpoint.login() as two:
                for connection in (one, two):
                    assert b"<ok/>" in await (await Netconf.over(connection)).rpc(DISCARD)

    run(tmp_path, scenario, _system(connection_limit=2))


def test_connections_that_are_logged_in_are_not_pushed_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login() as connection:
            with pytest.raises((asyncssh.Error, OSError)):
                async with endpoint.login():
                    pass
            assert "connection refused: 127.0.0.1:" in caplog.text
            assert "connection-limit is 1" in caplog.text
            assert endpoint.counters.connections_refused == 1
            assert b"<ok/>" in await (await Netconf.over(connection)).rpc(DISCARD)
            await endpoint.commit(netconf=NetconfLimits(ssh=SshLimits(connection_limit=2)))
            async with endpoint.login() as another:
                assert b"<ok/>" in await (await Netconf.over(another)).rpc(DISCARD)

    run(tmp_path, scenario, _system(connection_limit=1))


def test_connections_a_minute(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        for _ in range(2):
            async with endpoint.login():
                pass
        with pytest.raises((asyncssh.Error, OSError)):
            async with endpoint.login():
                pass
        assert "rate-limit is 2 a minute from 127.0.0.1" in caplog.text
        assert endpoint.counters.connections_refused == 1

    run(tmp_path, scenario, _system(rate_limit=2))


def test_a_login_has_a_deadline(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        await endpoint.commit(netconf=NetconfLimits(ssh=SshLimits(login_grace_time_s=0.1)))
        async with asyncio.timeout(DEADLINE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
            await reader.read()
        writer.close()
        await eventually(lambda: endpoint.counters.logins_abandoned == 1, "the count")

    run(tmp_path, scenario)


def test_sessions_of_one_connection(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login() as connection:
            for _ in range(2):
                await Netconf.over(connection)
            with pytest.raises(asyncssh.ChannelOpenError):
                await Netconf.over(connection)
            assert "user 'admin' from 127.0.0.1:" in caplog.text
            assert "max-sessions-per-connection is 2" in caplog.text
            assert endpoint.counters.sessions_refused == 1

    run(tmp_path, scenario, _system(max_sessions_per_connection=2))


def test_a_session_beyond_the_limit_is_closed(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login() as connection:
            await Netconf.over(connection)
            _, reader, _ = await connection.open_session(subsystem="netconf", encoding=None)
            async with asyncio.timeout(DEADLINE_S):
                assert await reader.read() == b""
            assert endpoint.counters.sessions_refused == 1

    run(tmp_path, scenario, System(netconf=NetconfLimits(session_limit=1)))


def test_keep_alives_of_tcp_follow_the_configuration(tmp_path: Path) -> None:
    def options(server: socket.socket) -> tuple[int, ...]:
        names = (socket.TCP_NODELAY, socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        times = (socket.TCP_USER_TIMEOUT,)
        return tuple(server.getsockopt(socket.IPPROTO_TCP, name) for name in names + times)

    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login():
            (guest,) = endpoint.listener._admission.everybody()
            server = guest._connection.get_extra_info("socket")  # type: ignore[attr-defined]
            assert server.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert options(server) == (1, 60, 10, 5, 120_000)
            changed = SshLimits(tcp_idle_time_s=5, tcp_probe_interval_s=2, tcp_max_probes=3)
            await endpoint.commit(netconf=NetconfLimits(ssh=changed, reply_timeout_s=7))
            assert options(server) == (1, 5, 2, 3, 11_000)

    run(tmp_path, scenario)


def test_a_dead_peer_is_noticed_and_its_lock_released(tmp_path: Path) -> None:
    """The peer's TCP lives and its SSH does not: a machine that hangs, a proxy that lost its far side."""

    async def scenario(endpoint: Endpoint) -> None:
        async with AsyncExitStack() as stack:
            dead = await stack.enter_async_context(endpoint.login())
            alive = await Netconf.over(await stack.enter_async_context(endpoint.login()))
            assert b"<ok/>" in await (await Netconf.over(dead)).rpc("<lock><target><candidate/></target></lock>")
            transport = dead._transport  # type: ignore[attr-defined]
            assert transport
            transport.pause_reading()
            fast = SshLimits(client_alive_interval_s=0.05, client_alive_count_max=2)
            await endpoint.commit(netconf=NetconfLimits(ssh=fast))
            async with asyncio.timeout(DEADLINE_S):
                while b"<ok/>" not in await alive.rpc("<lock><target><candidate/></target></lock>"):
                    await asyncio.sleep(0.01)
            dead.abort()

    run(tmp_path, scenario)
