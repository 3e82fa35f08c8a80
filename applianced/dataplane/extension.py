"""What nft's command line cannot write: the object that attaches the helper extension, NFQUEUE without NFT_QUEUE, and
the rules that open the gate of an awaited answer.

The object is a ct expectation of size 0: the count of expectations is never below 0, so the statement attaches the
extension, creates no expectation, and ends its rule. nft refuses size 0. The extension must be there before NAT sets a
session up; without it the kernel acknowledges sequence offsets and ignores them.

How a client is known outside is decided by source NAT, as the first datagram of its session leaves. So the gate of the
answer is made there, in the packet's own path: elements from its addresses as they have become, and from the original
tuple of its conntrack entry. nft 1.0.6 cannot put `ct original proto-src` into a concatenation.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from struct import pack
from typing import NamedTuple

from applianced.compiler.gates_media import ATTACH_SETS, PUBLISHED_CHAIN, SENT_TO
from applianced.compiler.gates_table import AWAITED_CHAIN, HELPER_CHAIN, HELPER_OBJECT
from applianced.compiler.marks import AWAITED_S, CONTROL_PORTS, GATES_TABLE, LARGE_QUEUES, QUEUES
from applianced.dataplane import calls, keyed
from applianced.dataplane.expressions import expression as _expression
from applianced.dataplane.expressions import rule as _rule
from applianced.dataplane.netlink import CREATE, Netlink, attribute, nested, nft_message, number, text
from applianced.errors import DataplaneError

_NEWOBJ = 18
_CT_EXPECT = 9
_REG32_00, _REG32_01 = 8, 9
_META_L4PROTO = 16
_NETWORK_HEADER, _TRANSPORT_HEADER = 1, 2
_META_NFPROTO = 15
_EQUAL, _NOT_EQUAL = 0, 1
_ADD, _DELETE = 0, 2
_CT_STATUS, _CT_SOURCE_PORT, _CT_DESTINATION_PORT = 2, 11, 12
_SOURCE_NAT, _DESTINATION_NAT = 0x10, 0x20
"""Bits of conntrack's status."""


class _Family(NamedTuple):
    """Where an IP version keeps its addresses. number: of nfproto; the rest are offsets, lengths and keys of ct."""

    version: int
    number: int
    octets: int
    source: int
    destination: int
    original_source: int
    original_destination: int


_FAMILIES = _Family(4, 2, 4, 12, 16, 19, 20), _Family(6, 10, 16, 8, 24, 21, 22)


def _helper_object() -> bytes:
    data = nested(
        4,
        attribute(1, number(2, 2)),
        attribute(2, b"\x06"),
        attribute(3, number(1, 2)),
        attribute(4, pack("=I", 1)),
        attribute(5, b"\0"),
    )
    names = attribute(1, text(GATES_TABLE)) + attribute(2, text(HELPER_OBJECT))
    return nft_message(_NEWOBJ, CREATE, names + attribute(3, number(_CT_EXPECT)) + data)


def _helper_rule() -> bytes:
    """meta l4proto . th dport @control_ports, then the object."""
    return _rule(
        HELPER_CHAIN,
        _expression("meta", attribute(1, number(_REG32_00)), attribute(2, number(_META_L4PROTO))),
        _expression(
            "payload",
            attribute(1, number(_REG32_01)),
            attribute(2, number(_TRANSPORT_HEADER)),
            attribute(3, number(2)),
            attribute(4, number(2)),
        ),
        _expression("lookup", attribute(1, text(CONTROL_PORTS)), attribute(2, number(_REG32_00))),
        _expression("objref", attribute(1, number(_CT_EXPECT)), attribute(2, text(HELPER_OBJECT))),
    )


def _load(register: int, base: int, offset: int, octets: int) -> bytes:
    """A field of the packet's network or transport header."""
    where = (attribute(place, number(value)) for place, value in enumerate((register, base, offset, octets), start=1))
    return _expression("payload", *where)


def _load_original(register: int, key: int) -> bytes:
    """A field of the original tuple, as the session began."""
    direction = attribute(3, b"\0")
    return _expression("ct", attribute(1, number(register)), attribute(2, number(key)), direction)


def _only(left: bytes, *, mask: int = 0, value: bytes = b"") -> bytes:
    """Go on only where what `left` loads into the first register has a bit of the mask, or is the value."""
    register = attribute(1, number(_REG32_00))
    if not mask:
        return left + _expression("cmp", register, attribute(2, number(_EQUAL)), nested(3, attribute(1, value)))
    masked = _expression(
        "bitwise",
        register,
        attribute(2, number(_REG32_00)),
        attribute(3, number(4)),
        nested(4, attribute(1, pack("=I", mask))),
        nested(5, attribute(1, bytes(4))),
    )
    return (
        left
        + masked
        + _expression("cmp", register, attribute(2, number(_NOT_EQUAL)), nested(3, attribute(1, bytes(4))))
    )


def _element(operation: int, name: str, data: int) -> bytes:
    """Add to or delete from a map or set: the key stands in the registers from the first on; data: the register of the
    map's data, 0 for a set."""
    parts = [
        attribute(1, text(name)),
        attribute(3, number(operation)),
        attribute(4, number(_REG32_00)),
    ]
    if data:
        parts.append(attribute(5, number(data)))
    if operation == _ADD:
        parts.append(attribute(6, number(int(AWAITED_S * 1000), 8)))
    return _expression("dynset", *parts)


