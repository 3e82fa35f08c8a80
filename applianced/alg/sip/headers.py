"""What stands in the headers that the ALG reads deeply: Via, addresses, their parameters (RFC 3261 20, 25.1).

All offsets are into the octets of the message.

Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

from typing import NamedTuple

from applianced.alg.sip.uris import Host, Uri


class Parameter(NamedTuple):
    """`;name[=value]`. start: of the `;`. value_start, end: of the value, without quotes; equal when there is none."""

    start: int
    value_start: int
    end: int
    value: bytes


class Via(NamedTuple):
    """One entry of Via. start, end: of the entry without the white space and commas around it. transport: in upper
    case. parameters: where the first `;` is, or `end`. branch: b"" without. received, rport, maddr: None without; an
    rport without a value has the value b""."""

    start: int
    end: int
    transport: bytes
    sent_by: Host
    parameters: int
    branch: bytes
    received: Parameter | None
    rport: Parameter | None
    maddr: Parameter | None


class Address(NamedTuple):
    """One entry of a header of addresses: `"name" <uri>;parameters`, or a bare URI. start, end: of the entry without
    the white space and commas around it. uri: None for the `*` of Contact. parameters: where the first `;` of the
    header's own parameters is, or `end`."""

    start: int
    end: int
    uri: Uri | None
    parameters: int


def entries(data: bytes, start: int, end: int) -> list[tuple[int, int]]:
    """The entries of a list with commas; quoted strings and <> may contain some. Raises ProtocolError bad-address."""
    raise NotImplementedError


def read_via(data: bytes, start: int, end: int) -> Via:
    """One entry. Raises ProtocolError bad-via."""
    raise NotImplementedError


def read_address(data: bytes, start: int, end: int) -> Address:
    """One entry. Raises ProtocolError bad-address."""
    raise NotImplementedError


def find_parameter(data: bytes, start: int, end: int, name: bytes) -> Parameter | None:
    """A parameter by its name in lower case, between a `;` and the end of what has parameters; None without."""
    raise NotImplementedError
