"""Rules of the gates table as netlink carries them: what nft's command line cannot write, an expression at a time.

Registers are the 32-bit ones, counted from 0; a value of 16 octets takes four. Layouts follow
linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

from struct import pack

from applianced.compiler.marks import GATES_TABLE
from applianced.dataplane.netlink import APPEND, CREATE, attribute, nested, nft_message, number, text

_NEWRULE = 6
_REG32_00 = 8
NETWORK_HEADER, TRANSPORT_HEADER = 1, 2
_IP_CHECKSUM = 1, 10
"""The kind of checksum that a header has, and where."""
_META_MARK, _META_NFPROTO = 3, 15
_EQUAL = 0


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


def store(register: int, base: int, offset: int, octets: int, *, ip_checksum: bool = False) -> bytes:
    """A register into a field of a header; the header's own checksum follows, where it is said to have one."""
    where = [attribute(place, number(value)) for place, value in enumerate((base, offset, octets), start=2)]
    if ip_checksum:
        kind, place = _IP_CHECKSUM
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
