"""In which order endpoints are tried."""

from __future__ import annotations

import asyncio
import socket
from itertools import islice
from typing import NoReturn

import pytest

from applianced.config.access import CallHomeClient, Endpoint, Periodic
from applianced.netconf.ssh.call_home import CallHome, attempts, next_call
from tests.support.until import eventually

ENDPOINTS = tuple(Endpoint(name=name, address=name) for name in "abc")


@pytest.mark.parametrize(
    ("start_with", "last", "order"),
    [
        ("first-listed", "", "aabbccaa"),
        ("first-listed", "b", "aabbccaa"),
        ("last-connected", "", "aabbccaa"),
        ("last-connected", "b", "bbccaabb"),
        ("last-connected", "one that is no longer listed", "aabbccaa"),
        ("random-selection", "b", "ccaabbcc"),
    ],
)
def test_order_of_attempts(start_with: str, last: str, order: str) -> None:
    client = CallHomeClient(name="c", endpoints=ENDPOINTS, start_with=start_with, max_attempts=2)
    assert "".join(endpoint.name for endpoint in islice(attempts(client, last, lambda below: below - 1), 8)) == order


@pytest.mark.parametrize(
    ("anchor_s", "now_s", "again", "due_s"),
    [
        (None, 1000, False, 1000),
        (None, 1000.5, True, 1060),
        (None, 1060, True, 1120),
        (None, 1200.5, True, 1240),
        (5, 1000, False, 1025),
        (5, 1025.5, True, 1085),
        (5015, 1000, False, 1055),
        (5015, 1055, False, 1055),
    ],
)
def test_periodic_calls_are_whole_periods_from_their_anchor(
    anchor_s: float | None, now_s: float, again: bool, due_s: float
) -> None:
    periodic = Periodic(period_s=60, anchor_s=anchor_s)
    assert next_call(periodic, 1000, now_s, again=again) == due_s


def test_a_name_that_cannot_be_one_is_a_failure_like_others() -> None:
    async def dial(address: str, port: int) -> NoReturn:
        await asyncio.get_running_loop().run_in_executor(None, socket.getaddrinfo, address, port)
        raise AssertionError

    async def play() -> None:
        calls = CallHome(dial)
        calls.call([CallHomeClient(name="c", endpoints=(Endpoint(name="e", address="."),), max_attempts=1)])
        await eventually(lambda: calls.shown()[0]["failed-attempts"] > 0)
        assert "last-failure" in calls.shown()[0]
        await calls.close()

    asyncio.run(play())
