"""Rules of the gates table as netlink carries them: what nft's command line cannot write, an expression at a time.

Registers are the 32-bit ones, counted from 0; a value of 16 octets takes four. Layouts follow
linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

from struct import pack
from typing import NamedTuple

from applianced.compiler.marks import GATES_TABLE
from applianced.dataplane.netlink import APPEND, CREATE, attribute, nested, nft_message, number, text

_NEWRULE = 6
_REG32_00 = 8
NETWORK_HEADER, TRANSPORT_HEADER = 1, 2
_INTERNET = 1
"""The kind of checksum."""
_IP_CHECKSUM = 10
_META_MARK, _META_NFPROTO = 3, 15
_EQUAL, _NOT_EQUAL = 0, 1


class Family(NamedTuple):
    """Where an IP version keeps its addresses. number: of nfproto. octets: of an address."""

    version: int
    number: int
    octets: int
    source: int
    destination: int


FAMILIES = Family(4, 2, 4, 12, 16), Family(6, 10, 16, 8, 24)


def expression(name: str, *parts: bytes) -> bytes:
    """Any expression. parts: its attributes."""
    return nested(1, attribute(1, text(name)), nested(2, *parts))


def rule(chain: str, *expressions: bytes) -> bytes:
    """The message that adds a rule at the end of a chain."""
    body = attribute(1, text(GATES_TABLE)) + attribute(2, text(chain)) + nested(4, *expressions)
    return nft_message(_NEWRULE, CREATE | APPEND, body)


def _register(place: int, register: int) -> bytes:
    return attribute(place, number(_REG32_00 + register))


def load(register: int, base: int, offset: int, octets: int) -> bytes:
    """A field of a header into a register."""
    where = (attribute(place, number(value)) for place, value in enumerate((base, offset, octets), start=2))
    return expression("payload", _register(1, register), *where)


def store(register: int, base: int, offset: int, octets: int, *, ip_checksum: bool = False, checksum: int = 0) -> bytes:
    """A register into a field of a header; the header's own checksum follows, where it is said to have one: that of
    IPv4, or a transport's at this offset of its header."""
    where = [attribute(place, number(value)) for place, value in enumerate((base, offset, octets), start=2)]
    if ip_checksum or checksum:
        kind, place = _INTERNET, checksum or _IP_CHECKSUM
        where += [attribute(6, number(kind)), attribute(7, number(place))]
    return expression("payload", *where, _register(5, register))


def find(name: str, key: int, data: int) -> bytes:
    """Look a key up in a map; the rule ends where it is not there."""
    return expression("lookup", attribute(1, text(name)), _register(2, key), _register(3, data))


def of_family(number_: int) -> bytes:
    """Go on only with packets of this nfproto: 2 or 10."""
    loaded = expression("meta", _register(1, 0), attribute(2, number(_META_NFPROTO)))
    return loaded + expression(
        "cmp", _register(1, 0), attribute(2, number(_EQUAL)), nested(3, attribute(1, bytes((number_,))))
    )


def mark(value: int) -> bytes:
    """Set the packet's mark."""
    loaded = expression("immediate", _register(1, 0), nested(2, attribute(1, pack("=I", value))))
    return loaded + expression("meta", attribute(2, number(_META_MARK)), _register(3, 0))


def untracked() -> bytes:
    """The packet is none of connection tracking's business, nor of NAT's."""
    return expression("notrack")


def load_original(register: int, key: int) -> bytes:
    """A field of the original tuple of a packet's session into a register. key: of ct."""
    return expression("ct", _register(1, register), attribute(2, number(key)), attribute(3, b"\0"))


def compare(loaded: bytes, value: bytes, *, equal: bool = True) -> bytes:
    """Go on only where what was loaded into register 0 has this value, or has not."""
    operation = _EQUAL if equal else _NOT_EQUAL
    return loaded + expression("cmp", _register(1, 0), attribute(2, number(operation)), nested(3, attribute(1, value)))


def add_element(name: str, key: int, data: int, seconds: int) -> bytes:
    """Add to a map, for so long, what the registers hold; nothing happens where the key is there already."""
    time = attribute(6, number(seconds * 1000, 8))
    where = attribute(1, text(name)), attribute(3, number(0)), _register(4, key), _register(5, data)
    return expression("dynset", *where, time)


def delete_element(name: str, key: int, data: int) -> bytes:
    """Delete from a map, whatever it has for the key."""
    where = attribute(1, text(name)), attribute(3, number(2)), _register(4, key), _register(5, data)
    return expression("dynset", *where)


def accept() -> bytes:
    """The packet has passed this chain."""
    verdict = nested(2, nested(2, attribute(1, number(1))))
    return expression("immediate", attribute(1, number(0)), verdict)
