"""Tuples as ctnetlink carries them: what is built can be read, and nothing takes one protocol for another."""

from __future__ import annotations

import pytest

from applianced.dataplane.conntrack import _tuple, parse_tuple
from applianced.dataplane.netlink import attribute, attributes, nested
from applianced.model.tuples import Endpoint, FlowTuple, packed

V4 = packed("10.0.0.2"), packed("192.0.2.1")
V6 = packed("fd00::2"), packed("2001:db8::1")
ECHO = 8 << 8


def flow(protocol: int, addresses: tuple[bytes, bytes], *ports: int) -> FlowTuple:
    return FlowTuple(protocol, Endpoint(addresses[0], ports[0]), Endpoint(addresses[1], ports[1]))


@pytest.mark.parametrize(
    "wanted",
    [
        flow(6, V4, 40000, 21),
        flow(17, V4, 0, 65535),
        flow(6, V6, 40000, 21),
        flow(1, V4, 7, ECHO),
        flow(58, V6, 9, 128 << 8 | 3),
    ],
    ids=["tcp4", "udp4", "tcp6", "icmp", "icmp6"],
)
def test_a_tuple_is_read_as_it_was_built(wanted: FlowTuple) -> None:
    assert parse_tuple(attributes(_tuple(1, wanted))[1]) == wanted


def test_icmp_has_its_own_attributes() -> None:
    """CTA_PROTO_ICMP_ID, _TYPE and _CODE (linux/netfilter/nfnetlink_conntrack.h)."""
    protocol = attributes(attributes(attributes(_tuple(1, flow(1, V4, 7, ECHO)))[1])[2])
    assert protocol == {1: b"\x01", 4: b"\0\x07", 5: b"\x08", 6: b"\0"}


def test_a_protocol_without_ports() -> None:
    addresses = nested(1, attribute(1, V4[0]), attribute(2, V4[1]))
    assert parse_tuple(addresses + nested(2, attribute(1, bytes([47])))) == flow(47, V4, 0, 0)
