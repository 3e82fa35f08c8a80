"""The header of a message as its listener must read it: hosts of the parties become what they are known as.

Which way a host is translated depends on what it says (RFC 3261 20): where somebody is reached (Contact, routes, the
Request-URI), who somebody is (From, To, asserted identities), which way an answer goes (Via), or nothing but a name
that must stay the same for both (Call-ID).

Rule: nothing here performs I/O.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from enum import Enum

from applianced.alg.actions import Action, Bind, Reply
from applianced.alg.sdp.rewriting import Replacement
from applianced.alg.sip.headers import Via
from applianced.alg.sip.messages import (
    ASSERTED,
    CALL_ID,
    COMPACT,
    CONTACT,
    FROM,
    JOIN,
    PATH,
    PREFERRED,
    RECORD_ROUTE,
    REFER_TO,
    REFERRED_BY,
    REPLACES,
    REPLY_TO,
    ROUTE,
    SERVICE_ROUTE,
    TO,
    VIA,
    WARNING,
    Message,
)
from applianced.alg.sip.parties import SIP_PORT, SIPS_PORT, Parties
from applianced.alg.sip.settings import ENDPOINT_LIMIT
from applianced.alg.sip.uris import Host, Uri, host_text, packed_address
from applianced.errors import ProtocolError
from applianced.model.tuples import ORIGINAL, REPLY, TCP, UDP, Direction, Endpoint

WHERE = (CONTACT, ROUTE, RECORD_ROUTE, PATH, SERVICE_ROUTE, REFER_TO, REPLY_TO)
"""Headers that say where somebody is reached."""
WHO = (FROM, TO, ASSERTED, PREFERRED, REFERRED_BY, b"remote-party-id", b"diversion", b"history-info")
"""Headers that say who somebody is."""
SAME = (CALL_ID, REPLACES, JOIN, b"in-reply-to", b"target-dialog")
"""Headers that name calls."""
BOUND = frozenset((CONTACT, RECORD_ROUTE, PATH, SERVICE_ROUTE))
"""Headers whose endpoints the other party will send to."""

_CALL_HOST = re.compile(rb"@(\[?)([0-9A-Fa-f.:]+)(\]?)(?=[;,\s]|\Z)")
_QUOTE = re.compile(rb'\\.|"', re.DOTALL)
_AT, _COLON = b"@:"
_ESCAPED_AT, _MADDR = b"%40", b"maddr="
_URI_END = re.compile(rb"[>\s,]|\Z")

Edits = Generator[Action, Reply, list[Replacement]]


class Kind(Enum):
    """What a header says about hosts."""

    WHERE = 1
    WHO = 2
    SAME = 3
    WARNING = 4


_FORMS = {
    **dict.fromkeys(WHERE, Kind.WHERE), **dict.fromkeys(WHO, Kind.WHO), **dict.fromkeys(SAME, Kind.SAME),
    WARNING: Kind.WARNING,
}  # fmt: skip


def default_port(data: bytes, uri: Uri) -> int:
    """The port that a URI means where it says none (RFC 3261 19.1.2)."""
    return _default(uri.scheme == b"sips", data[uri.parameters : uri.end])


def transport(data: bytes, uri: Uri, otherwise: int) -> int:
    """The protocol by which a URI is reached."""
    return _transport(uri.scheme == b"sips", data[uri.parameters : uri.end], otherwise)


def _default(secure: bool, parameters: bytes) -> int:
    return SIPS_PORT if secure or b"transport=tls" in parameters.lower() else SIP_PORT


def _transport(secure: bool, parameters: bytes, otherwise: int) -> int:
    parameters = parameters.lower()
    if secure or b"transport=t" in parameters:
        return TCP
    return UDP if b"transport=udp" in parameters else otherwise


def header_edits(parties: Parties, speaker: Direction, message: Message, *, call_ids: bool, proxy: bool) -> Edits:
    """What changes in the header, apart from Via. call_ids: hosts in Call-IDs too. proxy: the speaker stands for others
    of its side. Raises ProtocolError: bad-address, many-headers, refused-binding."""
    edits: list[Replacement] = []
    pattern = parties.patterns[speaker]
    if pattern is None:
        return edits
    if proxy and parties.translated[speaker]:
        for name in BOUND:
            yield from _bound(parties, speaker, message, name, edits)
    data, first = message.data, message.target[1]
    for found in pattern.finditer(data, message.start, message.body):
        at = found.start()
        kind, name, value = _header(data, at) if at >= first else (Kind.WHERE, ROUTE, message.target[0])
        if kind is None or _quoted(data, value, at):
            continue
        text: bytes | None = None
        before = data[at - 1]
        if before in (_AT, _COLON):
            if kind is Kind.SAME:
                text = _same(parties, speaker, found) if call_ids and before == _AT else None
            elif kind is Kind.WHO:
                text = parties.loose(speaker, host_found(found))
            elif kind is Kind.WHERE:
                text = yield from _where(parties, speaker, data, found, name, value)
        elif data[at - 3 : at] == _ESCAPED_AT:
            text = _same(parties, speaker, found) if call_ids else None
        elif data[at - 6 : at] == _MADDR or (kind is Kind.WARNING and before in b" \t"):
            text = parties.loose(speaker, host_found(found))
        if text is not None:
            edits.append((at, found.end(), text))
    return edits


def _header(data: bytes, at: int) -> tuple[Kind | None, bytes, int]:
    """What the header that an offset is in says about hosts, its name, and where its value begins."""
    line = data.rfind(b"\n", 0, at) + 1
    while data[line] in b" \t" and line > 1:
        line = data.rfind(b"\n", 0, line - 1) + 1
    colon = data.find(b":", line, at)
    name = data[line:colon].strip().lower()
    name = COMPACT.get(name, name)
    return _FORMS.get(name), name, colon + 1


def _quoted(data: bytes, start: int, at: int) -> bool:
    """Whether an offset is inside a quoted string of the value that begins at `start`."""
    if data.find(b'"', start, at) < 0:
        return False
    return sum(len(token) == 1 for token in _QUOTE.findall(data, start, at)) % 2 == 1


def host_found(found: re.Match[bytes]) -> Host:
    """The host that the pattern of `Parties` has found."""
    name = found[1].strip(b"[]")
    return Host(found.start(), found.end(), name, int(found[2] or 0), packed_address(name))


def _same(parties: Parties, speaker: Direction, found: re.Match[bytes]) -> bytes | None:
    """The host behind the @ of a Call-ID: the same address always becomes the same other one, and back."""
    host = host_found(found)
    address = parties.swapped(speaker, host.address)
    if address is None:
        return None
    text = host_text(address, host.port)
    return text if found[1][:1] == b"[" else text.strip(b"[]")


def _where(
    parties: Parties, speaker: Direction, data: bytes, found: re.Match[bytes], name: bytes, value: int
) -> Generator[Action, Reply, bytes | None]:
    host = host_found(found)
    scheme = data.rfind(b"sips:", value, host.start) > data.rfind(b"sip:", value, host.start)
    end = _URI_END.search(data, host.end)
    parameters = data[host.end : end.start()] if end is not None else b""
    default = _default(scheme, parameters)
    if name in BOUND:
        named = parties.unbound(speaker, host, default, proxies=False)
        if named is not None:
            yield from bind(parties, speaker, named, _transport(scheme, parameters, parties.protocol))
    return parties.exact(speaker, host, default, guess=name == ROUTE)


def _bound(
    parties: Parties, speaker: Direction, message: Message, name: bytes, edits: list[Replacement]
) -> Generator[Action, Reply, None]:
    """Addresses that a proxy says for others of its side."""
    for address in message.addresses(name):
        uri = address.uri
        if uri is None or uri.host is None or uri.host.address == parties.own[speaker].address:
            continue
        default = default_port(message.data, uri)
        named = parties.unbound(speaker, uri.host, default, proxies=True)
        if named is not None:
            yield from bind(parties, speaker, named, transport(message.data, uri, parties.protocol))
        text = parties.exact(speaker, uri.host, default)
        if text is not None:
            edits.append((uri.host.start, uri.host.end, text))


def bind(parties: Parties, speaker: Direction, named: Endpoint, protocol: int) -> Generator[Action, Reply, None]:
    """Have an endpoint of the speaker known outside. Raises ProtocolError: many-endpoints, refused-binding."""
    if len(parties.bound) >= ENDPOINT_LIMIT:
        raise ProtocolError("many-endpoints", str(named))
    told = yield Bind(speaker, named, protocol, held=True)
    if not isinstance(told, Endpoint):
        raise ProtocolError("refused-binding", str(named))
    parties.took(speaker, named, told)


def call_id(parties: Parties, speaker: Direction, message: Message, *, changed: bool) -> bytes:
    """The Call-ID as the party that is translated says it: the same for both directions of a session. changed: as
    `header_edits` was told."""
    said = message.call_id
    home = ORIGINAL if parties.translated[ORIGINAL] else REPLY
    if speaker is home or not changed or not parties.translated[home]:
        return said
    match = _CALL_HOST.search(said)
    address = parties.swapped(speaker, packed_address(match[2])) if match else None
    return said if match is None or address is None else said.replace(match[2], host_text(address).strip(b"[]"))


# ----- Via


def _replace(edits: list[Replacement], host: Host, text: bytes | None) -> None:
    if text is not None:
        edits.append((host.start, host.end, text))


def request_vias(
    parties: Parties, speaker: Direction, message: Message, vias: list[Via], *, hide: bool
) -> Generator[Action, Reply, tuple[list[Replacement], bytes]]:
    """The Vias of a request as the listener must read them, and those that are kept from it, joined by commas; for a
    speaker that is translated. Raises ProtocolError bad-via, many-headers."""
    edits: list[Replacement] = []
    top, *others = vias
    host = top.sent_by
    if host.address == parties.own[speaker].address:
        named = parties.unbound(speaker, host, SIP_PORT, proxies=False)
        if named is not None and parties.protocol == UDP and top.rport is None:
            # The answer goes to the port that it says (RFC 3261 18.2.2).
            yield from bind(parties, speaker, named, UDP)
        _replace(edits, host, parties.exact(speaker, host))
    if not others:
        return edits, b""
    if not hide:
        for via in others:
            _replace(edits, via.sent_by, parties.loose(speaker, via.sent_by))
        return edits, b""
    first, *following = message.fields(VIA)
    if top.end < others[0].start < first.end:
        edits.append((top.end, others[-1].end if not following else _last(others, first.end), b""))
    edits += [(field.line, message.data.index(b"\n", field.end) + 1, b"") for field in following]
    return edits, b", ".join(message.data[via.start : via.end] for via in others)


def _last(vias: list[Via], end: int) -> int:
    return max(via.end for via in vias if via.end <= end)


def response_vias(
    parties: Parties, speaker: Direction, message: Message, vias: list[Via], hidden: bytes
) -> list[Replacement]:
    """The Vias of a response as the listener wrote them: `hidden` is what `request_vias` kept. Raises ProtocolError
    bad-via, many-headers."""
    edits: list[Replacement] = []
    listener = speaker.opposite
    known, own = parties.known[listener], parties.own[listener]
    for via in vias:
        if via.sent_by.address == known.address:
            _replace(edits, via.sent_by, parties.exact(speaker, via.sent_by, guess=True))
        if via.received is not None and packed_address(via.received.value.strip(b"[]")) == known.address:
            edits.append((via.received.value_start, via.received.end, host_text(own.address)))
        if via.rport is not None and via.rport.value == b"%d" % known.port:
            edits.append((via.rport.value_start, via.rport.end, b"%d" % own.port))
    if hidden:
        first = message.fields(VIA)[0]
        # Where the CR stands that ends the line.
        end = len(message.data[: first.end].rstrip())
        edits.append((end, end, b"\r\nVia: " + hidden))
    return edits
