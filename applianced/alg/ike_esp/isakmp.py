"""The header of an IKE message, all that can be read of most (RFC 2408 3.1, RFC 7296 3.1).

     8 octets        8 octets        1        1         1         1         4          4
    | initiator's  | responder's  | first   | major,  | exchange| flags  | message | length |
    | cookie, SPI  | cookie, SPI  | payload | minor   | type    |        | ID      |        |

Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from applianced.errors import ProtocolError

OCTETS = 28
NON_ESP_MARKER = b"\0\0\0\0"
"""Before IKE messages on the port of NAT traversal (RFC 3948 2.2)."""
KEEPALIVE = b"\xff"
"""RFC 3948 2.3."""
NOBODY = bytes(8)
"""A responder's SPI that is not known yet."""

MAIN, AGGRESSIVE, INFORMATIONAL_1, TRANSACTION, QUICK = 2, 4, 5, 6, 32
"""Exchanges of version 1 (RFC 2408 3.1, RFC 2409 appendix A)."""
SA_INIT, AUTH, CREATE_CHILD_SA, INFORMATIONAL, SESSION_RESUME, FOLLOWUP_KE = 34, 35, 36, 37, 38, 44
"""Exchanges of version 2 (RFC 7296 3.1, RFC 5723, RFC 9370)."""

_HEADER = Struct("!8s8sBBBBII")
_EXCHANGES_1 = frozenset((1, MAIN, 3, AGGRESSIVE, INFORMATIONAL_1, TRANSACTION, QUICK, 33, *range(240, 256)))
_FIRST_2 = 34
_ENCRYPTED, _COMMIT, _AUTHENTICATED_ONLY = 0x01, 0x02, 0x04
_INITIATOR, _HIGHER_VERSION, _RESPONSE = 0x08, 0x10, 0x20
_FLAGS = {1: _ENCRYPTED | _COMMIT | _AUTHENTICATED_ONLY, 2: _INITIATOR | _HIGHER_VERSION | _RESPONSE}
_SK, _SKF = 46, 53
"""Payloads that hold encrypted ones (RFC 7296 3.14, RFC 7383 2.5)."""
_OPEN = {
    1: frozenset((1, MAIN, 3, AGGRESSIVE, INFORMATIONAL_1)),
    2: frozenset((SA_INIT, INFORMATIONAL, SESSION_RESUME)),
}
"""Exchanges whose messages may name no responder, or be in the clear."""
_NEGOTIATING = {1: frozenset((QUICK,)), 2: frozenset((AUTH, CREATE_CHILD_SA, FOLLOWUP_KE))}
_NAMES = {
    1: {1: "base", MAIN: "main-mode", 3: "auth-only", AGGRESSIVE: "aggressive-mode", INFORMATIONAL_1: "informational",
        TRANSACTION: "transaction", QUICK: "quick-mode", 33: "new-group-mode"},
    2: {SA_INIT: "ike-sa-init", AUTH: "ike-auth", CREATE_CHILD_SA: "create-child-sa", INFORMATIONAL: "informational",
        SESSION_RESUME: "ike-session-resume", 43: "ike-intermediate", FOLLOWUP_KE: "ike-followup-ke"},
}  # fmt: skip


class Header(NamedTuple):
    """What a message says of itself. version: the major one."""

    initiator: bytes
    responder: bytes
    version: int
    exchange: int
    flags: int
    message: int

    @property
    def negotiates(self) -> bool:
        """Whether its exchange may end with security associations for ESP."""
        return self.exchange in _NEGOTIATING[self.version]

    @property
    def name(self) -> str:
        """The exchange, as the state and the logs call it."""
        return name_of(self.version, self.exchange)

    @property
    def rekeys(self) -> bool:
        """Whether its exchange may make another IKE SA, whose SPIs nobody sees (RFC 7296 1.3.2)."""
        return self.version == 2 and self.exchange == CREATE_CHILD_SA

    def __str__(self) -> str:
        return f"IKEv{self.version} {self.name} {self.initiator.hex()}"


def name_of(version: int, exchange: int) -> str:
    """The name of an exchange, "exchange-99" for one that has none."""
    return _NAMES[version].get(exchange, f"exchange-{exchange}")


def parse(data: bytes) -> Header:
    """The header of a datagram. Raises ProtocolError whose event is one of events.VIOLATIONS."""
    if len(data) < OCTETS:
        raise ProtocolError("short-header", f"{len(data)} octets")
    initiator, responder, payload, versions, exchange, flags, message, length = _HEADER.unpack_from(data)
    version = versions >> 4
    if version not in _FLAGS:
        raise ProtocolError("bad-version", f"{version}.{versions & 15}")
    if length != len(data):
        raise ProtocolError("bad-length", f"{length}, of {len(data)} octets")
    if initiator == NOBODY:
        raise ProtocolError("no-initiator", f"IKEv{version}, exchange {exchange}")
    if exchange < _FIRST_2 if version == 2 else exchange not in _EXCHANGES_1:
        raise ProtocolError("bad-exchange", f"IKEv{version}, exchange {exchange}")
    if flags & ~_FLAGS[version]:
        raise ProtocolError("bad-flags", f"IKEv{version}, flags {flags:#04x}")
    if exchange not in _OPEN[version]:
        _protected(version, responder, payload, flags)
    return Header(initiator, responder, version, exchange, flags, message)


def _protected(version: int, responder: bytes, payload: int, flags: int) -> None:
    """Who speaks under an SA knows the responder, and encrypts (RFC 2409 5.5, RFC 7296 1.2)."""
    if responder == NOBODY:
        raise ProtocolError("no-responder", f"IKEv{version}")
    if not (flags & _ENCRYPTED if version == 1 else payload in (_SK, _SKF)):
        raise ProtocolError("in-the-clear", f"IKEv{version}, first payload {payload}")


def is_nat_traversal(data: bytes) -> bool:
    """Whether a datagram is one of NAT traversal (RFC 3947, 3948): IKE behind the marker, or a keepalive."""
    if data == KEEPALIVE:
        return True
    if not data.startswith(NON_ESP_MARKER):
        return False
    try:
        parse(data[len(NON_ESP_MARKER) :])
    except ProtocolError:
        return False
    return True
