"""Replies that nobody asked for, of any length."""

from __future__ import annotations

from applianced.alg.dns import DESCRIPTOR, Datagrams, DnsSettings
from applianced.model.tuples import ORIGINAL, REPLY, UDP
from tests.support.dialog import DatagramPlayer, control_session

QUERY = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"
RECORD = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\6\6\6\6"


def test_an_oversize_reply_must_answer_too() -> None:
    session = control_session("10.0.0.2", "198.51.100.9", 4000, 53, UDP)
    played = DatagramPlayer(Datagrams(DnsSettings(), session), DESCRIPTOR.events, session=session)
    right = QUERY[:2] + b"\x81\x80\0\1\0\x28\0\0\0\0" + QUERY[12:] + RECORD * 40
    played.feed(ORIGINAL, QUERY)
    played.feed(REPLY, b"\x99\x99" + right[2:])
    assert len(played.out) == 1
    played.feed(REPLY, right)
    assert played.out[-1] == (REPLY, right)
    played.feed(REPLY, right)
    assert len(played.out) == 2
