"""Tuples as ctnetlink carries them: what is built can be read, and nothing takes one protocol for another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from applianced.dataplane.conntrack import Conntrack, _tuple, parse_tuple
from applianced.dataplane.netlink import attribute, attributes, nested, number
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


OFFLOADED = attribute(3, number(1 << 14 | 0x18E))
"""CTA_STATUS with IPS_OFFLOAD and what else an established session has (linux/netfilter/nf_conntrack_common.h)."""


class Answers:
    """Stands for the socket: a dump answers with these entries, and remembers what it was asked."""

    def __init__(self, *entries: bytes) -> None:
        self.entries = entries
        self.asked: list[bytes] = []

    def dump(self, subsystem: int, kind: int, family: int, body: bytes) -> Iterator[dict[int, bytes]]:
        self.asked.append(body)
        return map(attributes, self.entries)


def entry(wanted: FlowTuple, *more: bytes) -> bytes:
    return b"".join((_tuple(1, wanted), _tuple(2, wanted.reversed), *more))


def test_an_offloaded_session_is_established_though_the_kernel_does_not_say() -> None:
    tcp, udp = (flow(protocol, V4, 40000, 80) for protocol in (6, 17))
    found = list(Conntrack(Answers(entry(tcp, OFFLOADED), entry(udp, OFFLOADED), entry(tcp))).marked(0, 0))  # type: ignore[arg-type]
    assert [(each.offloaded, each.state, each.ending) for each in found] == [
        (True, "established", False),
        (True, "none", False),
        (False, "none", False),
    ]


def test_the_label_says_whether_a_session_may_be_offloaded() -> None:
    """Bits of ct label count from the first octet's lowest."""
    label = attribute(22, b"\x07\x00\x01" + bytes(13))
    other = attribute(22, b"\xff\xff\xfe" + bytes(13))
    found = list(Conntrack(Answers(entry(flow(6, V4, 1, 2), label), entry(flow(6, V4, 1, 2), other))).marked(0, 0))  # type: ignore[arg-type]
    assert [(each.policy, each.translation.offload) for each in found] == [(7, True), (65535, False)]
    assert found[0].translation.turned.offload


def test_offloaded_sessions_are_counted_also_where_the_kernel_does_not_choose() -> None:
    netlink = Answers(entry(flow(6, V4, 1, 2), OFFLOADED), entry(flow(6, V4, 3, 2)))
    assert Conntrack(netlink).offloaded() == 1  # type: ignore[arg-type]
    assert attributes(netlink.asked[0]) == {3: number(1 << 14), 26: number(1 << 14)}
