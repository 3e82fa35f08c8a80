"""Management's end of the agent's socket, against a listener that answers as it is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from applianced.compiler.plan import AlgInZone, AlgPlan, Plan, PolicyName
from applianced.dataplane.channel import Decoder, Message, encode
from applianced.dataplane.participant import AgentClient, removed, silenced
from applianced.errors import DataplaneError

Answer = Callable[[Message], Awaitable[Message | None]]


@asynccontextmanager
async def agent(directory: Path, answer: Answer) -> AsyncIterator[AgentClient]:
    """A client whose agent answers with `answer`; None closes the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = Decoder()
        with contextlib.suppress(ConnectionError):
            while octets := await reader.read(4096):
                for request in decoder.feed(octets):
                    said = await answer(request)
                    if said is None:
                        writer.close()
                        return
                    writer.write(encode(said))
        writer.close()

    path = directory / "agent.sock"
    server = await asyncio.start_unix_server(serve, str(path))
    client = AgentClient(path)
    try:
        yield client
    finally:
        client._drop()
        server.close()


def test_answers_and_refusals(tmp_path: Path) -> None:
    async def answer(request: Message) -> Message:
        if request["op"] == "bad":
            return {"ok": False, "what": "nft", "detail": "no", "path": "/a:b"}
        return {"ok": True, "told": request["value"]}

    async def run() -> None:
        async with agent(tmp_path, answer) as client:
            assert (await client.call("good", value=1))["told"] == 1
            with pytest.raises(DataplaneError, match="nft: no") as caught:
                await client.call("bad")
            assert caught.value.path == "/a:b"
            assert (await client.call("good", value=2))["told"] == 2

    asyncio.run(run())


def test_calls_at_once_take_turns(tmp_path: Path) -> None:
    async def answer(request: Message) -> Message:
        await asyncio.sleep(0)
        return {"ok": True, "told": request["value"]}

    async def run() -> None:
        async with agent(tmp_path, answer) as client:
            answers = await asyncio.gather(*(client.call("x", value=value) for value in range(20)))
            assert [each["told"] for each in answers] == list(range(20))

    asyncio.run(run())


def test_a_replaced_agent_is_found_again(tmp_path: Path) -> None:
    async def answer(request: Message) -> Message | None:
        return {"ok": True} if request["op"] == "good" else None

    async def run() -> None:
        async with agent(tmp_path, answer) as client:
            with pytest.raises(DataplaneError, match="closed the connection"):
                await client.call("die")
            await client.call("good")

    asyncio.run(run())


def test_an_agent_that_went_between_two_calls_costs_nothing(tmp_path: Path) -> None:
    """The end of the stream was seen: the next call does not even try it."""

    async def answer(request: Message) -> Message:
        return {"ok": True}

    async def run() -> None:
        async with agent(tmp_path, answer) as client:
            await client.call("x")
            assert client._streams is not None
            reader, _ = client._streams
            reader.feed_eof()
            await client.call("x")

    asyncio.run(run())


def test_a_cancelled_call_does_not_shift_the_answers(tmp_path: Path) -> None:
    """A session that goes away in the middle of its request must not leave its answer to another's."""
    go_on = asyncio.Event()

    async def answer(request: Message) -> Message:
        if request["value"] == 1:
            await go_on.wait()
        return {"ok": True, "told": request["value"]}

    async def run() -> None:
        async with agent(tmp_path, answer) as client:
            first = asyncio.create_task(client.call("x", value=1))
            await asyncio.sleep(0.01)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            go_on.set()
            assert (await client.call("x", value=2))["told"] == 2

    asyncio.run(run())


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(DataplaneError, match=r"dataplane agent \(hello\)"):
        asyncio.run(AgentClient(tmp_path / "nothing").call("hello"))


def plan(policies: tuple[PolicyName, ...] = (), **algs: str) -> Plan:
    states = tuple(AlgPlan(name=name, state=state, origin="") for name, state in algs.items())
    return Plan(ruleset="", chains={}, queues=1, policies=policies, algs=states)


def policy(number: int, name: str) -> PolicyName:
    return PolicyName(number=number, name=name, from_zone="a", to_zone="b")


def test_removed_policies_by_their_number() -> None:
    old = plan((policy(1, "one"), policy(2, "two"), policy(3, "three")))
    new = plan((policy(1, "one"), policy(2, "other"), policy(4, "three")))
    assert removed(old, new) == ([2, 3], [])


def test_removed_algs_by_their_number_in_ct_mark() -> None:
    assert removed(plan(ftp="enabled", sip="enabled"), plan(ftp="disabled", sip="enabled")) == ([], [2])
    assert removed(plan(ftp="disabled"), plan(ftp="enabled")) == ([], [])
    assert removed(plan(ftp="enabled"), plan()) == ([], [2])


def test_nothing_is_removed_at_first() -> None:
    assert removed(None, plan((policy(1, "one"),), ftp="enabled")) == ([], [])


def zoned(device: str, **zones: str) -> Plan:
    """FTP on the device, and where a zone's own policy decides; policies 1 and 2 are between zones, 3 is global."""
    own = tuple(AlgInZone(zone=zone, state=state, origin="", decided_by="zone-policy") for zone, state in zones.items())
    between = tuple(
        PolicyName(number=number, name=name, from_zone=zone, to_zone="a")
        for number, name, zone in ((1, "one", "a"), (2, "two", "b"), (3, "three", ""))
    )
    algs = (AlgPlan(name="ftp", state=device, origin="", zones=own),)
    return Plan(ruleset="", chains={}, queues=1, policies=between, algs=algs, zones={"a0": "a", "b0": "b"})


_HERE = [(2, 3, ["a0"]), (2, 0, ["a0"])]
_THERE = [(2, 3, ["b0"]), (2, 0, ["b0"])]
"""Of the global policy and the default policy: what entered by zone a or by zone b."""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(zoned("enabled"), zoned("enabled", b="disabled"), [(2, 2, []), *_THERE], id="off in a zone"),
        pytest.param(zoned("enabled"), zoned("disabled", b="enabled"), [(2, 1, []), *_HERE], id="on in one only"),
        pytest.param(zoned("disabled", b="enabled"), zoned("enabled", b="disabled"), [(2, 2, []), *_THERE], id="swap"),
        pytest.param(zoned("enabled", b="disabled"), zoned("enabled", b="disabled"), [], id="as before"),
        pytest.param(zoned("enabled", b="disabled"), zoned("enabled"), [], id="on again"),
        pytest.param(zoned("enabled"), zoned("disabled", b="disabled"), [], id="off everywhere is not of zones"),
        pytest.param(None, zoned("enabled"), [], id="at first"),
    ],
)
def test_algs_that_are_silenced_in_a_zone(
    old: Plan | None, new: Plan, expected: list[tuple[int, int, list[str]]]
) -> None:
    assert silenced(old, new) == expected


def test_an_alg_is_removed_when_no_zone_has_it() -> None:
    assert removed(zoned("enabled"), zoned("disabled", b="enabled")) == ([], [])
    assert removed(zoned("disabled", b="enabled"), zoned("disabled")) == ([], [2])
