"""A DNS message as it is written (RFC 1035 4), read from its first octet to its last.

Names are followed through their compression pointers (4.1.4): a pointer leads to an earlier place, so every chain of
them ends; a name has at most 255 octets, a label at most 63. What a pointer led to is remembered, so that records which
share a name cost little.

Rule: nothing here performs I/O or keeps state. A message that does not hold together raises ProtocolError, whose event
is one of events.VIOLATIONS.
"""

from __future__ import annotations

from struct import Struct, error
from typing import NamedTuple

from applianced.errors import ProtocolError

HEADER_OCTETS = 12
NAME_LIMIT = 255
RESPONSE, TRUNCATED, AUTHENTIC = 0x8000, 0x0200, 0x0020
_RESERVED = 0x0040
_OPCODE, _CODE = 0x7800, 0x000F
_UNUSUAL = _OPCODE | TRUNCATED | _RESERVED | _CODE
QUERY, NOTIFY, UPDATE = 0, 4, 5
_OPCODES = frozenset((0, 1, 2, NOTIFY, UPDATE, 6))
"""QUERY, IQUERY, STATUS, NOTIFY, UPDATE, DSO (IANA)."""
A, NS, CNAME, SOA, PTR, MX, SIG, AAAA, SRV, DNAME, OPT, RRSIG = 1, 2, 5, 6, 12, 15, 24, 28, 33, 39, 41, 46
TSIG, IXFR, AXFR = 250, 251, 252

_HEADER = Struct("!HHHHHH")
_RECORD = Struct("!HHIH")
_WORD = Struct("!H")
_NAMES = {
    NS: (0, 1, 0), CNAME: (0, 1, 0), PTR: (0, 1, 0), DNAME: (0, 1, 0), MX: (2, 1, 0), SRV: (6, 1, 0), SOA: (0, 2, 20),
}  # fmt: skip
"""Type -> octets before its names, how many names, octets behind them (RFC 1035 3.3, RFC 2782, RFC 6672)."""
_LENGTHS = {A: 4, AAAA: 16}
_INTERNET = 1
_QUESTION = b"\xc0\x0c"
"""A pointer to the name behind the header."""
_TRANSACTION = frozenset((TSIG, SIG))
_UNSIGNED: frozenset[int] = frozenset()


class Address(NamedTuple):
    """An address in a record. start: of its octets in the message. kind: A or AAAA."""

    start: int
    kind: int


class Message(NamedTuple):
    """question: identification, name in lower case, type and class: what an answer repeats; with a name of b"" where
    there is no question. end: of the question.

    addresses: of all records. signed: the types that a signature covers; 0 stands for the whole message.
    """

    flags: int
    question: bytes
    kind: int
    addresses: tuple[Address, ...] = ()
    signed: frozenset[int] = _UNSIGNED

    @property
    def response(self) -> bool:
        return bool(self.flags & RESPONSE)

    @property
    def code(self) -> int:
        """RCODE: 0 for no error."""
        return self.flags & _CODE


def question_of(data: bytes) -> bytes:
    """`Message.question` of a message of which no more is looked at; b"" when it is not to be had."""
    try:
        end = _first_name(data) if data[4:6] == b"\0\1" else 0
    except (IndexError, ProtocolError):
        return b""
    return data[:2] + data[HEADER_OCTETS:end].lower() + data[end : end + 4] if end else data[:2]


def read(data: bytes) -> Message:
    """The whole message. Raises ProtocolError."""
    if len(data) < HEADER_OCTETS:
        raise ProtocolError("short", f"{len(data)} octets")
    _, flags, questions, answers, authorities, additional = _HEADER.unpack_from(data)
    if flags & _UNUSUAL or questions != 1 or (not flags & RESPONSE and (answers or authorities > 1 or additional > 3)):
        _check_header(flags, questions, answers, authorities, additional)
    records = answers + authorities + additional
    try:
        if not questions:
            question, kind, at = data[:2], 0, HEADER_OCTETS
        else:
            end = _first_name(data)
            at = end + 4
            kind = _WORD.unpack_from(data, end)[0]
            question = data[:2] + data[HEADER_OCTETS:end].lower() + data[end:at]
        if at > len(data):
            raise ProtocolError("bad-count", "the question is cut")
        if not records and at == len(data):
            return Message(flags, question, kind)
        found = _Records(data, at)
        found.read(records, named=questions > 0, update=flags & _OPCODE == UPDATE << 11)
    except (IndexError, error):
        raise ProtocolError("bad-count", "the message ends inside a record") from None
    message = Message(flags, question, kind, tuple(found.addresses), frozenset(found.signed))
    if found.at != len(data):
        _check_rest(message, len(data) - found.at)
    return message


