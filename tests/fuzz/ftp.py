"""Fuzz target of the FTP ALG: `python -m tests.fuzz.ftp FILE...` plays files; run() takes any octets."""

from __future__ import annotations

import sys
from pathlib import Path

from applianced.alg.ftp import DESCRIPTOR, FtpSettings
from applianced.alg.ftp import Dialogue as FtpDialogue
from applianced.model.tuples import ORIGINAL, REPLY
from tests.support.dialog import Player, control_session


def run(octets: bytes) -> Player:
    """Each first octet of a piece says how long it is and, by its lowest bit, who speaks."""
    session = control_session("10.0.0.2", "198.51.100.1")
    player = Player(FtpDialogue(FtpSettings(), session), DESCRIPTOR.events)
    while octets:
        size = (octets[0] >> 1) + 1
        player.feed(ORIGINAL if octets[0] & 1 else REPLY, octets[1 : 1 + size])
        octets = octets[1 + size :]
    player.finish()
    return player


if __name__ == "__main__":
    for name in sys.argv[1:]:
        run(Path(name).read_bytes())
