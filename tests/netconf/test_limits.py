"""Limits of sessions, whatever carries them: one just under, one just over, and new values at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from applianced.compiler.plan import Plan
from applianced.config.access import NetconfLimits
from applianced.config.schema import Config, System, User
from applianced.netconf.server import NetconfServer
from applianced.northbound.configuration import Configuration
from applianced.northbound.inforce import Built
from applianced.northbound.recording import Author
from tests.support.netconf_session import NC, Client, Wire, serving
from tests.support.shop import PASSWORD_HASH, touch

ADMIN = User(name="admin", password=PASSWORD_HASH, login_class="super-user")


class Limited:
    """A server whose limits a test may change by a commit."""

    def __init__(self, limits: NetconfLimits) -> None:
        self.limits = limits
        self.server: NetconfServer

    def build(self, data: Mapping[str, Any], in_force: Plan | None) -> Built:
        system = System(users={"admin": ADMIN}, netconf=self.limits)
        return Built(Config(system=system), Plan(ruleset="", chains={}, queues=1))

    async def commit(self, **changed: Any) -> None:
        self.limits = replace(self.limits, **changed)
        configuration: Configuration = self.server.configuration
        await configuration.amend(touch, Author("test", "test"), "")


def run(directory: Path, scenario: Callable[[Limited], Awaitable[None]], **limits: Any) -> None:
    limited = Limited(NetconfLimits(**limits))

    async def play() -> None:
        async with serving(directory, build=limited.build) as limited.server:
            await scenario(limited)

    asyncio.run(play())


@pytest.mark.parametrize(("established", "leaf"), [(False, "hello_timeout_s"), (True, "message_timeout_s")])
def test_half_a_message_does_not_stay(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, established: bool, leaf: str
) -> None:
    async def scenario(limited: Limited) -> None:
        client = Client(limited.server)
        if established:
            await client.connected()
            client.session.received(b"<rpc ")
        await client.closed()
        assert limited.server.counters.sessions_timed_out == 1
        assert "(admin from 192.0.2.1:4711) left its" in caplog.text

    run(tmp_path, scenario, **{leaf: 0.05})


def test_a_deadline_is_that_of_one_message(tmp_path: Path) -> None:
    """Whoever begins the next message in the same octets as the end of the last one is not late."""

    async def scenario(limited: Limited) -> None:
        client = await Client(limited.server).connected()
        deadlines = set()
        rpc = f'<rpc xmlns="{NC}" message-id="1"><discard-changes/></rpc>]]>]]>'.encode()
        client.session.received(rpc[:9])
        for _ in range(3):
            deadlines.add(client.session._deadline)
            client.session.received(rpc[9:] + rpc[:9])
            await client.next()
        assert len(deadlines) == 3

    run(tmp_path, scenario)


def test_an_idle_session_ends(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(limited: Limited) -> None:
        client = await Client(limited.server).connected()
        assert await client.rpc("<discard-changes/>") == "<ok/>"
        await limited.commit(idle_timeout_s=0.05)
        await client.closed()
        assert "was idle for 0.05 s" in caplog.text
        assert limited.server.counters.sessions_timed_out == 1

    run(tmp_path, scenario)


def test_a_busy_session_is_not_idle(tmp_path: Path) -> None:
    async def scenario(limited: Limited) -> None:
        client = await Client(limited.server).connected()
        client.session._busy = True
        client.session._active_at -= 1000
        client.session._watch_idleness()
        client.session._busy = False
        assert await client.rpc("<discard-changes/>") == "<ok/>"

    run(tmp_path, scenario, idle_timeout_s=900)


def test_sessions_beyond_the_limit_are_refused_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(limited: Limited) -> None:
        server = limited.server
        assert server.open(Wire(), Author("admin", "192.0.2.1:1"))
        last = server.open(Wire(), Author("admin", "192.0.2.1:2"))
        assert last
        assert server.open(Wire(), Author("admin", "192.0.2.1:3")) is None
        assert "session refused: user 'admin' from 192.0.2.1:3: session-limit is 2" in caplog.text
        last.kill()
        await last.ended()
        assert server.open(Wire(), Author("admin", "192.0.2.1:4"))
        await limited.commit(session_limit=3)
        assert server.open(Wire(), Author("admin", "192.0.2.1:5"))
        assert server.counters.sessions_refused == 1

    run(tmp_path, scenario, session_limit=2)


def test_one_user_leaves_sessions_to_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(limited: Limited) -> None:
        server = limited.server
        first = server.open(Wire(), Author("admin", "192.0.2.1:1"))
        assert first
        assert server.open(Wire(), Author("admin", "192.0.2.1:2")) is None
        assert "session-limit-per-user is 1" in caplog.text
        assert server.open(Wire(), Author("other", "192.0.2.1:3"))
        first.kill()
        await first.ended()
        assert server.open(Wire(), Author("admin", "192.0.2.1:4"))

    run(tmp_path, scenario, session_limit_per_user=1)


def test_the_size_of_a_message(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def rpc(size: int) -> bytes:
        start, end = f'<rpc xmlns="{NC}" message-id="1"><discard-changes/>', "</rpc>"
        return f"{start}{' ' * (size - len(start) - len(end))}{end}".encode()

    async def scenario(limited: Limited) -> None:
        client = await Client(limited.server).connected()
        client.octets(rpc(70_000))
        assert b"<ok/>" in await client.next()
        await limited.commit(message_size=65_536)
        client.octets(rpc(65_536))
        assert b"<ok/>" in await client.next()
        assert limited.server.counters.in_bad_rpcs == 0
        client.octets(rpc(65_537))
        assert b"<error-tag>too-big<" in await client.next()
        await client.closed()
        assert limited.server.counters.in_bad_rpcs == 1
        assert "session 1 (admin from 192.0.2.1:4711) closed: message-size is 65536" in caplog.text

    run(tmp_path, scenario)


def test_what_waits_in_a_session_is_bounded_in_octets(tmp_path: Path) -> None:
    async def scenario(limited: Limited) -> None:
        client = await Client(limited.server).connected()
        for _ in range(3):
            client.octets(f'<rpc xmlns="{NC}" message-id="1"><discard-changes/>{" " * 40_000}</rpc>'.encode())
        assert not client.wire.reading
        for _ in range(3):
            assert b"<ok/>" in await client.next()
        assert client.wire.reading

    run(tmp_path, scenario, message_size=65_536)


def test_all_sessions_together_hold_bounded_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(limited: Limited) -> None:
        server = limited.server
        clients = [await Client(server).connected() for _ in range(3)]
        for client, octets in zip(clients, (30_000, 60_000, 40_000), strict=True):
            assert await client.rpc("<discard-changes/>") == "<ok/>"
            client.session.received(b"<" * octets)
        await clients[1].closed()
        assert "session 2 (admin from 192.0.2.1:4711) killed, it holds 60000 octets" in caplog.text
        assert server.counters.sessions_out_of_memory == 1
        assert server._held_total == 70_000
        for client in (clients[0], clients[2]):
            client.session.finished()
            await client.closed()
        assert (server._held_total, server._held) == (0, {})

    run(tmp_path, scenario, message_size=65_536, message_memory=100_000)
