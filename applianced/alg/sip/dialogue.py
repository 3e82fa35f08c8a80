"""One SIP session: what becomes of each message that its parties exchange.

    screens     too many, or just turned away                   `screens`
    Via         hidden, translated, and put right on the way back
    header      the parties' addresses                          `translation`
    call        offers and answers become gates                 `calling`, `media`, `calls`
    REGISTER    where calls will come to                        `registering`

Rule: nothing here performs I/O. What is wrong with a message raises ProtocolError inside, and is counted.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, cast

from applianced.alg.actions import Action, Actions, HandOver, Note, Now, Reply
from applianced.alg.sdp.rewriting import Replacement
from applianced.alg.sip import admission, calling, hosted, registering
from applianced.alg.sip.books import Books
from applianced.alg.sip.calls import Call
from applianced.alg.sip.context import Context
from applianced.alg.sip.edits import rewritten, shortest
from applianced.alg.sip.faults import FAULTS
from applianced.alg.sip.messages import Message, bounded, parse
from applianced.alg.sip.registrations import Registration
from applianced.alg.sip.screens import NOT_DENIED, method_name
from applianced.alg.sip.settings import METHODS, OTHER, SipSettings
from applianced.alg.sip.transactions import COMPLETED, PROCEEDING, Transaction
from applianced.alg.sip.translation import header_edits, request_vias, response_vias
from applianced.errors import ProtocolError
from applianced.model.sessions import ControlSession
from applianced.model.tuples import Direction

Judged = Generator[Action, Reply, bytes | None]
"""What leaves in place of a message: the same object when nothing changes, None when nothing leaves."""

_REQUESTS = {method: Note(f"request-{method}") for method in (*METHODS, OTHER)}
_RESPONSES = tuple(Note(f"response-{kind}xx") for kind in range(7))
_NOW = Now()
_ROOM_V6 = 1200
"""Octets of a message that fit into a packet of the least MTU of IPv6 (RFC 8200 5)."""


class Dialogue:
    """What both forms of the ALG have in common."""

    __slots__ = ("_plain", "_stamp", "context", "handing_over")

    def __init__(self, settings: SipSettings, session: ControlSession, books: Books) -> None:
        self.context = Context(settings, session, books)
        self._stamp: tuple[Any, ...] = ()
        self._plain: tuple[Any, ...] = ()
        self.handing_over = False
        """Whether the session is about to be read no further: its calls go on."""

    def hand_over(self) -> Actions:
        """Read no further."""
        self.handing_over = True
        yield HandOver()

    def closed(self) -> None:
        """See contract.Closing."""
        if not self.handing_over:
            self.context.leave()
        self.handing_over = False

    def judged(self, speaker: Direction, data: bytes, *, awaited: bool = False) -> Judged:
        """Judge one message, which is all of these octets; its body follows when it is awaited. No input raises."""
        now = cast(float, (yield _NOW))
        context = self.context
        if not context.parties.settled:
            yield from context.parties.settle()
        try:
            message = parse(data, awaited=awaited)
            if message.status:
                edits = yield from self._response(speaker, message, now)
            else:
                edits = yield from self._request(speaker, message, now)
            if not edits:
                return data
            return (yield from self._written(message, edits))
        except ProtocolError as error:
            return (yield from self.unread(data, error))

    def unread(self, data: bytes, error: ProtocolError) -> Judged:
        """A message that was refused, or cannot be read: then application-screen unknown-message decides."""
        if not self.context.parties.settled:
            yield from self.context.parties.settle()
        yield Note(error.event, str(error))
        if error.event in FAULTS and self.permits_unknown:
            yield Note("unknown-passed")
            return data
        yield Note("refused-message", error.event)
        return None

    @property
    def permits_unknown(self) -> bool:
        """Whether what cannot be read passes."""
        settings = self.context.settings
        if any(self.context.parties.translated):
            return settings.application_screen_unknown_message_permit_nat_applied
        return settings.application_screen_unknown_message_permit_routed

    def _written(self, message: Message, edits: list[Replacement]) -> Judged:
        if message.end < len(message.data):
            yield Note("left-behind")
        text = rewritten(message, edits)
        if len(text) > len(message.data) and len(text) > _ROOM_V6 and len(self.context.parties.own[0].address) == 16:
            yield Note("compacted")
            return shortest(text)
        return text

    # ----- requests

    def _request(self, speaker: Direction, message: Message, now: float) -> calling.Edits:
        context = self.context
        name = method_name(message.method)
        yield _REQUESTS[name]
        if context.settings.derived.screened or context.books.screens.denied:
            self._screen(speaker, name, now)
        parties = context.parties
        vias = message.vias()
        host = vias[0].sent_by.address
        if host and host != parties.own[speaker].address:
            context.behind[speaker] = True
            context.private[speaker] = host
        transaction = None if name == "ack" else (yield from self._asked(speaker, message, vias[0].branch, now))
        edits: list[Replacement] = []
        if parties.translated[speaker]:
            hide = not context.settings.hide_via_headers_disable and transaction is not None
            edits, hidden = yield from request_vias(parties, speaker, message, vias, hide=hide)
            if hidden and transaction is not None:
                if transaction.hidden != hidden:
                    transaction.hidden = hidden
                    context.books.hand_on(transaction)
                yield Note("via-hidden")
        edits += yield from self._header(speaker, message)
        if transaction is not None and name == "register":
            registering.request(context, speaker, message, transaction)
            context.books.hand_on(transaction)
        edits += yield from calling.request(context, speaker, message, transaction, now)
        yield from admission.admit(context, speaker, message, vias)
        return edits

    def _screen(self, speaker: Direction, name: str, now: float) -> None:
        """Raises ProtocolError: rate-method, rate-source, denied-invite."""
        context, settings = self.context, self.context.settings
        own, screens = context.parties.own, context.books.screens
        caller, server = own[speaker].address, own[speaker.opposite].address
        if settings.derived.screened:
            event = screens.refusal(settings, caller, name, now)
            if event:
                raise ProtocolError(event, name)
        if screens.denied and name == "invite" and screens.denies(caller, server, now):
            raise ProtocolError("denied-invite")

    def _asked(
        self, speaker: Direction, message: Message, branch: bytes, now: float
    ) -> Generator[Action, Reply, Transaction]:
        """The transaction of a request; the same one when it is said again. Raises ProtocolError: long-name,
        transactions-refused."""
        context, books, settings = self.context, self.context.books, self.context.settings
        key = bounded(branch, "branch") or message.call_id + b" %d" % message.cseq.number, message.method
        known = context.transactions.get(key)
        if known is not None and known.speaker == speaker:
            yield Note("again-request")
            return known
        if (
            len(context.transactions) >= settings.limits_transactions_per_session
            or books.transactions >= settings.limits_transactions_total
        ):
            raise ProtocolError("transactions-refused")
        made = Transaction(context.name, context.transactions, key, speaker, now + settings.derived.patience_s)
        books.ask(made, now)
        return made

    # ----- responses

    def _response(self, speaker: Direction, message: Message, now: float) -> calling.Edits:
        context, parties = self.context, self.context.parties
        yield _RESPONSES[message.status // 100]
        vias = message.vias()
        key = vias[0].branch or message.call_id + b" %d" % message.cseq.number, message.method
        transaction = context.transactions.get(key)
        if transaction is not None and transaction.speaker == speaker:
            transaction = None
        if transaction is None:
            yield Note("unmatched-response")
        edits: list[Replacement] = []
        if parties.translated[speaker.opposite]:
            edits = response_vias(parties, speaker, message, vias, transaction.hidden if transaction else b"")
        edits += yield from self._header(speaker, message)
        if transaction is not None and message.method == b"REGISTER" and 200 <= message.status < 300:
            yield from registering.response(context, speaker, message, transaction, now)
        edits += yield from calling.response(context, speaker, message, transaction, now)
        if message.method == b"INVITE":
            yield from admission.admit(context, speaker, message, vias)
        if transaction is not None:
            self._answered(transaction, speaker, message, now)
        return edits

    def _header(self, speaker: Direction, message: Message) -> calling.Edits:
        context, settings = self.context, self.context.settings
        call_ids, proxy = not settings.disable_call_id_hiding, context.proxies[speaker]
        edits = yield from header_edits(context.parties, speaker, message, call_ids=call_ids, proxy=proxy)
        return edits + hosted.edits(context, speaker, message) if settings.hosted_nat_traversal else edits

    def _answered(self, transaction: Transaction, speaker: Direction, message: Message, now: float) -> None:
        """How long the transaction is remembered from here (RFC 3261 17.1, 16.6)."""
        derived, status = self.context.settings.derived, message.status
        wheel = self.context.books.wheel
        if status < 200:
            transaction.state = PROCEEDING
            if message.method == b"INVITE":
                transaction.expires_s = now + derived.early_s
            return
        if transaction.state != COMPLETED:
            transaction.state = COMPLETED
            # A 2xx to INVITE is said again until its ACK comes.
            waits = status < 300 and message.method == b"INVITE"
            transaction.expires_s = now + (derived.patience_s if waits else derived.t4_s)
            wheel.add(transaction, now)
        self._deny(transaction, speaker, status, now)

    def _deny(self, transaction: Transaction, speaker: Direction, status: int, now: float) -> None:
        own, derived = self.context.parties.own, self.context.settings.derived
        if not transaction.initial or status < 300 or status in NOT_DENIED:
            return
        server = own[speaker].address
        if server in derived.protected:
            timeout = self.context.settings.application_screen_protect_deny_timeout
            self.context.books.screens.deny(own[speaker.opposite].address, server, now + timeout)

    # ----- time

    def tick(self, now: float) -> Actions:
        """See contract.Timed. Whichever session is asked first ends what is over, also of others."""
        context, books = self.context, self.context.books
        books.settle(now)
        while books.dropped:
            books.dropped -= 1
            yield Note("call-dropped")
        if books.wheel.due(now):
            for thing in books.wheel.turn(now):
                if isinstance(thing, Call):
                    yield from self._call_due(thing, now)
                elif isinstance(thing, Registration):
                    yield Note("unregistered", str(thing.inside))
                    yield from books.unregister(thing)
                else:
                    yield from self._transaction_due(cast(Transaction, thing))
        if context.kept_s:
            yield from context.rest(now)

    def _call_due(self, call: Call, now: float) -> Actions:
        if call.settle(now):
            self.context.books.wheel.add(call, now)
            yield from calling.synced(self.context, call, "the call has one dialog")
        else:
            yield from calling.end(self.context, call, "call-expired")

    def _transaction_due(self, transaction: Transaction) -> Actions:
        self.context.books.forget(transaction)
        if transaction.state != COMPLETED:
            yield Note("transaction-expired")

    def gone(self, gate: int) -> Actions:
        """See contract.Timed."""
        context = self.context
        owner = context.books.belongings.owners.pop(gate, None)
        if isinstance(owner, Call):
            owner.gone(gate)
            context.books.touch(owner)
            if owner.silent and owner.confirmed and not owner.held:
                yield from calling.end(context, owner, "call-silent")
        elif owner is not None:
            owner.gate = 0
            context.books.note(owner)
        else:
            for endpoint in [endpoint for endpoint, number in context.controls.items() if number == gate]:
                del context.controls[endpoint]

    def snapshot(self) -> tuple[Any, ...]:
        """Plain values."""
        stamp = self.context.stamp
        if stamp != self._stamp:
            self._stamp, self._plain = stamp, self.context.plain
        return self._plain

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        """Take up what `snapshot` gave."""
        self.context.restore(snapshot)
