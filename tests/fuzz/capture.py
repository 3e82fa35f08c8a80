"""Fuzz target of the capture reader and the rehearsal behind it: any octets as a file."""

from __future__ import annotations

import io
from pathlib import Path

from applianced.errors import ProtocolError
from applianced.model.tuples import packed
from applianced.tools import outside
from applianced.tools.capture import packets
from applianced.tools.rehearsal import Rehearsal
from tests.support.configs import FTP_OUT

SEEDS = sorted((Path(__file__).parents[1] / "captures" / "ftp").glob("made-*.pcap"))


def run(octets: bytes) -> Rehearsal:
    """Only ProtocolError may come, and does no harm."""
    rehearsal = Rehearsal(FTP_OUT, translate=lambda flow, *_: outside.given(flow, packed("203.0.113.1")))
    try:
        for packet in packets(io.BytesIO(octets)):
            rehearsal.feed(packet)
    except ProtocolError:
        pass
    return rehearsal
