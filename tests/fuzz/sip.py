"""Fuzz target of the SIP ALG: `python -m tests.fuzz.sip FILE...` plays files; run() takes any octets."""

from __future__ import annotations

import sys
from pathlib import Path

from applianced.alg.actions import OpenControl
from applianced.alg.sip import DESCRIPTOR, Books, Datagrams, SipSettings, Stream
from applianced.model.tuples import ORIGINAL, REPLY, TCP, UDP, packed
from tests.support.dialog import DatagramPlayer, Meanwhile, Player, control_session

CHOICES = (
    SipSettings(),
    SipSettings(early_media=True, hide_via_headers_disable=True, retain_hold_resource=True, ice_candidates="rewrite"),
    SipSettings(hosted_nat_traversal=True, control_gate=("via", "contact", "route", "record-route", "register")),
    SipSettings(media_proxy=("10.0.0.0/8",), application_screen_protect_deny_all=True, disable_call_id_hiding=True),
)
AGES_S = 10_000_000
"""After so long nothing of what was opened may be left."""


def run(octets: bytes) -> tuple[Player, Player]:
    """The same over both transports. The first octet chooses the settings and who is translated. Two octets before a
    message say how long it is and who speaks, or that time goes by."""
    first, octets = octets[:1] or b"\0", octets[1:]
    inside, outside = ("10.0.0.2", "192.0.2.1") if not first[0] & 8 else ("198.51.100.9", "203.0.113.4")
    players = []
    for protocol, form, player in ((UDP, Datagrams, DatagramPlayer), (TCP, Stream, Player)):
        session = control_session("10.0.0.2", "198.51.100.9", 5060, 5060, protocol, ("trust", "untrust"))
        books = Books()
        translation = {packed(inside): packed(outside)} if first[0] & 4 else {}
        alg = form(CHOICES[first[0] & 3], session, books)
        players.append(player(alg, DESCRIPTOR.events, translation, session=session))
    while len(octets) > 1:
        head = int.from_bytes(octets[:2])
        data = octets[2 : 2 + (head & 0x1FFF)]
        octets = octets[2 + len(data) :]
        if head & 0x4000:
            data = Meanwhile(b"%d" % (len(data) % 90))
        for each in players:
            each.feed(REPLY if head & 0x8000 else ORIGINAL, data)
    for each in players:
        grown_old(each)
        each.finish()
    return players[0], players[1]


def grown_old(player: Player) -> None:
    """Assert that nothing but what the session itself holds outlives its time."""
    books = player.alg.context.books
    player.now += AGES_S
    while books.wheel.due(player.now):
        player.meanwhile("1")
    player.meanwhile("1")
    assert not books.calls
    assert not books.registrations
    assert not books.transactions
    assert not books.belongings.uses
    assert all(isinstance(gate, OpenControl) for gate in player.open.values()), player.open
    assert {held.endpoint for held in player.bound.values()} <= {
        endpoint for _, endpoint in player.alg.context.parties.bound
    }


if __name__ == "__main__":
    for name in sys.argv[1:]:
        run(Path(name).read_bytes())
