"""Packets of log rules: what is read out of them, and that nothing breaks the reader."""

from __future__ import annotations

from ipaddress import ip_address
from struct import pack

from hypothesis import given
from hypothesis import strategies as st

from applianced.dataplane.listener import ULOG, messages
from applianced.dataplane.netlink import attribute, message, number
from applianced.dataplane.nflog import flow_of, packets
from applianced.model.tuples import Endpoint, FlowTuple

A4, B4 = ip_address("192.0.2.1").packed, ip_address("198.51.100.2").packed
A6, B6 = ip_address("2001:db8::1").packed, ip_address("2001:db8::2").packed


def ipv4(protocol: int, transport: bytes, *, fragment: int = 0, options: bytes = b"") -> bytes:
    words = 5 + len(options) // 4
    header = pack("!BBHHHBBH4s4s", 0x40 | words, 0, 0, 0, fragment, 64, protocol, 0, A4, B4)
    return header + options + transport


def ipv6(protocol: int, rest: bytes) -> bytes:
    return pack("!IHBB16s16s", 6 << 28, len(rest), protocol, 64, A6, B6) + rest


def test_ipv4() -> None:
    assert flow_of(ipv4(6, pack("!HH", 1025, 21))) == FlowTuple(6, Endpoint(A4, 1025), Endpoint(B4, 21))
    assert flow_of(ipv4(17, pack("!HH", 5, 53), options=b"\1" * 8)) == FlowTuple(17, Endpoint(A4, 5), Endpoint(B4, 53))


def test_only_a_first_fragment_has_ports() -> None:
    first, later = ipv4(17, pack("!HH", 5, 53), fragment=0x2000), ipv4(17, pack("!HH", 5, 53), fragment=0x0010)
    assert flow_of(first) == FlowTuple(17, Endpoint(A4, 5), Endpoint(B4, 53))
    assert flow_of(later) == FlowTuple(17, Endpoint(A4, 0), Endpoint(B4, 0))


def test_icmp_has_type_and_code() -> None:
    assert flow_of(ipv4(1, b"\x08\x00\0\0")) == FlowTuple(1, Endpoint(A4, 0), Endpoint(B4, 0x800))


def test_ipv6_behind_extension_headers() -> None:
    hop_by_hop = bytes((43, 1)) + bytes(14)
    routing = bytes((44, 0)) + bytes(6)
    fragment = bytes((6, 0, 0, 1)) + bytes(4)
    packet = ipv6(0, hop_by_hop + routing + fragment + pack("!HH", 7, 80))
    assert flow_of(packet) == FlowTuple(6, Endpoint(A6, 7), Endpoint(B6, 80))
    later = bytes((6, 0, 0, 8)) + bytes(4)
    assert flow_of(ipv6(44, later + pack("!HH", 7, 80))) == FlowTuple(6, Endpoint(A6, 0), Endpoint(B6, 0))


def logged(prefix: bytes, payload: bytes) -> bytes:
    body = attribute(10, prefix + b"\0") + attribute(4, number(3)) + attribute(5, number(4)) + attribute(9, payload)
    return message(ULOG, 0, 0, 2, body)


def test_a_datagram_of_several_packets() -> None:
    one, two = logged(b"policy 3 deny ", ipv4(6, pack("!HH", 1, 2))), logged(b"", b"\x50")
    found = list(packets(one + two + one))
    assert [(packet.prefix, packet.incoming, packet.outgoing) for packet in found] == [("policy 3 deny ", 3, 4)] * 2


@given(st.binary(max_size=200), st.integers(0, 200))
def test_nothing_breaks_the_reader(octets: bytes, cut: int) -> None:
    list(packets(octets))
    list(messages(octets))
    list(packets(logged(b"policy 1 deny ", octets)))
    list(packets(logged(octets, ipv4(6, pack("!HH", 1, 2)))[:cut]))
    flow_of(b"\x45" + octets)
    flow_of(b"\x60" + octets)