def _awaited_rules(family: _Family) -> list[bytes]:
    """Rules for one family: the endpoint outside leads inside; the answer leaves from the published address; admission.

    Each element is made anew: one that was left behind may lead elsewhere.
    """
    words = family.octets // 4
    second, third = _REG32_01 + words, _REG32_01 + 2 * words
    ours = _ours(family)
    protocol = _expression("meta", attribute(1, number(_REG32_00)), attribute(2, number(_META_L4PROTO)))
    status = _expression("ct", attribute(1, number(_REG32_00)), attribute(2, number(_CT_STATUS)))
    server = _load(_REG32_01, _NETWORK_HEADER, family.destination, family.octets)
    seen = (
        protocol, server,
        _load(second, _NETWORK_HEADER, family.source, family.octets), _load(third, _TRANSPORT_HEADER, 0, 2),
    )  # fmt: skip
    own = protocol, server, _load_original(second, family.original_source), _load_original(third, _CT_SOURCE_PORT)
    data = third + 1
    inside = _load_original(data, family.original_source), _load_original(data + words, _CT_SOURCE_PORT)
    published = _load_original(data, family.original_destination)

    def anew(name: str, register: int) -> tuple[bytes, bytes]:
        return _element(_DELETE, name, register), _element(_ADD, name, register)

    version = family.version
    return [
        _rule(AWAITED_CHAIN, ours, _only(status, mask=_SOURCE_NAT), *seen, *inside, *anew(f"dnat{version}", data)),
        _rule(
            AWAITED_CHAIN, ours, _only(status, mask=_DESTINATION_NAT), *own, published, *anew(f"source{version}", data)
        ),
        _rule(AWAITED_CHAIN, ours, *own, *anew(f"once{version}", 0)),
    ]


def _ours(family: _Family) -> bytes:
    """Go on only with packets of this family."""
    return _only(
        _expression("meta", attribute(1, number(_REG32_00)), attribute(2, number(_META_NFPROTO))),
        value=bytes((family.number,)),
    )


def _published_rule(family: _Family) -> bytes:
    """Remember for a moment where a first datagram was sent to."""
    words = family.octets // 4
    second, third = _REG32_01 + words, _REG32_01 + 2 * words
    data = third + 1
    key = (
        _expression("meta", attribute(1, number(_REG32_00)), attribute(2, number(_META_L4PROTO))),
        _load(_REG32_01, _NETWORK_HEADER, family.source, family.octets),
        _load(second, _NETWORK_HEADER, family.destination, family.octets),
        _load(third, _TRANSPORT_HEADER, 2, 2),
    )
    sent_to = (
        _load_original(data, family.original_destination),
        _load_original(data + words, _CT_DESTINATION_PORT),
    )
    name = SENT_TO[family.version == 6]
    return _rule(
        PUBLISHED_CHAIN, _ours(family), *key, *sent_to, _element(_DELETE, name, data), _element(_ADD, name, data)
    )


def _attach_rule(family: _Family) -> bytes:
    """The helper extension for sessions of control gates: meta l4proto . daddr . dport in the set, then the object."""
    port = _REG32_01 + family.octets // 4
    return _rule(
        HELPER_CHAIN,
        _ours(family),
        _expression("meta", attribute(1, number(_REG32_00)), attribute(2, number(_META_L4PROTO))),
        _load(_REG32_01, _NETWORK_HEADER, family.destination, family.octets),
        _load(port, _TRANSPORT_HEADER, 2, 2),
        _expression("lookup", attribute(1, text(ATTACH_SETS[family.version == 6])), attribute(2, number(_REG32_00))),
        _expression("objref", attribute(1, number(_CT_EXPECT)), attribute(2, text(HELPER_OBJECT))),
    )


def _xt_queue_rules() -> list[bytes]:
    """xt NFQUEUE revision 3: number, total, flags (1: bypass)."""
    rules = []
    for queue in (*range(QUEUES), *range(LARGE_QUEUES, LARGE_QUEUES + QUEUES)):
        for chain, flags in ((f"closed_{queue}", 0), (f"open_{queue}", 1)):
            info = pack("=HHH", queue, 1, flags).ljust(8, b"\0")
            target = _expression("target", attribute(1, text("NFQUEUE")), attribute(2, number(3)), attribute(3, info))
            rules.append(_rule(chain, target))
    return rules


def additions(*, queue_rules: bool, helper: bool = True) -> list[bytes]:
    """What is to be added to a freshly made gates table, as messages of one transaction. helper: with the object that
    attaches the extension, which an exchange of the rules leaves in place."""
    messages = [_helper_object()] if helper else []
    messages.append(_helper_rule())
    for family in _FAMILIES:
        messages += [*_awaited_rules(family), _published_rule(family), _attach_rule(family)]
    messages += calls.rules()
    messages += keyed.rules()
    if queue_rules:
        messages += _xt_queue_rules()
    return messages


def add(netlink: Netlink, messages: Sequence[bytes]) -> None:
    """Add them. Raises DataplaneError."""
    code = netlink.transaction(messages)
    if code:
        raise DataplaneError("gates table: what nft cannot write", os.strerror(code))
