"""Fuzz target of the PPTP ALG: `python -m tests.fuzz.pptp FILE...` plays files; run() takes any octets."""

from __future__ import annotations

import sys
from pathlib import Path

from applianced.alg.pptp import DESCRIPTOR, ControlConnection, PptpSettings
from applianced.model.tuples import ORIGINAL, REPLY, packed
from tests.support.dialog import Player, control_session

_BITS = 15


def run(octets: bytes) -> Player:
    """The first two octets of a piece say how long it is and, by their highest bit, who speaks."""
    session = control_session("10.0.0.2", "198.51.100.1", server_port=1723)
    translation = {packed("10.0.0.2"): packed("203.0.113.1")}
    player = Player(ControlConnection(PptpSettings(), session), DESCRIPTOR.events, translation, session=session)
    while octets:
        head = int.from_bytes(octets[:2], "big")
        size = (head & (1 << _BITS) - 1) + 1
        player.feed(ORIGINAL if head >> _BITS else REPLY, octets[2 : 2 + size])
        octets = octets[2 + size :]
    player.finish()
    return player


if __name__ == "__main__":
    for name in sys.argv[1:]:
        run(Path(name).read_bytes())
