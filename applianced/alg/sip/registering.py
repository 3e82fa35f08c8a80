"""What REGISTER does: an inside party says where it takes calls, and its registrar for how long (RFC 3261 10).

Rule: nothing here performs I/O; time is an argument.
"""

from __future__ import annotations

from contextlib import suppress

from applianced.alg.actions import Actions, Note, OpenControl
from applianced.alg.sip.context import Context
from applianced.alg.sip.headers import Address
from applianced.alg.sip.messages import CONTACT, EXPIRES, TO, Message
from applianced.alg.sip.registrations import Registration, give_back
from applianced.alg.sip.settings import LIMITS
from applianced.alg.sip.transactions import Transaction
from applianced.alg.sip.translation import default_port, transport
from applianced.errors import ProtocolError
from applianced.model.tuples import Direction, Endpoint

EXPIRES_S = 3600
"""When nobody says for how long (RFC 3261 10.2.1.1)."""
LONGEST_S = 7 * 86400
SLACK_S = 2.0
"""An end that moves by less needs no new gate: it is the same answer again."""


def request(context: Context, speaker: Direction, message: Message, transaction: Transaction) -> None:
    """Remember whom it is about, and what it asks for, as far as that can be read. Raises ProtocolError bad-address."""
    uri = message.addresses(TO)[0].uri
    transaction.record = message.data[uri.start : uri.end][:128] if uri is not None else b""
    with suppress(ProtocolError):
        asked = [_endpoint(message, address) for address in message.addresses(CONTACT)]
        transaction.contacts = tuple(endpoint for endpoint in asked if endpoint is not None)
        if context.learns(speaker):
            # Its registrar is told where it is seen.
            transaction.contacts += (context.parties.own[speaker],)


def _endpoint(message: Message, address: Address) -> Endpoint | None:
    """Where a contact is reached; None for a name, and for none."""
    uri = address.uri
    if uri is None or uri.host is None or not uri.host.address:
        return None
    return Endpoint(uri.host.address, uri.host.port or default_port(message.data, uri))


def response(context: Context, speaker: Direction, message: Message, transaction: Transaction, now: float) -> Actions:
    """What the registrar has registered; nothing else stays. Raises ProtocolError bad-address."""
    party = speaker.opposite
    seen = set()
    for address in message.addresses(CONTACT):
        inside = _inside(context, speaker, message, address)
        if inside is None:
            continue
        expires_s = _expires(message, address)
        if expires_s > 0:
            key = transaction.record, context.parties.own[speaker].address, *inside
            if inside not in transaction.contacts and key not in context.books.registrations:
                # The party has not said it: a registrar has no gates to ask for.
                yield Note("refused-address", f"{inside} was not to be registered")
                continue
            seen.add(key)
            yield from _registered(context, party, message, address, key, now, expires_s)
    own = context.parties.own[party].address
    of_record = context.books.records.get(transaction.record, {})
    gone = [
        each
        for key, each in of_record.items()
        if key not in seen and (each.inside.address == own or key in context.registrations)
    ]
    for registration in gone:
        yield from _taken_back(context, party, registration, now)


def _inside(context: Context, speaker: Direction, message: Message, address: Address) -> Endpoint | None:
    """The endpoint of the listener that a contact in the registrar's answer means; None for other devices."""
    parties, party = context.parties, speaker.opposite
    named = _endpoint(message, address)
    if named is None:
        return None
    if not parties.translated[party]:
        return named if named.address == parties.own[party].address else None
    inside = parties.endpoint(speaker, named)
    return inside if inside is not None and inside != named else None


def _expires(message: Message, address: Address) -> float:
    parameter = message.parameter(address, b"expires")
    if parameter is not None and parameter.value.isdigit() and len(parameter.value) < 11:
        return float(min(int(parameter.value), LONGEST_S))
    said = message.number(EXPIRES)
    return float(min(EXPIRES_S if said is None else said, LONGEST_S))


def _registered(
    context: Context, party: Direction, message: Message, address: Address, key: tuple[bytes, bytes, bytes, int],
    now: float, expires_s: float,
) -> Actions:  # fmt: skip
    books, parties, inside = context.books, context.parties, Endpoint(*key[2:])
    yield from context.keep(now, expires_s + 2 * context.settings.derived.patience_s)
    known = books.registrations.get(key)
    if known is None:
        refusal = _crowded(context, inside.address)
        if refusal:
            yield Note(refusal, str(inside))
            return
        assert address.uri is not None
        protocol = transport(message.data, address.uri, parties.protocol)
        own = inside == parties.own[party]
        outside = parties.known[party] if own else parties.bound.get((party, inside), inside)
        known = Registration(key, outside, protocol, now, 0.0)
    later = now + expires_s - known.expires_s
    known.expires_s = now + expires_s
    books.register(known, now)
    context.registrations[key] = known
    yield Note("registered", str(inside))
    if abs(later) > SLACK_S:
        yield from _admitted(context, party, known, now)


def _crowded(context: Context, address: bytes) -> str:
    """The event when there are too many already; "" when there is room."""
    settings, books = context.settings, context.books
    if books.hosts[address] >= settings.limits_registrations_per_source:
        return "registrations-refused-source"
    many = len(context.registrations) >= settings.limits_registrations_per_session
    return "registrations-refused" if many or len(books.registrations) >= settings.limits_registrations_total else ""


def _admitted(context: Context, party: Direction, registration: Registration, now: float) -> Actions:
    """A gate for calls that come in by another way than the session, as long as the registration. One contact of
    several addresses of record has one gate: that of the registration that lasts longest."""
    if party is not context.home or "register" not in context.settings.derived.gates:
        return
    if registration.protocol != context.parties.protocol:
        return
    if registration.inside.port < LIMITS.lowest_port:
        yield Note("refused-port", str(registration.inside))
        return
    books = context.books
    for other in _alike(context, registration):
        if other.gate and other is not registration and other.expires_s > registration.expires_s:
            return
        yield from other.close(books.belongings.owners)
        books.note(other)
    reason = f"REGISTER {registration.key[0].decode('latin-1')}"[:120]
    peer = None if context.settings.incoming_calls_from == "anyone" else b""
    lifetime_s = registration.expires_s - now
    gate = yield OpenControl(party, registration.inside, registration.outside, reason, lifetime_s, peer)
    if isinstance(gate, int):
        registration.gate = gate
        books.belongings.owners[gate] = registration
    else:
        yield Note("refused-gate", reason)


def _alike(context: Context, registration: Registration) -> list[Registration]:
    """Those of the same contact with the same registrar."""
    of_contact = context.books.inside.get(registration.inside, {})
    return [each for key, each in of_contact.items() if key[1] == registration.key[1]]


def _taken_back(context: Context, party: Direction, registration: Registration, now: float) -> Actions:
    """The contact is not registered any more, at least not under this address of record."""
    yield Note("unregistered", str(registration.inside))
    context.registrations.pop(registration.key, None)
    had_gate = registration.gate
    yield from context.books.unregister(registration)
    alike = _alike(context, registration)
    if not alike:
        yield from give_back(context.parties, party, registration.inside, registration.protocol)
    elif had_gate:
        yield from _admitted(context, party, max(alike, key=lambda each: each.expires_s), now)
