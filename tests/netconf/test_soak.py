"""Many requests and many sessions against one server process: its memory stays where it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from statistics import linear_regression

import pytest

from tests.bench.management.client import RpcError, Session
from tests.bench.management.programs import Program, appliance
from tests.bench.management.requests import (
    COMMIT,
    LOCK,
    SMALL,
    UNLOCK,
    VALIDATE,
    application,
    edit,
    get,
    get_one,
)
from tests.support.soak import rounds

REQUESTS, SESSIONS = rounds(2_000), rounds(40)
"""100,000 and 2,000 in the long form."""
GROWTH_KIB = 4 * 1024
"""What the second half of either may add."""
SAMPLES = 40


def requests() -> Iterator[tuple[str, str]]:
    """What automation sends, and what it gets wrong; and what the reply must hold."""
    for number in cycle(range(1000)):
        name = f"<name>bench-{number % 50}</name>"
        yield LOCK, "<ok/>"
        yield edit(application(number % 50, 1024 + number)), "<ok/>"
        yield VALIDATE, "<ok/>"
        yield COMMIT, "<ok/>"
        yield UNLOCK, "<ok/>"
        yield get_one(number % 50), name
        yield SMALL, "<data"
        yield get(), "<application>"
        yield edit(f"<application>{name}<protocol>none</protocol></application>"), "invalid-value"
        yield edit("<application><name>lacks</name><destination-port>1</destination-port></application>"), "<ok/>"
        yield VALIDATE, "set 'protocol'"
        yield "<discard-changes/>", "<ok/>"
        yield "<get-config><source><candidate/></source></get-config>", "<applications"
        yield "<nonsense/>", "operation-not-supported"
        yield "<get/>", "netconf-state"
        yield '<get-config><source><running/></source><filter type="xpath" select="//*[not(*)]"/></get-config>', "<data"


async def ask(session: Session, operation: str) -> str:
    try:
        return (await session.rpc(operation)).data.decode()
    except RpcError as error:
        return str(error)


async def many_requests(program: Program) -> list[float]:
    session = await program.session()
    seen = []
    for number, (operation, wanted) in enumerate(islice(requests(), REQUESTS)):
        reply = await ask(session, operation)
        assert wanted in reply, (operation, reply[:500])
        if number % (REQUESTS // SAMPLES) == 0:
            seen.append(float(program.resident_kib()))
    await session.close()
    return seen


async def many_sessions(program: Program) -> list[float]:
    """Every third leaves without a word, with a lock and half an edit."""
    seen = []
    for number in range(SESSIONS):
        session = await program.session()
        if number % 3:
            assert "<ok/>" in await ask(session, "<discard-changes/>") or number % 3 == 1
            await session.close()
        else:
            await ask(session, LOCK)
            await ask(session, edit(application(number)))
            session.connection.abort()
        if number % (SESSIONS // SAMPLES) == 0:
            seen.append(float(program.resident_kib()))
    return seen


def assert_flat(seen: list[float]) -> None:
    """The second half of the run, after everything has been seen once, grows by no more than is allowed."""
    half = seen[len(seen) // 2 :]
    slope, _ = linear_regression(range(len(half)), half)
    grown = slope * len(half)
    assert grown < GROWTH_KIB, f"{grown:.0f} KiB in {len(half)} samples: {seen}"


@pytest.mark.timeout(3600)
def test_memory_stays_flat(tmp_path: Path) -> None:
    with appliance(tmp_path) as program:
        asyncio.run(_play(program))


async def _play(program: Program) -> None:
    assert_flat(await many_requests(program))
    assert_flat(await many_sessions(program))
    session = await program.session()
    assert "<ok/>" in await ask(session, LOCK), "a lock was left behind"
    await session.close()