def _check_header(flags: int, questions: int, answers: int, authorities: int, additional: int) -> None:
    opcode = (flags & _OPCODE) >> 11
    fault = ""
    if opcode not in _OPCODES:
        fault = f"opcode {opcode}"
    elif flags & _RESERVED:
        fault = "the reserved bit is set"
    elif flags & RESPONSE:
        if questions > 1 and opcode == QUERY:
            fault = f"{questions} questions"
    elif opcode == QUERY and (questions != 1 or answers or authorities > 1 or additional > 3):
        fault = f"a query with {questions} questions, {answers} answers, {authorities} + {additional} records"
    elif opcode == QUERY and flags & (TRUNCATED | _CODE):
        fault = "a query that is truncated, or says an error"
    elif questions != 1 and opcode in (NOTIFY, UPDATE):
        fault = f"{questions} zones"
    if fault:
        raise ProtocolError("bad-header", fault)


def _check_rest(head: Message, octets: int) -> None:
    """Nothing lies behind the last record. Some servers end the query of a transfer with two octets that say who made
    them, and others answer what they do not implement by turning it round with other counts."""
    tolerated = head.code if head.response else head.kind in (AXFR, IXFR)
    if not tolerated:
        raise ProtocolError("trailing", f"{octets} octets")


def _first_name(data: bytes) -> int:
    """Where the name at the end of the header ends: no pointer can stand in it. Raises IndexError, ProtocolError."""
    at = HEADER_OCTETS
    while octets := data[at]:
        if octets > 63:
            raise ProtocolError("bad-pointer" if octets >= 0xC0 else "bad-label", f"{octets:#x} in the question")
        at += octets + 1
    at += 1
    if at - HEADER_OCTETS > NAME_LIMIT:
        raise ProtocolError("long-name", f"{at - HEADER_OCTETS} octets")
    return at


class _Records:
    """Everything behind the question. at: where it ends, as far as it was read; addresses, signed: as in Message."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self.at = at
        self.addresses: list[Address] = []
        self.signed: set[int] = set()
        self._known: dict[int, int] = {}
        """Start of a label or pointer that was read -> octets of the name from there on."""

    def read(self, count: int, *, named: bool, update: bool) -> None:
        """As many records as the header says. named: a question stands behind the header, whose name most records point
        to. update: records may be empty (RFC 2136 2.4)."""
        data = self._data
        if count * 11 > len(data) - self.at:
            raise ProtocolError("bad-count", f"{count} records in {len(data) - self.at} octets")
        extended = False
        for _ in range(count):
            name = self.at
            at = name + 2 if named and data[name : name + 2] == _QUESTION else self._name(name)
            kind, space, _, length = _RECORD.unpack_from(data, at)
            start = at + 10
            end = self.at = start + length
            if end > len(data):
                raise ProtocolError("bad-count", "a record is longer than the message")
            if kind in _LENGTHS and space == _INTERNET:
                if length != _LENGTHS[kind]:
                    raise ProtocolError("bad-record", f"an address of {length} octets")
                self.addresses.append(Address(start, kind))
            elif kind in _NAMES:
                if start != end or not update:
                    self._inner(kind, start, end)
            elif kind == OPT:
                if extended or data[name]:  # RFC 6891 6.1.1
                    raise ProtocolError("bad-edns", "more than one, or with a name")
                extended = True
            elif kind == RRSIG and length >= 2:
                self.signed.add(_WORD.unpack_from(data, start)[0])
            elif kind in _TRANSACTION:
                self.signed.add(0)

    def _inner(self, kind: int, start: int, end: int) -> None:
        """The names inside a record."""
        before, names, behind = _NAMES[kind]
        at = start + before
        for _ in range(names):
            at = self._name(at)
        if at + behind != end:
            raise ProtocolError("bad-record", f"type {kind}: its names end elsewhere than it does")

    def _name(self, start: int) -> int:
        """Where the name at a place ends. Raises ProtocolError, IndexError."""
        data, known = self._data, self._known
        at, behind, first = start, -1, start
        total = led = through = 0
        while True:
            if (rest := known.get(at)) is not None and behind >= 0:
                total += rest
                break
            octets = data[at]
            if not octets:
                total += 1
                if behind < 0:
                    behind = at + 1
                break
            if octets < 64:
                at += octets + 1
                total += octets + 1
            elif octets >= 0xC0:
                target = (octets & 0x3F) << 8 | data[at + 1]
                if behind < 0:
                    behind, led = at + 2, total
                if target >= first or target < HEADER_OCTETS:
                    raise ProtocolError("bad-pointer", f"from {at} to {target}")
                at = first = target
                through = through or target
            else:
                raise ProtocolError("bad-label", f"type {octets >> 6}")
            if total >= NAME_LIMIT:
                raise ProtocolError("long-name", f"{total} octets and more")
        if total > NAME_LIMIT:
            raise ProtocolError("long-name", f"{total} octets")
        known[start] = total
        if through:
            known[through] = total - led
        return behind
