"""The header of a message as its listener must read it: hosts of the parties become what they are known as.

Which way a host is translated depends on what it says (RFC 3261 20): where somebody is reached (Contact, routes, the
Request-URI), who somebody is (From, To, asserted identities), which way an answer goes (Via), or nothing but a name
that must stay the same for both (Call-ID).

Rule: nothing here performs I/O.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Hashable
from enum import Enum

from applianced.alg.actions import Action, Bind, Reply
from applianced.alg.hosts import PORT_MAX
from applianced.alg.sdp.rewriting import Replacement
from applianced.alg.sip.headers import Via
from applianced.alg.sip.messages import (
    ASSERTED,
    CALL_ID,
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
from applianced.alg.sip.parties import REMEMBERED, SIP_PORT, SIPS_PORT, Parties
from applianced.alg.sip.settings import ENDPOINT_LIMIT
from applianced.alg.sip.uris import Host, Uri, host_text, packed_address
from applianced.errors import ProtocolError
from applianced.model.tuples import ORIGINAL, REPLY, TCP, UDP, Direction, Endpoint

WHERE = (CONTACT, ROUTE, RECORD_ROUTE, PATH, SERVICE_ROUTE, REFER_TO, REPLY_TO)
"""Headers that say where somebody is reached."""
WHO = (
    FROM, TO, ASSERTED, PREFERRED, REFERRED_BY, b"remote-party-id", b"diversion", b"history-info",
    b"p-called-party-id", b"p-associated-uri",
)  # fmt: skip
"""Headers that say who somebody is."""
LINKS = (b"alert-info", b"call-info", b"error-info")
"""Headers that say where there is something to be heard or read, by URIs of any scheme."""
SAME = (CALL_ID, REPLACES, JOIN, b"in-reply-to", b"target-dialog")
"""Headers that name calls."""
BOUND = frozenset((CONTACT, RECORD_ROUTE, PATH, SERVICE_ROUTE))
"""Headers whose endpoints the other party will send to."""

_CALL_HOST = re.compile(rb"@(\[?)([0-9A-Fa-f.:]+)(\]?)(?=[;,\s]|\Z)")
_QUOTE = re.compile(rb'\\.|"', re.DOTALL)
_URI_BEFORE = b"@:"
_AT = _URI_BEFORE[0]
_ESCAPED_AT, _MADDR = b"%40", b"maddr="
_UNKNOWN = b""
"""In place of a text that is not known yet; no host is written so."""
_URI_END = re.compile(rb"[>\s,]|\Z")
KEPT_LIMIT = 4096
"""Octets of Vias that are kept back of one request."""
_URI_REACH = 1024
"""Octets around a host in which the rest of its URI is looked for: a message may have thousands of hosts."""

Edits = Generator[Action, Reply, list[Replacement]]


class Kind(Enum):
    """What a header says about hosts."""

    WHERE = 1
    WHO = 2
    SAME = 3
    WARNING = 4
    LINK = 5


_FORMS = {
    **dict.fromkeys(WHERE, Kind.WHERE), **dict.fromkeys(WHO, Kind.WHO), **dict.fromkeys(SAME, Kind.SAME),
    WARNING: Kind.WARNING, **dict.fromkeys(LINKS, Kind.LINK),
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
    data, search = message.data, pattern.search
    found = search(data, *message.target)
    if found is not None and data[found.start() - 1] in _URI_BEFORE:
        text = parties.texts.get(_where_key(speaker, found, ROUTE), _UNKNOWN)
        if text is _UNKNOWN:
            text = yield from _where(parties, speaker, data, found, ROUTE, message.target[0])
        if text is not None:
            edits.append((*found.span(), text))
    for name, fields in message.headers():
        kind = _FORMS.get(name)
        if kind is None or (kind is Kind.SAME and not call_ids):
            continue
        for _, start, end in fields:
            found = search(data, start, end)
            if found is None:
                continue
            quotes = _Quotes(start) if data.find(b'"', start, end) >= 0 else None
            while found is not None:
                if quotes is not None and quotes.around(data, found.start()):
                    found = search(data, found.end(), end)
                    continue
                text = _text(parties, speaker, data, found, kind, name)
                if text is _UNKNOWN:
                    text = yield from _where(parties, speaker, data, found, name, start)
                if text is not None:
                    edits.append((*found.span(), text))
                found = search(data, found.end(), end)
    if not call_ids:
        return [edit for edit in edits if data[edit[0] - 3 : edit[0]] != _ESCAPED_AT]
    return edits


class _Quotes:
    """Where the quoted strings of a value are, looked at once from its front on."""

    __slots__ = ("_at", "_inside")

    def __init__(self, at: int) -> None:
        self._at = at
        self._inside = False

    def around(self, data: bytes, at: int) -> bool:
        """Whether an offset, which is not before the last one, is inside a quoted string."""
        self._inside ^= sum(len(token) == 1 for token in _QUOTE.findall(data, self._at, at)) % 2 == 1
        self._at = at
        return self._inside


def _text(
    parties: Parties, speaker: Direction, data: bytes, found: re.Match[bytes], kind: Kind, name: bytes
) -> bytes | None:
    """What stands in place of a host, in a header of some kind and name; None when it stays; _UNKNOWN when `_where`
    must work it out."""
    at = found.start()
    before = data[at - 1]
    if before in _URI_BEFORE:
        if kind is Kind.WHERE:
            return parties.texts.get(_where_key(speaker, found, name), _UNKNOWN)
        if kind in (Kind.WHO, Kind.LINK) or (kind is Kind.SAME and before == _AT):
            return _known(parties, speaker, found, kind)
        return None
    if data[at - 3 : at] == _ESCAPED_AT:
        return _known(parties, speaker, found, Kind.SAME)
    if kind is Kind.LINK and data[at - 2 : at] == b"//":
        return _known(parties, speaker, found, kind)
    if data[at - 6 : at] == _MADDR or (kind is Kind.WARNING and before in b" \t"):
        return _known(parties, speaker, found, Kind.WARNING)
    return None


def _where_key(speaker: Direction, found: re.Match[bytes], name: bytes) -> tuple[Hashable, ...]:
    """What the text of a host depends on that says where somebody is reached."""
    return speaker, name in BOUND, name == ROUTE, found[0]


def _known(parties: Parties, speaker: Direction, found: re.Match[bytes], kind: Kind) -> bytes | None:
    """The text for a host that nobody need bind. What was asked once is remembered."""
    key = speaker, kind is Kind.SAME, found[0]
    text = parties.texts.get(key, _UNKNOWN)
    if text is _UNKNOWN:
        host = host_found(found)
        text = _same(parties, speaker, host) if kind is Kind.SAME else parties.loose(speaker, host)
        parties.remember(key, text)
    return text


def host_found(found: re.Match[bytes]) -> Host:
    """The host that the pattern of `Parties` has found. Raises ProtocolError bad-address, for a port over 65535."""
    name, port = found[1].strip(b"[]"), int(found[2] or 0)
    if port > PORT_MAX:
        raise ProtocolError("bad-address", f"port {port}")
    return Host(found.start(), found.end(), name, port, packed_address(name))


def _same(parties: Parties, speaker: Direction, host: Host) -> bytes | None:
    """The host behind the @ of a Call-ID: the same address always becomes the same other one, and back."""
    address = parties.swapped(speaker, host.address)
    if address is None:
        return None
    text = host_text(address, host.port)
    return text if host.end - host.start > len(host.name) or b":" not in host.name else text.strip(b"[]")


def _where(
    parties: Parties, speaker: Direction, data: bytes, found: re.Match[bytes], name: bytes, value: int
) -> Generator[Action, Reply, bytes | None]:
    """As `_text`, of a host that says where somebody is reached."""
    key = _where_key(speaker, found, name)
    host = host_found(found)
    first = max(value, host.start - _URI_REACH)
    scheme = data.rfind(b"sips:", first, host.start) > data.rfind(b"sip:", first, host.start)
    end = _URI_END.search(data, host.end, host.end + _URI_REACH)
    parameters = data[host.end : end.start()] if end is not None else b""
    default = _default(scheme, parameters)
    if name in BOUND:
        named = parties.unbound(speaker, host, default, proxies=False)
        if named is not None:
            yield from bind(parties, speaker, named, _transport(scheme, parameters, parties.protocol))
    text = parties.exact(speaker, host, default, guess=name == ROUTE)
    if host.port:
        # Without one it would depend on what stands around it.
        parties.remember(key, text)
    return text


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
    named = parties.names.get(said)
    if named is None:
        match = _CALL_HOST.search(said)
        address = parties.swapped(speaker, packed_address(match[2])) if match else None
        named = said
        if match is not None and address is not None:
            named = said[: match.start(2)] + host_text(address).strip(b"[]") + said[match.end(2) :]
        if len(parties.names) >= REMEMBERED:
            parties.names.clear()
        parties.names[said] = named
    return named


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
    kept = b", ".join([message.data[via.start : via.end] for via in others])
    if len(kept) > KEPT_LIMIT:
        raise ProtocolError("many-headers", f"{len(kept)} octets of Via to be kept")
    return edits, kept


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
