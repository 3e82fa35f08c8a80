"""The call that a packet of enhanced GRE belongs to."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.errors import ProtocolError
from applianced.model.tuples import GRE, Endpoint, FlowTuple, packed
from applianced.packet.gre import call_flow
from tests.support.gre import packet

V4 = bytes((0x45, *(0,) * 8, GRE, 0, 0)) + packed("10.0.0.1") + packed("192.0.2.1")
V6 = bytes((0x60, 0, 0, 0, 0, 0, GRE, 64)) + packed("fd00::1") + packed("2001:db8::1")


@pytest.mark.parametrize("flags", [0x2001, 0x3001, 0x2081, 0x3081])
@pytest.mark.parametrize(
    ("header", "source", "destination"), [(V4, "10.0.0.1", "192.0.2.1"), (V6, "fd00::1", "2001:db8::1")]
)
def test_flow(header: bytes, source: str, destination: str, flags: int) -> None:
    assert call_flow(header + packet(7, flags=flags)) == FlowTuple(
        GRE, Endpoint(packed(source), 0), Endpoint(packed(destination), 7)
    )


@pytest.mark.parametrize("octets", [packet(7, flags=0x2000), packet(7, flags=0xA001), b"\x20\x01\x08\x00" + bytes(4)])
def test_other_gre(octets: bytes) -> None:
    assert call_flow(V4 + octets) is None


def test_cut() -> None:
    with pytest.raises(ProtocolError):
        call_flow(V4 + packet(7)[:7])


@given(st.binary(max_size=60))
def test_any_octets(octets: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        call_flow(octets)
