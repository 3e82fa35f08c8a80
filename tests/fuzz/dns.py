"""Fuzz target of the DNS ALG: `python -m tests.fuzz.dns FILE...` plays files; run() takes any octets."""

from __future__ import annotations

import sys
from pathlib import Path

from applianced.alg.dns import DESCRIPTOR, Datagrams, DnsSettings, Stream
from applianced.model.tuples import ORIGINAL, REPLY, TCP, UDP
from tests.support.dialog import DatagramPlayer, Player, control_session

ROWS = (("203.0.113.0/24", "10.0.5.0/24", ("untrust",)),)


def run(octets: bytes) -> tuple[Player, Player]:
    """The same over both transports. Two octets before a message say how long it is and, by the highest bit, who
    speaks."""
    choices = DnsSettings(static_nat=ROWS)
    players = []
    for protocol, form, player in ((UDP, Datagrams, DatagramPlayer), (TCP, Stream, Player)):
        session = control_session("10.0.0.2", "192.0.2.53", 40000, 53, protocol, ("trust", "untrust"))
        players.append(player(form(choices, session), DESCRIPTOR.events, session=session))
    while len(octets) > 1:
        head = int.from_bytes(octets[:2])
        data = octets[2 : 2 + (head & 0x3FFF)]
        direction = REPLY if head & 0x8000 else ORIGINAL
        players[0].feed(direction, data)
        players[1].feed(direction, len(data).to_bytes(2) + data)
        octets = octets[2 + len(data) :]
    for each in players:
        each.finish()
    return players[0], players[1]


if __name__ == "__main__":
    for name in sys.argv[1:]:
        run(Path(name).read_bytes())
