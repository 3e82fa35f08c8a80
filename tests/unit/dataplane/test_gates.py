"""What a gate is in the kernel, element by element, and the messages that carry it."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from applianced.dataplane.gates import Gates, destroys, elements
from applianced.dataplane.netlink import attribute, attributes, nested, number
from applianced.errors import DataplaneError
from applianced.model.gates import Gate
from applianced.model.tuples import ESP, GRE, TCP, Endpoint, packed

CLIENT, PEER, PUBLIC = packed("10.0.0.1"), packed("192.0.2.1"), packed("203.0.113.1")
CLIENT6, PEER6 = packed("fd00::1"), packed("2001:db8::1")
TCP_KEY = bytes((TCP, 0, 0, 0))


def port(number: int) -> bytes:
    """A port as nft pads it in a concatenation."""
    return number.to_bytes(2, "big") + b"\0\0"


def gate(**other: Any) -> Gate:
    values: dict[str, Any] = {
        "number": 1,
        "peer": PEER,
        "inside": Endpoint(CLIENT, 2000),
        "outside": Endpoint(CLIENT, 2000),
        "one_shot": True,
        "source": b"",
        "expires_s": 30.0,
        **other,
    }
    return Gate(alg="ftp", session=1, reason="", created_s=0.0, **{"protocol": TCP, **values})


def test_routed() -> None:
    assert elements(gate()) == [("once4", TCP_KEY + PEER + CLIENT + port(2000), b"")]


def test_translated() -> None:
    assert elements(gate(outside=Endpoint(PUBLIC, 50000))) == [
        ("once4", TCP_KEY + PEER + CLIENT + port(2000), b""),
        ("dnat4", TCP_KEY + PEER + PUBLIC + port(50000), CLIENT + port(2000)),
    ]


def test_more_than_once() -> None:
    assert elements(gate(one_shot=False))[0][0] == "several4"


def test_one_whose_session_may_be_offloaded() -> None:
    key = TCP_KEY + PEER + CLIENT + port(2000)
    assert elements(gate(offload=True, source=PUBLIC)) == [("once_offload4", key, b""), ("source4", key, PUBLIC)]


def test_every_port() -> None:
    """The outside endpoint does not matter: nothing is announced."""
    opened = gate(inside=Endpoint(PEER, 0), outside=Endpoint(PEER, 0), peer=CLIENT)
    assert elements(opened) == [("pair4", TCP_KEY + CLIENT + PEER, b"")]


def test_source_of_an_inside_client() -> None:
    assert elements(gate(source=PUBLIC))[1] == ("source4", TCP_KEY + PEER + CLIENT + port(2000), PUBLIC)


def test_ipv6() -> None:
    opened = gate(peer=PEER6, inside=Endpoint(CLIENT6, 2000), outside=Endpoint(CLIENT6, 2000))
    assert elements(opened) == [("once6", TCP_KEY + PEER6 + CLIENT6 + port(2000), b"")]


def test_a_call() -> None:
    """The call ID 0 is one like any other."""
    opened = gate(protocol=GRE, inside=Endpoint(CLIENT, 0), outside=Endpoint(PUBLIC, 50000), source=PEER)
    assert elements(opened) == [
        ("calls4", PEER + PUBLIC + port(50000), CLIENT),
        ("call_ids4", PEER + PUBLIC + port(50000), b"\0\0"),
        ("call_sources4", PEER + CLIENT + port(0), PEER),
    ]


def test_a_call_over_ipv6() -> None:
    own = Endpoint(CLIENT6, 7)
    assert elements(gate(protocol=GRE, peer=PEER6, inside=own, outside=own)) == [
        ("calls6", PEER6 + CLIENT6 + port(7), CLIENT6),
        ("call_ids6", PEER6 + CLIENT6 + port(7), b"\0\7"),
    ]


def test_esp() -> None:
    spi = Endpoint(CLIENT, 0xA1B2C3D4)
    opened = gate(protocol=ESP, inside=spi, outside=spi._replace(address=PUBLIC), source=PUBLIC)
    assert elements(opened) == [
        ("esp4", PEER + PUBLIC + b"\xa1\xb2\xc3\xd4", CLIENT),
        ("esp_sources4", PEER + CLIENT + b"\xa1\xb2\xc3\xd4", PUBLIC),
    ]


def test_esp_over_ipv6_that_is_awaited() -> None:
    own = Endpoint(CLIENT6, 0)
    opened = gate(protocol=ESP, peer=PEER6, inside=own, outside=own, awaits=0x420F)
    assert elements(opened) == [("esp_awaited6", PEER6 + CLIENT6, (0x420F).to_bytes(4, sys.byteorder))]


def test_ike_that_is_led() -> None:
    opened = gate(protocol=17, outside=Endpoint(PUBLIC, 318), key=b"initiato")
    assert elements(opened) == [("ike_ports4", PEER + PUBLIC + b"initiato", (318).to_bytes(2))]


class Recorded:
    """A Netlink that only keeps what it was to send."""

    def __init__(self) -> None:
        self.transactions: list[list[str]] = []
        self.code = 0
        self.described = described

    def transaction(self, messages: Sequence[bytes]) -> int:
        self.transactions.append([self.described(message) for message in messages])
        return self.code


def described(message: bytes) -> str:
    """'+once4' for an element that is added, '-once4' for one that is deleted, 'xonce4' for one that is destroyed; the
    length must be right."""
    assert int.from_bytes(message[:4], "little") == len(message)
    assert len(message) % 4 == 0
    found = attributes(message[20:])
    assert found[1] == b"gates\0"
    (element,) = (attributes(found[3])[1],)
    key = attributes(attributes(element)[1])[1]
    assert key.startswith((TCP_KEY, PEER))
    return {12: "+", 14: "-", 30: "x"}[message[4]] + found[2].rstrip(b"\0").decode()


@pytest.fixture
def netlink() -> Recorded:
    return Recorded()


@pytest.fixture
def gates(netlink: Recorded) -> Gates:
    return Gates(netlink)  # type: ignore[arg-type]


def test_open_and_close_in_one_transaction(gates: Gates, netlink: Recorded) -> None:
    first = gate(outside=Endpoint(PUBLIC, 50000))
    second = gate(number=2, inside=Endpoint(CLIENT, 2001), outside=Endpoint(PUBLIC, 50001))
    gates.exchange((first,), (), 0.0)
    gates.exchange((second,), (first,), 0.0)
    assert netlink.transactions == [
        ["+once4", "+dnat4"],
        ["+once4", "-once4", "+dnat4", "-dnat4", "+once4", "+dnat4"],
    ]


def test_nothing_to_do_is_no_transaction(gates: Gates, netlink: Recorded) -> None:
    assert gates.exchange((), (), 0.0) == 0
    assert gates.exchange((), (gate(),), 0.0) == 0, "not one of ours"
    assert not netlink.transactions


def test_the_end_of_one_gate_leaves_the_element_of_the_next(gates: Gates, netlink: Recorded) -> None:
    first, second = gate(), gate(number=2)
    gates.exchange((first,), (), 0.0)
    gates.exchange((second,), (), 0.0)
    gates.exchange((), (first,), 0.0)
    assert netlink.transactions == [["+once4"], ["+once4", "-once4", "+once4"]]
    gates.exchange((), (second,), 0.0)
    assert netlink.transactions[2:] == [["+once4", "-once4"]]


def test_where_the_kernel_destroys_nothing_is_added_first(netlink: Recorded) -> None:
    gates = Gates(netlink, destroys=True)  # type: ignore[arg-type]
    first, second = gate(), gate(number=2)
    gates.exchange((first,), (), 0.0)
    gates.exchange((second,), (), 0.0)
    gates.exchange((), (second,), 0.0)
    assert netlink.transactions == [["+once4"], ["xonce4", "+once4"], ["xonce4"]]


@pytest.mark.parametrize(("code", "known"), [(errno.ENOENT, True), (0, True), (errno.EINVAL, False)])
def test_a_kernel_is_asked_whether_it_destroys(netlink: Recorded, code: int, known: bool) -> None:
    netlink.code = code
    netlink.described = lambda message: str(message[4])
    assert destroys(netlink) is known  # type: ignore[arg-type]
    assert netlink.transactions == [["30"]]


def test_adopted(gates: Gates, netlink: Recorded) -> None:
    old = gate()
    gates.adopt(old)
    gates.exchange((), (old,), 0.0)
    assert netlink.transactions == [["+once4", "-once4"]]


def test_what_the_kernel_refuses_has_not_happened(gates: Gates, netlink: Recorded) -> None:
    """The one that was to be closed is closed later, and so is the one whose element was to be taken over."""
    ours = Endpoint(CLIENT, 2001)
    closing, kept = gate(inside=ours, outside=ours), gate(number=2)
    gates.exchange((closing, kept), (), 0.0)
    netlink.code = 12
    assert gates.exchange((gate(number=3),), (closing,), 0.0) == 12
    netlink.code = 0
    for each in (closing, kept):
        gates.exchange((), (each,), 0.0)
    assert netlink.transactions[2:] == [["+once4", "-once4"]] * 2


class Counting(Recorded):
    """A Netlink whose kernel has counted so many packets of 100 octets through every element."""

    def __init__(self) -> None:
        super().__init__()
        self.packets = 0
        self.broken = False

    def get(self, subsystem: int, kind: int, family: int, body: bytes) -> dict[int, bytes] | None:
        if self.broken:
            raise DataplaneError("netlink", "Operation not permitted")
        counted = nested(2, attribute(1, number(100 * self.packets, 8)), attribute(2, number(self.packets, 8)))
        return attributes(nested(3, nested(1, nested(7, attribute(1, b"counter\0"), counted))))


def test_lasting_gates_count_over_their_renewals() -> None:
    netlink = Counting()
    gates = Gates(netlink)  # type: ignore[arg-type]
    opened = gate(protocol=GRE, lasting=True)
    gates.exchange((opened,), (), 0.0)
    netlink.packets = 3
    gates.exchange((opened,), (), 10.0)
    assert (opened.packets, opened.octets, opened.used_s) == (3, 300, 10.0)
    netlink.packets = 2
    gates.count(opened, 20.0)
    assert (opened.packets, opened.octets, opened.used_s) == (5, 500, 10.0)
    netlink.broken = True
    gates.count(opened, 30.0)
    assert opened.packets == 5, "what is known stays"
    netlink.broken = False
    netlink.packets = 4
    gates.exchange((), (opened,), 40.0)
    assert opened.packets == 7


def test_an_adopted_gate_counts_what_it_finds() -> None:
    netlink = Counting()
    gates = Gates(netlink)  # type: ignore[arg-type]
    adopted = gate(protocol=GRE, lasting=True)
    gates.adopt(adopted)
    netlink.packets = 3
    gates.exchange((), (adopted,), 10.0)
    assert (adopted.packets, adopted.used_s) == (3, 10.0)
