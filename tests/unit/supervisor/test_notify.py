"""What systemd hears."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from applianced.supervisor.notify import ServiceManager


@pytest.fixture(name="systemd", params=["path", "abstract"])
def _systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket that listens as systemd's does, and its name for NOTIFY_SOCKET."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@applianced-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name[1:] if name.startswith("@") else name)
        listener.settimeout(5)
        yield listener, name


def test_assignments_arrive_in_one_datagram(systemd: tuple[socket.socket, str]) -> None:
    listener, name = systemd
    ServiceManager({"NOTIFY_SOCKET": name}).tell("READY=1", "STATUS=in force")
    assert listener.recv(4096) == b"READY=1\nSTATUS=in force"


def test_signs_of_life_come_twice_as_often_as_asked(systemd: tuple[socket.socket, str]) -> None:
    listener, name = systemd
    manager = ServiceManager({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": str(os.getpid())})
    assert manager.interval_s == 0.01

    async def live() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(manager.keep_alive(), 0.2)

    asyncio.run(live())
    assert [listener.recv(4096) for _ in range(3)] == [b"WATCHDOG=1"] * 3


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "20000", "WATCHDOG_PID": "1"},
        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "soon"},
    ],
)
def test_where_nobody_listens_nothing_happens(environment: dict[str, str]) -> None:
    manager = ServiceManager(environment)
    manager.tell("READY=1")
    asyncio.run(asyncio.wait_for(manager.keep_alive(), 5))
