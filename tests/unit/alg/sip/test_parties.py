"""Who is known as what, where both parties are translated; and what the two forms do beside messages."""

from __future__ import annotations

import contextlib

from applianced.alg.actions import Bind
from applianced.alg.sip import Books, SipSettings, Stream
from applianced.alg.sip.messages import parse
from applianced.alg.sip.parties import Parties
from applianced.alg.sip.translation import call_id
from applianced.model.tuples import ORIGINAL, REPLY, TCP, Direction, Endpoint, packed
from tests.support.dialog import control_session

OPTIONS = (
    "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\n"
    "Call-ID: c@{}\r\nCSeq: 1 OPTIONS\r\n\r\n"
)
KNOWN = {ORIGINAL: Endpoint(packed("192.0.2.1"), 6000), REPLY: Endpoint(packed("192.0.2.2"), 5060)}


def both_translated() -> Parties:
    parties = Parties(control_session("10.0.0.2", "10.0.9.9", 5060, 5060))
    settling, reply = parties.settle(), None
    with contextlib.suppress(StopIteration):
        while True:
            asked = settling.send(reply)
            assert isinstance(asked, Bind)
            reply = KNOWN[asked.speaker]
    return parties


def test_a_call_has_one_name_whoever_speaks() -> None:
    """Each says the other's address as it knows it; the caller's own name is the one that counts."""
    parties = both_translated()
    assert parties.translated == (True, True)

    def named(speaker: Direction, host: str) -> bytes:
        return call_id(parties, speaker, parse(OPTIONS.format(host).encode()), changed=True)

    assert named(ORIGINAL, "10.0.0.2") == named(REPLY, "192.0.2.1") == b"c@10.0.0.2"
    assert named(ORIGINAL, "192.0.2.2") == named(REPLY, "10.0.9.9") == b"c@192.0.2.2"
    assert named(REPLY, "203.0.113.7") == b"c@203.0.113.7"
    assert named(REPLY, "example.com") == b"c@example.com"


def test_what_is_written_changes_and_comes_back() -> None:
    parties = both_translated()
    for speaker in (ORIGINAL, REPLY):
        for address in (parties.own[speaker].address, parties.known[speaker].address):
            other = parties.swapped(speaker, address)
            assert other is not None
            assert parties.swapped(speaker.opposite, other) == address
    assert parties.swapped(ORIGINAL, packed("203.0.113.7")) is None


def test_a_message_leaves_whole_or_not_at_all() -> None:
    stream = Stream(SipSettings(), control_session("10.0.0.2", "10.0.9.9", 5060, 5060, TCP), Books())
    assert stream.urge(ORIGINAL, b"OPTIONS") == 0
    assert stream.snapshot() == stream.snapshot()
