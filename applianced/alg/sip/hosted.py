"""A party outside that is behind a NAT of its own (`hosted-nat-traversal`, RFC 7362): its Contact says an address that
nobody can send to. The other party is told where its messages come from; what is sent there says its own again.

Rule: nothing here performs I/O; values only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from applianced.alg.sdp.rewriting import Replacement
from applianced.alg.sip.context import Context
from applianced.alg.sip.messages import CONTACT, Message
from applianced.alg.sip.translation import default_port, transport
from applianced.alg.sip.uris import Uri, host_text, read_uri
from applianced.errors import ProtocolError
from applianced.model.tuples import UDP, Direction, Endpoint


def edits(context: Context, speaker: Direction, message: Message) -> list[Replacement]:
    """What changes in the Request-URI and in Contact; nothing where that cannot be read, or where a stream must keep
    its length."""
    parties = context.parties
    found: list[Replacement] = []
    if parties.protocol != UDP and not any(parties.translated):
        return found
    with suppress(ProtocolError):
        if context.learns(speaker):
            found += _seen(context, speaker, message)
        if context.learns(speaker.opposite):
            found += _said(context, speaker.opposite, message)
    return found


def _seen(context: Context, speaker: Direction, message: Message) -> Iterator[Replacement]:
    """Contacts at the address of the speaker's Via become its end of the session; the last one is remembered."""
    own = context.parties.own[speaker]
    for uri, named in _contacts(context, message):
        if named.address == context.private[speaker]:
            context.contacts[speaker] = named
            yield _replaced(uri, own)


def _said(context: Context, listener: Direction, message: Message) -> Iterator[Replacement]:
    """The listener's end of the session becomes what it has said."""
    own, contact = context.parties.own[listener], context.contacts[listener]
    if contact is None:
        return
    if not message.status:
        target = read_uri(message.data, *message.target)
        if _named(context, message, target) == own:
            yield _replaced(target, contact)
    for uri, named in _contacts(context, message):
        if named == own:
            yield _replaced(uri, contact)


def _contacts(context: Context, message: Message) -> Iterator[tuple[Uri, Endpoint]]:
    for address in message.addresses(CONTACT):
        named = _named(context, message, address.uri) if address.uri is not None else None
        if address.uri is not None and named is not None:
            yield address.uri, named


def _named(context: Context, message: Message, uri: Uri) -> Endpoint | None:
    """The endpoint of a URI; None for a name, and for another transport than the session's."""
    protocol = context.parties.protocol
    if uri.host is None or not uri.host.address or transport(message.data, uri, protocol) != protocol:
        return None
    return Endpoint(uri.host.address, uri.host.port or default_port(message.data, uri))


def _replaced(uri: Uri, endpoint: Endpoint) -> Replacement:
    assert uri.host is not None
    return uri.host.start, uri.host.end, host_text(*endpoint)
