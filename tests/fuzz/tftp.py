"""Fuzz target of the TFTP ALG: `python -m tests.fuzz.tftp FILE...` plays files; run() takes any octets."""

from __future__ import annotations

import sys
from pathlib import Path

from applianced.alg.tftp import DESCRIPTOR, TftpSettings, Transfers
from applianced.model.tuples import ORIGINAL, REPLY, UDP
from tests.support.dialog import DatagramPlayer, control_session


def run(octets: bytes) -> DatagramPlayer:
    """Each first octet of a datagram says how long it is and, by its lowest bit, who speaks."""
    session = control_session("10.0.0.2", "198.51.100.1", server_port=69, protocol=UDP)
    player = DatagramPlayer(Transfers(TftpSettings(), session), DESCRIPTOR.events, session=session)
    while octets:
        size = octets[0] >> 1
        player.feed(ORIGINAL if octets[0] & 1 else REPLY, octets[1 : 1 + size])
        octets = octets[1 + size :]
    player.finish()
    return player


if __name__ == "__main__":
    for name in sys.argv[1:]:
        run(Path(name).read_bytes())
