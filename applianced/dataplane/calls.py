"""Rules that lead GRE of the calls that gates admit, past connection tracking and NAT (RFC 2637 4.1).

Connection tracking knows no call IDs, and two inside hosts may use the same one. So an admitted packet is not tracked:
where it arrives it gets the address and the call ID that its call has inside, and is marked; where it leaves, the
address that its sender is known by. What no gate admits is tracked, and for the policy, as any GRE.

    calls          sender . destination . call ID : destination that it stands for
    call_ids       the same key : call ID that it stands for
    call_sources   sender . receiver . call ID : address to leave with

Address and call ID come from two maps: nft cannot list a rule that writes the second part of what it looked up.

nft 1.0.6 cannot write the call ID as part of a key; a map that it declares by `typeof @th,48,16` makes it abort.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from applianced.compiler.marks import DATA, GATES_TABLE
from applianced.compiler.untracked import CALLS_IN, CALLS_OUT
from applianced.dataplane import expressions
from applianced.dataplane.expressions import FAMILIES, NETWORK_HEADER, TRANSPORT_HEADER
from applianced.dataplane.netlink import FAMILY_INET, NFTABLES, Netlink, attribute, attributes, nested, text
from applianced.model.gates import Gate

_GETSETELEM = 13
_LIST, _EXPRESSION, _DATA = 3, 7, 2
_OCTETS, _PACKETS = 1, 2

_CALL_ID = TRANSPORT_HEADER, 6, 2


def rules() -> Iterator[bytes]:
    """The messages that add them to a freshly made gates table."""
    for family in FAMILIES:
        words = family.octets // 4
        address = 2 * words + 1
        call = address + words
        checked = family.version == 4
        keyed = (
            expressions.of_family(family.number),
            expressions.load(0, NETWORK_HEADER, family.source, family.octets),
            expressions.load(words, NETWORK_HEADER, family.destination, family.octets),
            expressions.load(2 * words, *_CALL_ID),
        )
        yield expressions.rule(
            CALLS_IN,
            *keyed,
            expressions.find(f"call_ids{family.version}", 0, call),
            expressions.find(f"calls{family.version}", 0, address),
            expressions.store(address, NETWORK_HEADER, family.destination, family.octets, ip_checksum=checked),
            expressions.store(call, *_CALL_ID),
            expressions.mark(DATA),
            expressions.untracked(),
        )
        yield expressions.rule(
            CALLS_OUT,
            *keyed,
            expressions.find(f"call_sources{family.version}", 0, address),
            expressions.store(address, NETWORK_HEADER, family.source, family.octets, ip_checksum=checked),
        )


def elements(gate: Gate) -> list[tuple[str, bytes, bytes]]:
    """What a gate for a call is in the kernel; see gates.Element."""
    inside, outside = gate.inside, gate.outside
    version = "4" if len(inside.address) == 4 else "6"
    called = inside.port.to_bytes(2, "big")
    key = gate.peer + outside.address + outside.port.to_bytes(2, "big") + b"\0\0"
    found = [("calls" + version, key, inside.address), ("call_ids" + version, key, called)]
    if gate.source:
        found.append(("call_sources" + version, gate.peer + inside.address + called + b"\0\0", gate.source))
    return found


class Used(NamedTuple):
    """What went through a gate."""

    packets: int
    octets: int


def used(netlink: Netlink, name: str, key: bytes) -> Used:
    """What went through a gate since the kernel has its element in this map; nothing when that is not there.

    Raises DataplaneError.
    """
    wanted = nested(_LIST, nested(1, nested(1, attribute(1, key))))
    body = attribute(1, text(GATES_TABLE)) + attribute(2, text(name)) + wanted
    # The list, its only element, the expression that counts, what it has counted.
    found = netlink.get(NFTABLES, _GETSETELEM, FAMILY_INET, body) or {}
    for kind in (_LIST, 1, _EXPRESSION, _DATA):
        found = attributes(found.get(kind, b""))
    return Used(int.from_bytes(found.get(_PACKETS, b""), "big"), int.from_bytes(found.get(_OCTETS, b""), "big"))
