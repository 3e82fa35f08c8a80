"""The SPI of a packet of ESP."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.errors import ProtocolError
from applianced.model.tuples import ESP, Endpoint, FlowTuple, packed
from applianced.packet.esp import redirected, spi_flow
from applianced.packet.ip import ones_sum
from tests.support.esp import packet

V4 = bytes((0x45, *(0,) * 8, ESP, 0, 0)) + packed("10.0.0.1") + packed("192.0.2.1")
V6 = bytes((0x60, 0, 0, 0, 0, 0, ESP, 64)) + packed("fd00::1") + packed("2001:db8::1")
BOTH = pytest.mark.parametrize(
    ("header", "source", "destination", "other"),
    [(V4, "10.0.0.1", "192.0.2.1", "192.0.2.9"), (V6, "fd00::1", "2001:db8::1", "2001:db8::9")],
)


def flow(source: str, destination: str) -> FlowTuple:
    return FlowTuple(ESP, Endpoint(packed(source), 0), Endpoint(packed(destination), 0xA1B2C3D4))


@BOTH
def test_flow(header: bytes, source: str, destination: str, other: str) -> None:
    raw = header + packet(0xA1B2C3D4)
    assert spi_flow(raw) == flow(source, destination)
    led = redirected(raw, packed(other))
    assert spi_flow(led) == flow(source, other)
    assert led[len(header) :] == packet(0xA1B2C3D4)
    assert header is V6 or ones_sum(led[:20]) == 0


def test_cut() -> None:
    with pytest.raises(ProtocolError):
        spi_flow(V4 + packet(7)[:3])


@given(st.binary(max_size=60))
def test_any_octets(octets: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        spi_flow(octets)
