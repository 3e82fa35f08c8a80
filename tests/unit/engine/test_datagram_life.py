"""Whatever comes, in whatever order: datagrams raise nothing, and all that was opened is closed in the end."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from applianced.alg import tftp
from tests.support.datagrams import CLIENT, DESCRIPTOR, FORGETFUL, DatagramBench, bench_of
from tests.support.soak import rounds

PORTS = (1000, 2000, 40000)
WORDS = [b"open", b"await", b"close 1", b"over", b"refuse", b"bad", b"grow 3", b"half", b"plain", b""]
TRANSFER = [
    b"\0\1name\0octet\0", b"\0\2name\0netascii\0blksize\x001400\0", b"\0\1other\0octet\0\0\0", b"\0\1n\0mail\0",
    b"\0\3\0\1data", b"\0\4\0\1", b"\0\5\0\1no\0", b"\0\6blksize\x001400\0", b"",
]  # fmt: skip


def steps(payloads: list[bytes]) -> st.SearchStrategy[list[tuple[str, int, bytes, float]]]:
    """(what happens, on which port, payload, seconds after the last)."""
    one = st.tuples(
        st.sampled_from(["say", "say", "say", "answer", "tick", "restart"]),
        st.sampled_from(PORTS),
        st.one_of(st.sampled_from(payloads), st.binary(max_size=20).map(lambda data: b"\0" + data)),
        st.sampled_from([0.0, 0.01, 0.5, 4.0, 15.0]),
    )
    return st.lists(one, max_size=30)


def live(bench: DatagramBench, found: list[tuple[str, int, bytes, float]]) -> None:
    """Take the steps, then let everything end by time."""
    for what, port, payload, later_s in found:
        bench.now += later_s
        client = CLIENT._replace(port=port)
        if what == "say":
            bench.say(payload, client=client)
        elif what == "answer":
            bench.answer(payload, client=client)
        elif what == "tick":
            bench.engine.settle(bench.now)
            bench.engine.tick(bench.now)
        else:
            bench.start()
    for _ in range(6):
        bench.now += 40
        bench.engine.tick(bench.now)
    assert not bench.keeper.gates
    assert not bench.kernel.gates
    assert not bench.ports.held
    assert bench.count("gates-opened") == bench.count("gates-closed")
    assert bench.engine.under_way == 0
    assert not bench.engine._flows
    assert not bench.checkpoint(memoryview(bench.memory), bench.slots).load()


@settings(max_examples=rounds(100), deadline=None)
@given(steps(TRANSFER))
def test_transfers(found: list[tuple[str, int, bytes, float]]) -> None:
    live(bench_of(tftp.DESCRIPTOR), found)


@settings(max_examples=rounds(100), deadline=None)
@given(steps(WORDS))
def test_words(found: list[tuple[str, int, bytes, float]]) -> None:
    live(bench_of(DESCRIPTOR), found)


@settings(max_examples=rounds(100), deadline=None)
@given(steps(WORDS).map(lambda found: [step for step in found if step[0] != "restart"]))
def test_words_of_sessions_that_are_not_kept(found: list[tuple[str, int, bytes, float]]) -> None:
    live(bench_of(FORGETFUL), found)
