"""Where messages end in a stream, however it is cut; what datagrams are."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.alg.sip.faults import FAULTS
from applianced.alg.sip.framing import MESSAGE_LIMIT, Frame, Framer, Kind, datagram
from applianced.errors import ProtocolError
from tests.support.sip_messages import lines, only, request, response, sdp

INVITE = request("INVITE", body=sdp())
HELLO = b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + bytes(192)


def frames(data: bytes, size: int | None = None, limit: int = MESSAGE_LIMIT) -> list[Frame]:
    """All that is found in a stream that comes in pieces; what is left is a PART, if anything."""
    found, framer, waiting = [], Framer(limit), b""
    for at in range(0, len(data), size or len(data)):
        waiting += data[at : at + (size or len(data))]
        while waiting:
            frame = framer.frame(waiting)
            if frame.kind is Kind.PART:
                assert frame.octets == 0
                break
            found.append(frame)
            waiting = waiting[frame.octets :]
            framer.taken()
    return found


def refusal(data: bytes, size: int | None = None) -> str:
    with pytest.raises(ProtocolError) as caught:
        frames(data, size)
    assert caught.value.event in FAULTS
    return caught.value.event


@pytest.mark.parametrize("size", [None, 1, 7])
def test_messages_follow_one_another(size: int | None) -> None:
    bye = response(200, "BYE")
    found = frames(INVITE + b"\r\n" + bye + INVITE[:40], size)
    whole = [frame for frame in found if frame.kind is Kind.MESSAGE]
    assert whole == [Frame(Kind.MESSAGE, len(INVITE)), Frame(Kind.MESSAGE, len(bye))]
    assert sum(frame.octets for frame in found if frame.kind is Kind.KEEP_ALIVE) == 2


def test_keep_alives_alone() -> None:
    assert frames(b"\r\n\r\n") == [Frame(Kind.KEEP_ALIVE, 4)]
    assert Framer().frame(b"") == Frame(Kind.PART, 0)


def test_compact_folded_and_spaced_lengths() -> None:
    for header in ("l:\n 3", "CONTENT-LENGTH \t:  3  ", "l: 3\n "):
        octets = lines(f"OPTIONS sip:x SIP/2.0\nTo: x\n{header}\n\nabc")
        assert frames(octets) == [Frame(Kind.MESSAGE, len(octets))]


@pytest.mark.parametrize("size", [None, 1])
@pytest.mark.parametrize(
    ("octets", "event"),
    [
        (request(length=False), "no-length"),
        (request("OPTIONS", "l: x", length=False), "bad-length"),
        (request("OPTIONS", "l: 0", "l: 0", length=False), "bad-length"),
        (request("OPTIONS", "l: 99999999999", length=False), "bad-length"),
        (request("OPTIONS", "l: 65536", length=False), "oversize"),
        (b"OPTIONS sip:" + b"x" * MESSAGE_LIMIT, "oversize"),
        (b"OPTIONS sip:x SIP/2.0\r\n" + b"x: y\r\n" * 11000, "oversize"),
        (b"POST / HTTP/1.1\r\n", "not-sip"),
        (b"POST /", "not-sip"),
        (b"POST sip:x HTTP/1.1\r\nx", "not-sip"),
        (b"<", "not-sip"),
        (b"SIP/1.0 200 OK\r\n", "not-sip"),
        (b"\x16\x03\x01\x00\x00\x05", "not-sip"),
        (b"\x16\x05", "not-sip"),
        (b"OPTIONS\r\n", "not-sip"),
        (b"x" * 65, "not-sip"),
    ],
)
def test_what_is_refused(octets: bytes, event: str, size: int | None) -> None:
    if size and event == "oversize":
        size = 4096
    assert refusal(octets, size) == event


@pytest.mark.parametrize(
    "octets", [b"P", b"POST", b"POST ", b"POST s", b"POST sip", b"S", b"SIP", b"SIP/2.", b"\x16\x03"]
)
def test_what_may_become_sip_or_tls_waits(octets: bytes) -> None:
    assert frames(octets) == []


def test_the_beginning_of_tls() -> None:
    assert frames(HELLO) == [Frame(Kind.TLS, len(HELLO))]
    assert Framer().frame(HELLO[:5]) == Frame(Kind.PART, 0)
    assert Framer().frame(b"\x16\x03\x03\x00\x40\x02") == Frame(Kind.TLS, 6)


def test_a_new_framer_finds_the_same() -> None:
    framer = Framer()
    framer.frame(INVITE[:-5])
    assert framer.frame(INVITE) == Framer().frame(INVITE) == Frame(Kind.MESSAGE, len(INVITE))


def test_single_octets_cost_no_more_each() -> None:
    """A message of 64 KiB, looked at after each of its last 20,000 octets; each look is about the new ones alone."""
    octets = b"OPTIONS sip:x SIP/2.0\r\n" + b"x: yyyyyyyyyy\r\n" * 4000
    views = [octets[:end] for end in range(len(octets) - 20000, len(octets), 10)]
    framer = Framer()
    began = time.process_time()
    for view in views:
        framer.frame(view)
    assert time.process_time() - began < 0.2


@pytest.mark.parametrize(
    ("octets", "kind"),
    [
        (INVITE, Kind.MESSAGE),
        (response(), Kind.MESSAGE),
        (b"\r\n" + INVITE, Kind.MESSAGE),
        (b"INVITE  sip:x  SIP/2.0\r\n", Kind.MESSAGE),
        (b"", Kind.KEEP_ALIVE),
        (b"\r\n\r\n", Kind.KEEP_ALIVE),
        (b"\0\0\0\0", Kind.KEEP_ALIVE),
        (b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12), Kind.STUN),
        (HELLO, Kind.TLS),
        (b"\x16\xfe\xfd" + bytes(20), Kind.TLS),
    ],
)
def test_datagrams(octets: bytes, kind: Kind) -> None:
    assert datagram(octets) is kind


@pytest.mark.parametrize(
    "octets", [b"REGISTER", b"POST / HTTP/1.1\r\n", b"\0\1\0\0", b"\x16\x01", b"x\r\nINVITE sip:x SIP/2.0"]
)
def test_datagrams_of_others(octets: bytes) -> None:
    with pytest.raises(ProtocolError, match=r".*") as caught:
        datagram(octets)
    assert caught.value.event == "not-sip"


parts = st.sampled_from(
    [INVITE, b"\r\n", b"\r\n\r\n", response(200, "BYE"), HELLO, b"x", b"OPTIONS sip:x SIP/2.0\r\n", b"l:3\r\n\r\n"]
)


@given(st.lists(parts, max_size=5), st.lists(st.integers(1, 700), min_size=1, max_size=9))
def test_any_split_gives_the_same(pieces: list[bytes], sizes: list[int]) -> None:
    data = b"".join(pieces)

    def found(cuts: list[int]) -> tuple[int, str]:
        """Octets of messages and keep-alives from the front, and what ended it."""
        framer, waiting, at, taken, turn = Framer(), b"", 0, 0, 0
        try:
            while at < len(data):
                size = cuts[turn % len(cuts)]
                turn += 1
                waiting += data[at : at + size]
                at += size
                while waiting and (frame := framer.frame(waiting)).kind is not Kind.PART:
                    if frame.kind is Kind.TLS:
                        return taken, "tls"
                    taken += frame.octets
                    waiting = waiting[frame.octets :]
                    framer.taken()
        except ProtocolError as error:
            return taken, error.event
        return taken, ""

    assert found(sizes) == found([max(1, len(data))])


@given(st.binary(max_size=80))
def test_any_octets(data: bytes) -> None:
    for look in (datagram, Framer().frame):
        with only(FAULTS):
            look(data)
