"""One SIP message, found out of its octets in one pass; what a header says is read when it is asked for.

    message = parse(data)
    message.method, message.status, message.call_id, message.cseq
    for via in message.vias(): ...
    for address in message.addresses(CONTACT): address.uri.host

All offsets are into `message.data`; `edits.rewritten` takes replacements by them.

Rule: nothing here performs I/O. What cannot be read raises ProtocolError, whose event is one of `faults.FAULTS`.
"""

from __future__ import annotations

from typing import NamedTuple

from applianced.alg.sip.headers import Address, Parameter, Via
from applianced.alg.sip.uris import Uri

VIA, FROM, TO, CALL_ID, CSEQ, CONTACT = b"via", b"from", b"to", b"call-id", b"cseq", b"contact"
ROUTE, RECORD_ROUTE, PATH, SERVICE_ROUTE = b"route", b"record-route", b"path", b"service-route"
REFER_TO, REFERRED_BY, REPLACES = b"refer-to", b"referred-by", b"replaces"
ASSERTED, PREFERRED, REPLY_TO = b"p-asserted-identity", b"p-preferred-identity", b"reply-to"
MAX_FORWARDS, EXPIRES, MIN_EXPIRES, WARNING = b"max-forwards", b"expires", b"min-expires", b"warning"
CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING = b"content-type", b"content-length", b"content-encoding"
REQUIRE, SUPPORTED, RSEQ, RACK, EVENT = b"require", b"supported", b"rseq", b"rack", b"event"
SESSION_EXPIRES, SUBSCRIPTION_STATE, JOIN = b"session-expires", b"subscription-state", b"join"
"""Names of headers: lower case, the long form."""


class Field(NamedTuple):
    """One header. line: where its name begins. start, end: of its value, folded lines included. The line's own end
    (CRLF) follows `end`."""

    line: int
    start: int
    end: int


class Cseq(NamedTuple):
    """number: 0 to 2**31 - 1. method: as written."""

    number: int
    method: bytes


class Message:
    """A request (`status` 0) or a response.

    data: the octets it was read from. method: of a request as written; of a response the one of its CSeq.
    target: offsets of the Request-URI, (0, 0) in a response. fields: name in lower case and long form -> its headers in
    order. body, end: offsets of the body; what lies behind `end` belongs to no message (RFC 3261 18.3).
    call_id: as written. cseq: see Cseq.
    """

    __slots__ = ("body", "call_id", "cseq", "data", "end", "fields", "method", "status", "target")

    data: bytes
    method: bytes
    status: int
    target: tuple[int, int]
    fields: dict[bytes, list[Field]]
    body: int
    end: int
    call_id: bytes
    cseq: Cseq

    def value(self, name: bytes) -> bytes:
        """The value of the first header of this name, unfolded; b"" without."""
        raise NotImplementedError

    def values(self, name: bytes) -> list[bytes]:
        """Of all headers of this name."""
        raise NotImplementedError

    def number(self, name: bytes) -> int | None:
        """Of a header that is a number, parameters and comments behind it left out; None without, or when it is none.
        """
        raise NotImplementedError

    def tokens(self, name: bytes) -> set[bytes]:
        """The entries of a list of words, as of Require, in lower case."""
        raise NotImplementedError

    def uri(self) -> Uri:
        """The Request-URI. Raises ProtocolError bad-address."""
        raise NotImplementedError

    def top_via(self) -> Via:
        """The first entry. Raises ProtocolError bad-via."""
        raise NotImplementedError

    def vias(self) -> list[Via]:
        """All entries of all Via headers, the first one on top. Raises ProtocolError bad-via, many-headers."""
        raise NotImplementedError

    def addresses(self, name: bytes) -> list[Address]:
        """All entries of all headers of this name. Raises ProtocolError bad-address, many-headers."""
        raise NotImplementedError

    def parameter(self, address: Address, name: bytes) -> Parameter | None:
        """A header parameter behind an address, as `tag`, `expires`, `reg-id`; None without."""
        raise NotImplementedError

    def from_tag(self) -> bytes:
        """b"" without. Raises ProtocolError bad-address."""
        raise NotImplementedError

    def to_tag(self) -> bytes:
        """b"" without. Raises ProtocolError bad-address."""
        raise NotImplementedError


def parse(data: bytes) -> Message:
    """One whole message from the front of `data`, leading CRLFs left out; without Content-Length to the end of it.
    Raises ProtocolError."""
    raise NotImplementedError
