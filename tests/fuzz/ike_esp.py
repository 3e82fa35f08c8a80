"""Fuzz target of the IKE-ESP ALG: `python -m tests.fuzz.ike_esp FILE...` plays files; run() takes any octets."""

from __future__ import annotations

import sys
from pathlib import Path

from applianced.alg.ike_esp import DESCRIPTOR, Exchanges, Gateways, IkeEspSettings
from applianced.model.tuples import ORIGINAL, REPLY, UDP
from tests.support.dialog import DatagramPlayer, Meanwhile, control_session


def run(octets: bytes) -> DatagramPlayer:
    """Two octets before each datagram say how long it is and, by their highest bit, who speaks. One of 4 octets is the
    first ESP packet of an SPI, one of 1 lets seconds go by."""
    session = control_session("10.0.0.2", "198.51.100.1", client_port=500, server_port=500, protocol=UDP)
    player = DatagramPlayer(Exchanges(IkeEspSettings(), session, Gateways()), DESCRIPTOR.events, session=session)
    while len(octets) >= 2:
        head = int.from_bytes(octets[:2])
        direction, size = (REPLY if head & 0x8000 else ORIGINAL), head & 0x7FFF
        data, octets = octets[2 : 2 + size], octets[2 + size :]
        if len(data) == 4:
            data = Meanwhile(b"first %s 0x%s" % (b"<" if direction else b">", data.hex().encode()))
        elif len(data) == 1:
            data = Meanwhile(b"%d" % data[0])
        player.feed(direction, data)
    player.finish()
    return player


if __name__ == "__main__":
    for name in sys.argv[1:]:
        run(Path(name).read_bytes())
