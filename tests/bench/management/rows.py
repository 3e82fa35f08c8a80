"""What is measured, each against a server of its own where what was there before would be seen."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from statistics import median
from typing import NamedTuple

from tests.bench.management import programs
from tests.bench.management.client import Session
from tests.bench.management.programs import Program
from tests.bench.management.requests import (
    COMMIT,
    ENTRIES,
    LOCK,
    SMALL,
    UNLOCK,
    VALIDATE,
    application,
    edit,
    edit_all,
    get,
    get_one,
)

Figures = dict[str, float]
"""By the name of a row, in its unit."""

LOGINS, AT_ONCE, WAVES = 40, 20, 4
READS, WHOLE_READS, CHANGES, BULKS = 1000, 15, 40, 3
IDLE_SESSIONS, IDLE_S = 50, 3.0


class Group(NamedTuple):
    """Rows that are measured together. of_floor: the floor can do it as well. scales: its floor scales others."""

    name: str
    measure: Callable[[Program], Awaitable[Figures]]
    of_floor: bool = False
    scales: bool = False


async def logins(program: Program) -> Figures:
    """One after the other, then so many at once."""

    async def one() -> float:
        began = time.perf_counter()
        await (await program.session()).close()
        return time.perf_counter() - began

    await one()
    with _quiet():
        began = time.perf_counter()
        for _ in range(LOGINS):
            await one()
        sequential_s = time.perf_counter() - began
        together = [took for _ in range(WAVES) for took in await asyncio.gather(*(one() for _ in range(AT_ONCE)))]
    return {"logins": LOGINS / sequential_s, "logins at once, p99": 1000 * quantile(together, 0.99)}


async def small(program: Program) -> Figures:
    """A get-config with a short reply, again and again on one session."""
    session = await program.session()
    await _commit(session, edit(application(0)))
    for _ in range(50):
        await session.rpc(SMALL)
    with _quiet():
        began = time.perf_counter()
        for _ in range(READS):
            await session.rpc(SMALL)
        spent_s = time.perf_counter() - began
    await session.close()
    return {"small get-config": READS / spent_s}


async def reading(program: Program) -> Figures:
    """Everything, and one entry by its key, of many."""
    session = await program.session()
    await _commit(session, edit_all())
    with _quiet():
        whole = [await session.rpc(get()) for _ in range(WHOLE_READS)]
        single = [(await session.rpc(get_one(number * 7))).whole_s for number in range(200)]
    changed = []
    for number in range(WHOLE_READS // 3):
        await _commit(session, edit(application(5000, 2000 + number)))
        changed.append((await session.rpc(get())).first_s)
    await session.close()
    if not all(reply.data.count(b"<application>") == ENTRIES for reply in whole):
        raise RuntimeError("entries are missing in a reply")
    return {
        "get-config of all": len(whole[0].data) / 1e6 / median(reply.whole_s for reply in whole),
        "first octet of it": 1000 * median(reply.first_s for reply in whole),
        "first octet of it, after a commit": 1000 * median(changed),
        "one entry by key": 1000 * median(single),
    }


async def changing(program: Program) -> Figures:
    """One entry among many is changed, in two operations and in five; then all of them are made in one edit."""
    session = await program.session()
    bulks = []
    for _ in range(BULKS):
        began = time.perf_counter()
        for operation in (edit_all(), VALIDATE, COMMIT):
            await session.rpc(operation)
        bulks.append(time.perf_counter() - began)
        if len(bulks) < BULKS:
            await _commit(session, _REMOVE_ALL)
    with _quiet():
        plain = [await _timed(session, edit(application(5000, 2000 + at)), COMMIT) for at in range(CHANGES)]
        whole = [
            await _timed(session, LOCK, edit(application(5000, 4000 + at)), VALIDATE, COMMIT, UNLOCK)
            for at in range(CHANGES)
        ]
    await session.close()
    return {
        "edit and commit of one entry": 1000 * median(plain),
        "edit and commit of one entry, p99": 1000 * quantile(plain, 0.99),
        "lock, edit, validate, commit, unlock": 1000 * median(whole),
        "all entries in one edit": 1000 * median(bulks),
    }


async def growing(program: Program) -> Figures:
    """What a change costs with few entries, to be held against what it costs with many."""
    session = await program.session()
    await _commit(session, edit_all(range(100)))
    with _quiet():
        plain = [await _timed(session, edit(application(50, 2000 + at)), COMMIT) for at in range(CHANGES)]
    await session.close()
    return {"edit and commit of one entry, 100 entries": 1000 * median(plain)}


async def idling(program: Program) -> Figures:
    """Sessions that do nothing."""
    await (await program.session()).close()
    before_kib = program.resident_kib()
    async with AsyncExitStack() as stack:
        for _ in range(IDLE_SESSIONS):
            stack.push_async_callback((await program.session()).close)
        await asyncio.sleep(0.5)
        used_s = program.used_s()
        await asyncio.sleep(IDLE_S)
        share = (program.used_s() - used_s) / IDLE_S
        grown_kib = program.resident_kib() - before_kib
    return {"memory of an idle session": grown_kib / IDLE_SESSIONS, "processor, 50 idle sessions": 100 * share}


async def beside(program: Program) -> Figures:
    """Small reads of one session while another commits many entries, and takes them away again."""
    session, other = await program.session(), await program.session()
    await _commit(session, edit(application(0)))
    took: list[float] = []

    async def busy() -> None:
        for _ in range(BULKS):
            for operation in (edit_all(), VALIDATE, COMMIT):
                await other.rpc(operation)
            await _commit(other, _REMOVE_ALL)

    with _quiet():
        work = asyncio.create_task(busy())
        while not work.done():
            took.append((await session.rpc(_EMPTY)).whole_s)
        await work
    await session.close()
    await other.close()
    return {"small get-config beside a large commit, p99": 1000 * quantile(took, 0.99)}


_EMPTY = get("<application-set/>")
_REMOVE_ALL = edit("").replace(
    "<applications ", '<applications nc:operation="remove" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" '
)
GROUPS = (
    Group("logins", logins, of_floor=True, scales=True),
    Group("small", small, of_floor=True, scales=True),
    Group("reading", reading, of_floor=True),
    Group("changing", changing),
    Group("growing", growing),
    Group("idle", idling),
    Group("beside", beside),
)


def measure(group: Group, *, floor: bool = False) -> Figures:
    """One group, on a fresh program. floor: on asyncssh and lxml alone instead of the appliance."""
    with programs.floor() if floor else programs.appliance() as program:
        return asyncio.run(_measured(group, program))


async def _measured(group: Group, program: Program) -> Figures:
    return await group.measure(program)


async def _commit(session: Session, change: str) -> None:
    await session.rpc(change)
    await session.rpc(COMMIT)


async def _timed(session: Session, *operations: str) -> float:
    began = time.perf_counter()
    for operation in operations:
        await session.rpc(operation)
    return time.perf_counter() - began


def quantile(values: list[float], part: float) -> float:
    """The least value that so large a part of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


@contextmanager
def _quiet() -> Iterator[None]:
    """The client's own collections are not measured."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
