"""The stream against a model TCP sender and receiver that lose, repeat and repack."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from applianced.engine.judge import StreamError
from applianced.engine.streams import REPEATS
from applianced.model.tuples import Direction
from applianced.packet.segment import ACK, FIN, SYN
from applianced.packet.sequence import advance
from tests.support.soak import rounds
from tests.support.tcp_model import Carrier, World, packet

CHANGED = {b"P": b"PORT 192,0,2,10,200,17", b"S": b"s", b"E": b"EPRT x"}


def rewrite(line: bytes) -> bytes | None:
    """Lines that begin with a key of CHANGED are replaced, growing or shrinking; others pass."""
    replacement = CHANGED.get(line[:1])
    return None if replacement is None else replacement + line[1:3] + b"\n"


def by_line(data: bytes, final: bool) -> list[tuple[int, bytes | None]]:
    verdicts: list[tuple[int, bytes | None]] = []
    while (end := data.find(b"\n") + 1) > 0:
        line, data = data[:end], data[end:]
        verdicts.append((len(line), rewrite(line)))
    return verdicts


def expected(data: bytes) -> bytes:
    whole, _, tail = data.rpartition(b"\n")
    lines = [line + b"\n" for line in whole.split(b"\n")] if whole or data.startswith(b"\n") else []
    return b"".join(line if (new := rewrite(line)) is None else new for line in lines) + tail


LINE = st.sampled_from(
    [b"P1 10,0,0,1,4,5", b"S 200 ok, and so on", b"NOOP", b"E2 |1|10.0.0.1|5|", b"RETR file", b"x" * 30]
)
SCRIPT = st.lists(LINE, min_size=1, max_size=30).map(lambda lines: b"\n".join(lines) + b"\n")


@settings(max_examples=rounds(300), deadline=None)
@given(
    SCRIPT,
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.1, 0.3]),
    st.sampled_from([0.0, 0.1, 0.3]),
    st.sampled_from([0.0, 0.3]),
)
def test_everything_arrives_once_and_changed_whatever_is_lost(
    data: bytes, seed: int, before: float, after: float, acks: float
) -> None:
    world = World(data, by_line, seed, loss_before=before, loss_after=after, loss_ack=acks)
    assert world.run() == expected(data)


@settings(max_examples=rounds(60), deadline=None)
@given(SCRIPT, st.integers(0, 2**32))
def test_sequence_numbers_may_wrap(data: bytes, seed: int) -> None:
    world = World(data, by_line, seed, loss_after=0.2, start=2**32 - 40)
    assert world.run() == expected(data)


@settings(max_examples=rounds(60), deadline=None)
@given(SCRIPT, st.integers(0, 2**32))
def test_one_octet_at_a_time(data: bytes, seed: int) -> None:
    world = World(data, by_line, seed, most=1)
    assert world.run(rounds=8000) == expected(data)


class Sparing(World):
    """Its ALG can spare the first octet of a line that is not complete, if that is not one to be changed."""

    head = b""

    def judge(self, direction: Direction, data: bytes, final: bool) -> list[tuple[int, bytes | None]]:
        verdicts = by_line(self.head + data, final)
        if verdicts and self.head:
            octets, replacement = verdicts[0]
            verdicts[0] = (octets - 1, replacement and replacement[1:])
            self.head = b""
        return [verdict for verdict in verdicts if verdict[0]]

    def urge(self, direction: Direction, data: bytes) -> int:
        if self.head or data[:1] not in (b"P", b"E", b"N", b"R"):
            return 0
        self.head = data[:1]
        return 1


SPARING = st.lists(LINE.filter(lambda line: line[:1] not in (b"S", b"x")), min_size=1, max_size=12)


@settings(max_examples=rounds(150), deadline=None)
@given(SPARING.map(lambda lines: b"\n".join(lines) + b"\n"), st.integers(0, 2**32), st.sampled_from([0.0, 0.2]))
def test_what_the_alg_can_spare_leaves_early(data: bytes, seed: int, loss: float) -> None:
    world = Sparing(data, by_line, seed, loss_before=loss, loss_after=loss, most=1)
    assert world.run(rounds=8000) == expected(data)


def test_a_spared_octet_feeds_a_sender_that_can_send_no_more() -> None:
    world = Sparing(b"", by_line, 1)
    world.stream.take(Carrier(packet(world.isn, b"", SYN), world))
    for _ in range(2):
        world.stream.take(Carrier(packet(1000, b"PO"), world))
    assert world.received == b"P"
    world.stream.take(Carrier(packet(1001, b"O1\n"), world))
    assert world.received == expected(b"PO1\n")


def opened(data: bytes = b"") -> World:
    world = World(data, by_line, 1)
    world.stream.take(Carrier(packet(world.isn, b"", SYN), world))
    return world


def test_an_unfinished_last_line_leaves_with_the_end_of_the_stream() -> None:
    world = opened()
    world.stream.take(Carrier(packet(1000, b"NOOP\nQUI"), world))
    assert world.received == b""
    world.stream.take(Carrier(packet(1008, b"", ACK | FIN), world))
    assert world.received == b"NOOP\nQUI"
    assert world.fin_received


def test_the_judged_part_leaves_when_the_held_segment_is_repeated() -> None:
    world = opened()
    for _ in range(2):
        world.stream.take(Carrier(packet(1000, b"NOOP\nPO"), world))
    assert world.received == b"NOOP\n"
    world.stream.take(Carrier(packet(1005, b"PO1\n"), world))
    assert world.received == b"NOOP\n" + expected(b"PO1\n")


@settings(max_examples=rounds(200), deadline=None)
@given(SCRIPT, st.integers(0, 2**32), st.sampled_from([0.0, 0.1]), st.sampled_from([1, 2, 7]))
def test_a_window_smaller_than_a_message(data: bytes, seed: int, loss: float, window: int) -> None:
    """A sender that may not send a whole message before it hears something is answered here."""
    world = World(
        data, by_line, seed, loss_before=loss, loss_after=loss, loss_ack=loss, most=3, window=window, repack=window
    )
    assert world.run(rounds=20000) == expected(data)
    assert "starved" not in world.events


def test_repeats_of_nothing_judged_end_the_session() -> None:
    world = opened()
    world.promises = False
    for _ in range(REPEATS):
        world.stream.take(Carrier(packet(1000, b"PORT 1,2"), world))
    with pytest.raises(StreamError, match="starved"):
        world.stream.take(Carrier(packet(1000, b"PORT 1,2"), world))


def test_a_second_copy_with_other_octets_changes_nothing() -> None:
    world = opened()
    world.stream.take(Carrier(packet(1000, b"NOO"), world))
    world.stream.take(Carrier(packet(1000, b"PPPP\n"), world))
    assert world.received == b"NOOP\n"


def test_a_message_beyond_the_limit_ends_the_session() -> None:
    world = opened()
    world.stream.limit = 100
    with pytest.raises(StreamError, match="message-too-long"):
        world.stream.take(Carrier(packet(1000, b"x" * 101), world))


def test_octets_before_a_syn_end_the_session() -> None:
    world = World(b"", by_line, 1)
    with pytest.raises(StreamError, match="stream-without-start"):
        world.stream.take(Carrier(packet(1000, b"NOOP\n"), world))


def test_a_stray_syn_moves_nothing() -> None:
    world = opened()
    world.stream.take(Carrier(packet(1000, b"NOOP\n"), world))
    world.stream.take(Carrier(packet(90_000, b"", SYN), world))
    world.stream.take(Carrier(packet(1005, b"P1\n"), world))
    assert world.received == expected(b"NOOP\nP1\n")
    assert "syn-again" in world.events


def test_ranges_that_were_acknowledged_are_shed() -> None:
    world = opened()
    at = 1000
    for _ in range(100):
        world.stream.take(Carrier(packet(at, b"P1\n"), world))
        at += 3
        world.stream.seen = advance(world.start, len(world.received))
        world.stream.acked(world.stream.seen)
    assert len(world.stream.changed) < 20


def test_data_on_a_syn_waits_for_its_repeat() -> None:
    world = World(b"", by_line, 1)
    world.stream.take(Carrier(packet(999, b"NOOP\n", SYN), world))
    assert world.received == b""
    world.stream.take(Carrier(packet(1000, b"NOOP\n"), world))
    assert world.received == b"NOOP\n"


def test_a_restarted_stream_answers_repeats_as_before() -> None:
    world = opened()
    world.stream.take(Carrier(packet(1000, b"P1\n"), world))
    snapshot = world.stream.snapshot()
    other = World(b"", by_line, 1)
    other.kernel, other.received = world.kernel, world.received
    other.stream.restore(snapshot)
    other.stream.take(Carrier(packet(1000, b"P1\n"), other))
    other.stream.take(Carrier(packet(1003, b"NOOP\n"), other))
    assert other.received == expected(b"P1\nNOOP\n")
    assert "repeat" in other.events
