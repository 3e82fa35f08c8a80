"""Where requests will come to: an inside party says in its headers where it can be reached, and a gate admits them.

Its own end of the session needs none: what answers comes through the session.

Rule: nothing here performs I/O; time is an argument.
"""

from __future__ import annotations

from collections.abc import Iterator

from applianced.alg.actions import Actions
from applianced.alg.hosts import host_text
from applianced.alg.sip.context import Context
from applianced.alg.sip.headers import Via
from applianced.alg.sip.messages import CONTACT, PATH, RECORD_ROUTE, SERVICE_ROUTE, Message
from applianced.alg.sip.parties import SIP_PORT
from applianced.alg.sip.settings import CALL_KEEP_S
from applianced.alg.sip.translation import default_port, transport
from applianced.model.tuples import UDP, Direction, Endpoint

_HEADERS = ((CONTACT, "contact"), (RECORD_ROUTE, "record-route"), (PATH, "route"), (SERVICE_ROUTE, "route"))
_BEHIND = (b"", b">", b";")
"""What may stand behind the host of a URI."""
_BEGINNING = frozenset((b"INVITE", b"SUBSCRIBE", b"UPDATE", b"REFER", b"NOTIFY"))
"""Methods whose Contact takes further requests (RFC 3261 12.1)."""


def admit(context: Context, speaker: Direction, message: Message, vias: list[Via]) -> Actions:
    """Open what `control-gate` says for this message. Raises ProtocolError: bad-address, many-headers."""
    gates = context.settings.derived.gates
    if speaker is not context.home:
        return
    if "via" in gates and not message.status:
        yield from _via(context, speaker, message, vias[0])
    if message.status >= 300:
        return
    for name, leaf in _HEADERS:
        if leaf in gates and message.has(name) and (name != CONTACT or message.method in _BEGINNING):
            if _own_alone(context, speaker, message, name):
                continue
            for inside, protocol in _endpoints(context, speaker, message, name):
                outside = context.parties.bound.get((speaker, inside), inside)
                yield from context.admit(inside, outside, protocol, _reason(message, name), CALL_KEEP_S)


def _own_alone(context: Context, speaker: Direction, message: Message, name: bytes) -> bool:
    """Whether a header plainly says the speaker's end of the session and nothing else, as most do."""
    values = message.values(name)
    if len(values) != 1 or b"," in values[0]:
        return False
    host = host_text(*context.parties.own[speaker])
    at = values[0].find(host)
    return at > 0 and values[0][at + len(host) : at + len(host) + 1] in _BEHIND


def _endpoints(context: Context, speaker: Direction, message: Message, name: bytes) -> Iterator[tuple[Endpoint, int]]:
    """Endpoints of the speaker that a header says, other than its end of the session."""
    own = context.parties.own[speaker]
    for address in message.addresses(name):
        uri = address.uri
        if uri is None or uri.host is None or uri.host.address != own.address:
            continue
        inside = Endpoint(uri.host.address, uri.host.port or default_port(message.data, uri))
        if inside != own:
            yield inside, transport(message.data, uri, context.parties.protocol)


def _via(context: Context, speaker: Direction, message: Message, via: Via) -> Actions:
    """Answers go to the port that a Via without rport says (RFC 3261 18.2.2)."""
    own, host = context.parties.own[speaker], via.sent_by
    if context.parties.protocol != UDP or via.rport is not None or host.address != own.address:
        return
    inside = Endpoint(host.address, host.port or SIP_PORT)
    if inside != own:
        outside = context.parties.bound.get((speaker, inside), inside)
        yield from context.admit(inside, outside, UDP, _reason(message, b"via"), CALL_KEEP_S)


def _reason(message: Message, name: bytes) -> str:
    return b" ".join((message.method, name, message.call_id)).decode("latin-1")[:120]
