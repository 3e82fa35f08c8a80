"""The header of a message as its listener must read it: hosts of the parties become what they are known as.

Which way a host is translated depends on what it says (RFC 3261 20): where somebody is reached (Contact, routes, the
Request-URI), who somebody is (From, To, asserted identities), which way an answer goes (Via), or nothing but a name
that must stay the same for both (Call-ID).

Rule: nothing here performs I/O.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator

from applianced.alg.actions import Action, Bind, Reply
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
from applianced.alg.sip.parties import SIP_PORT, SIPS_PORT, Parties
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
_ESCAPED_HOST = re.compile(rb"%40((?:%5[Bb])?)([0-9A-Fa-f.:]+?)((?:%5[Dd])?)(?=%3[Bb]|[;&>\s]|\Z)")
_AGENT = re.compile(rb"([1-9][0-9]{2}[ \t]+)(\[[0-9A-Fa-f.:]+\]|[0-9.]+)(?::([0-9]{1,5}))?(?=[ \t])")

Edits = Generator[Action, Reply, list[Replacement]]


def default_port(data: bytes, uri: Uri) -> int:
    """The port that a URI means where it says none (RFC 3261 19.1.2)."""
    if uri.scheme == b"sips" or b"transport=tls" in data[uri.parameters : uri.end].lower():
        return SIPS_PORT
    return SIP_PORT


def transport(data: bytes, uri: Uri, otherwise: int) -> int:
    """The protocol by which a URI is reached."""
    parameters = data[uri.parameters : uri.end].lower()
    if uri.scheme == b"sips" or b"transport=t" in parameters:
        return TCP
    return UDP if b"transport=udp" in parameters else otherwise


def header_edits(parties: Parties, speaker: Direction, message: Message, *, call_ids: bool, proxy: bool) -> Edits:
    """What changes in the header, apart from Via. call_ids: hosts in Call-IDs too. proxy: the speaker stands for others
    of its side. Raises ProtocolError: bad-address, many-headers, refused-binding."""
    concerned = _Concerned(parties, speaker, message, proxy)
    edits: list[Replacement] = []
    if not concerned.anything():
        return edits
    for name in WHERE:
        if concerned.by(name):
            yield from _where(parties, speaker, message, name, proxy, edits)
    if concerned.between(*message.target):
        uri = message.uri()
        if uri.host is not None:
            text = parties.exact(speaker, uri.host, default_port(message.data, uri), guess=True)
            _replace(edits, uri.host, text)
    for name in WHO:
        if concerned.by(name):
            _who(parties, speaker, message, name, edits)
    if call_ids:
        for name in SAME:
            if concerned.by(name):
                edits += _same(parties, speaker, message, name, _CALL_HOST)
        if concerned.by(REFER_TO):
            edits += _same(parties, speaker, message, REFER_TO, _ESCAPED_HOST)
    if concerned.by(WARNING):
        edits += _agents(parties, speaker, message)
    return edits


class _Concerned:
    """Which parts of a message hold an address that may change: the others need not be read."""

    __slots__ = ("data", "message", "needles")

    def __init__(self, parties: Parties, speaker: Direction, message: Message, proxy: bool) -> None:
        self.message = message
        self.data = message.data
        self.needles = (b"",) if proxy and parties.translated[speaker] else parties.needles[speaker]

    def between(self, start: int, end: int) -> bool:
        find = self.data.find
        return any(find(needle, start, end) >= 0 for needle in self.needles)

    def anything(self) -> bool:
        return self.between(self.message.start, self.message.body)

    def by(self, name: bytes) -> bool:
        if not self.message.has(name):
            return False
        return any(self.between(field.start, field.end) for field in self.message.fields(name))


def _replace(edits: list[Replacement], host: Host, text: bytes | None) -> None:
    if text is not None:
        edits.append((host.start, host.end, text))


def _where(
    parties: Parties, speaker: Direction, message: Message, name: bytes, proxy: bool, edits: list[Replacement]
) -> Generator[Action, Reply, None]:
    for address in message.addresses(name):
        uri = address.uri
        if uri is None or uri.host is None:
            continue
        default = default_port(message.data, uri)
        if name in BOUND:
            named = parties.unbound(speaker, uri.host, default, proxy)
            if named is not None:
                yield from bind(parties, speaker, named, transport(message.data, uri, parties.protocol))
        _replace(edits, uri.host, parties.exact(speaker, uri.host, default, guess=name == ROUTE))


def bind(parties: Parties, speaker: Direction, named: Endpoint, protocol: int) -> Generator[Action, Reply, None]:
    """Have an endpoint of the speaker known outside. Raises ProtocolError refused-binding."""
    told = yield Bind(speaker, named, protocol, held=True)
    if not isinstance(told, Endpoint):
        raise ProtocolError("refused-binding", str(named))
    parties.took(speaker, named, told)


def _who(parties: Parties, speaker: Direction, message: Message, name: bytes, edits: list[Replacement]) -> None:
    for address in message.addresses(name):
        if address.uri is not None and address.uri.host is not None:
            _replace(edits, address.uri.host, parties.loose(speaker, address.uri.host))


def _same(
    parties: Parties, speaker: Direction, message: Message, name: bytes, pattern: re.Pattern[bytes]
) -> Iterator[Replacement]:
    """Hosts behind the @ of a Call-ID: the same address always becomes the same other one, and back."""
    for field in message.fields(name):
        for match in pattern.finditer(message.data, field.start, field.end):
            address = parties.swapped(speaker, packed_address(match[2]))
            if address is not None:
                yield (*match.span(2), host_text(address).strip(b"[]"))


def _agents(parties: Parties, speaker: Direction, message: Message) -> Iterator[Replacement]:
    """Who warns (RFC 3261 20.43)."""
    for field in message.fields(WARNING):
        for match in _AGENT.finditer(message.data, field.start, field.end):
            name, port = match[2].strip(b"[]"), int(match[3] or 0)
            text = parties.loose(speaker, Host(*match.span(2), name, port, packed_address(name)))
            if text is not None:
                yield (match.start(2), match.end(3) if match[3] else match.end(2), text)


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
