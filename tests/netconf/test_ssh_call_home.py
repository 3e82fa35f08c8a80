"""Call home (RFC 8071): the appliance connects, the client logs in, and NETCONF is as ever."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from applianced.config.access import CallHomeClient, Periodic
from applianced.config.access import Endpoint as Home
from tests.support.netconf_session import DEADLINE_S
from tests.support.ssh_endpoint import Endpoint, Netconf, eventually, run

DISCARD = "<discard-changes/>"


class Controller:
    """A management station that listens for appliances."""

    def __init__(self) -> None:
        self.calls: asyncio.Queue[asyncssh.SSHClientConnection] = asyncio.Queue()
        self.port = 0

    @classmethod
    @asynccontextmanager
    async def listening(cls, key: asyncssh.SSHKey) -> AsyncIterator[Controller]:
        self = cls()
        options: dict[str, Any] = {"username": "admin", "client_keys": [key], "known_hosts": None, "config": None}
        async with asyncssh.listen_reverse("127.0.0.1", 0, acceptor=self.calls.put_nowait, **options) as acceptor:
            self.port = acceptor.get_port()
            yield self

    async def called(self) -> asyncssh.SSHClientConnection:
        async with asyncio.timeout(DEADLINE_S):
            return await self.calls.get()


def client(*ports: int, **strategy: Any) -> CallHomeClient:
    homes = tuple(Home(name=f"e{number}", address="127.0.0.1", port=port) for number, port in enumerate(ports))
    return CallHomeClient(name="controller", endpoints=homes, **({"interval_s": 0.01, "max_attempts": 1} | strategy))


@pytest.fixture
def closed_port() -> int:
    """Nobody listens there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def shown(endpoint: Endpoint) -> dict[str, Any]:
    (entry,) = endpoint.listener.call_home.shown()
    return entry


def test_it_calls_again_until_it_is_told_not_to(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with Controller.listening(endpoint.key) as controller:
            await endpoint.commit(call_home=(client(controller.port),))
            for _ in range(3):
                connection = await controller.called()
                assert b"<ok/>" in await (await Netconf.over(connection)).rpc(DISCARD)
                connection.abort()
            last = await controller.called()
            session = await Netconf.over(last)
            await eventually(lambda: shown(endpoint).get("connected-endpoint") == "e0", "the state")
            await endpoint.commit(host_name="another")
            assert b"<ok/>" in await session.rpc(DISCARD), "a commit about something else leaves it alone"
            await endpoint.commit(call_home=())
            async with asyncio.timeout(DEADLINE_S):
                await last.wait_closed()
            assert not endpoint.listener.call_home.shown()
            assert controller.calls.empty()

    run(tmp_path, scenario)


def test_any_endpoint_may_be_the_first(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with Controller.listening(endpoint.key) as one, Controller.listening(endpoint.key) as two:
            await endpoint.commit(call_home=(client(one.port, two.port, start_with="random-selection"),))
            waiting = [asyncio.create_task(controller.called()) for controller in (one, two)]
            called: set[int] = set()
            while called != {0, 1}:
                for number, task in enumerate(waiting):
                    if task.done():
                        called.add(number)
                        task.result().abort()
                        waiting[number] = asyncio.create_task((one, two)[number].called())
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=DEADLINE_S)
            for task in waiting:
                task.cancel()

    run(tmp_path, scenario)


@pytest.mark.parametrize("start_with", ["first-listed", "last-connected"])
def test_strategies(tmp_path: Path, closed_port: int, caplog: pytest.LogCaptureFixture, start_with: str) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with Controller.listening(endpoint.key) as second:
            called = client(closed_port, second.port, start_with=start_with, max_attempts=2)
            await endpoint.commit(call_home=(called,))
            (await second.called()).abort()
            assert shown(endpoint)["failed-attempts"] == 2
            assert f"call home to controller: e0 (127.0.0.1 port {closed_port})" in caplog.text
            await second.called()
            assert shown(endpoint)["failed-attempts"] == (2 if start_with == "last-connected" else 4)

    run(tmp_path, scenario)


def test_periodic_calls(tmp_path: Path) -> None:
    """One at a time, closed when it is not used, and again when the next is due."""

    async def scenario(endpoint: Endpoint) -> None:
        async with Controller.listening(endpoint.key) as controller:
            periodic = Periodic(period_s=1.5, idle_timeout_s=0.5)
            begun = time.monotonic()
            await endpoint.commit(call_home=(client(controller.port, periodic=periodic),))
            first = await controller.called()
            session = await Netconf.over(first)
            for _ in range(4):
                await asyncio.sleep(0.2)
                assert b"<ok/>" in await session.rpc(DISCARD), "a connection that is used stays"
            assert "next-call" not in shown(endpoint)
            async with asyncio.timeout(DEADLINE_S):
                await first.wait_closed()
            await eventually(lambda: "next-call" in shown(endpoint), "the state")
            assert controller.calls.empty()
            (await controller.called()).abort()
            assert time.monotonic() - begun >= 1.4

    run(tmp_path, scenario)


def test_a_periodic_call_waits_for_its_time(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with Controller.listening(endpoint.key) as controller:
            periodic = Periodic(period_s=3600, anchor_s=time.time() - 1800)
            await endpoint.commit(call_home=(client(controller.port, periodic=periodic),))
            await eventually(lambda: "next-call" in shown(endpoint), "the state")
            soon = Periodic(period_s=3600, anchor_s=time.time() + 0.2 - 7200)
            await endpoint.commit(call_home=(client(controller.port, periodic=soon),))
            assert controller.calls.empty()
            (await controller.called()).abort()

    run(tmp_path, scenario)


def test_whoever_cannot_log_in_is_called_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with Controller.listening(asyncssh.generate_private_key("ssh-ed25519")) as stranger:
            await endpoint.commit(call_home=(client(stranger.port),))
            await eventually(lambda: shown(endpoint)["failed-attempts"] >= 2, "two attempts")
            assert "by publickey: SHA256:" in caplog.text
            assert "last-failure" in shown(endpoint)
            assert stranger.calls.empty()

    run(tmp_path, scenario)


def test_it_stops_with_the_server(tmp_path: Path, closed_port: int) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        await endpoint.commit(call_home=(client(closed_port, interval_s=3600),))
        await eventually(lambda: shown(endpoint)["failed-attempts"] == 1, "an attempt")

    run(tmp_path, scenario)
