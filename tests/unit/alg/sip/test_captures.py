"""Real messages: all of them can be read, but for those that are broken on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest

from applianced.errors import ProtocolError
from applianced.model.tuples import TCP, UDP
from applianced.packet.datagram import Datagram
from applianced.packet.ip import transport
from applianced.packet.segment import Segment
from applianced.tools.capture import packets
from tests.fuzz.sip_messages import read_deeply

CAPTURES = Path(__file__).parents[3] / "captures" / "sip"
READ = {
    "made-kamailio-baresip": [""] * 11,
    "made-sipp-tcp": [""] * 18,
    "pcapplusplus-sip_reqs": [""] * 3 + ["bad-header"],  # its last line has no end
    "pcapplusplus-sip_resp": [""] * 6,
    "suricata-sip-sdp": ["bad-address"] * 2,  # a backslash before the quotes of a name
    "suricata-sip-tcp": ["", "", "not-sip"],  # a message over two segments, which stand for themselves here
    "suricata-sip_compact_form": ["bad-address"],
    "suricata-sip_header_multi_val": ["repeated-header"],
    "trex-delay_10_sip_video_call_short": [""] * 7,
    "zeek-invalid-content-length": ["bad-length"] * 2,
}
"""Capture -> the refusals of its messages."""


def payloads(path: Path) -> list[bytes]:
    """Of every packet from or to port 5060 that carries text."""
    found = []
    with path.open("rb") as file:
        for packet in packets(file):
            protocol, _ = transport(packet.octets)
            if protocol not in (UDP, TCP):
                continue
            carried = Datagram(packet.octets) if protocol == UDP else Segment(packet.octets)
            if 5060 in (carried.source, carried.destination) and carried.payload.strip():
                found.append(carried.payload)
    return found


def refusal(data: bytes) -> str:
    try:
        read_deeply(data)
    except ProtocolError as error:
        return error.event
    return ""


@pytest.mark.parametrize("name", READ)
def test_capture(name: str) -> None:
    found = [refusal(data) for data in payloads(CAPTURES / f"{name}.pcap")]
    assert sorted(found) == sorted(READ[name])


def test_all_captures_are_read() -> None:
    assert {path.stem for path in CAPTURES.glob("*.pcap")} == set(READ)
