"""What requests and responses do to a call: it begins, is offered and answered media, moves them, and ends.

Rule: nothing here performs I/O; time is an argument.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import lru_cache

from applianced.alg.actions import Action, Actions, Note, Reply
from applianced.alg.sdp.description import Description
from applianced.alg.sdp.reading import read
from applianced.alg.sdp.rewriting import Replacement
from applianced.alg.sip.bodies import Body, descriptions
from applianced.alg.sip.bound import Bound
from applianced.alg.sip.calls import EARLY, ENDING, ESTABLISHED, HELD, SETUP, Call
from applianced.alg.sip.context import Context
from applianced.alg.sip.dialogs import cancels, concerns, hangs_up
from applianced.alg.sip.media import Line, names, read_lines
from applianced.alg.sip.messages import FROM, TO, Message
from applianced.alg.sip.settings import CALL_KEEP_S, FOREVER_S
from applianced.alg.sip.transactions import Transaction
from applianced.errors import ProtocolError
from applianced.model.tuples import Direction

Edits = Generator[Action, Reply, list[Replacement]]
INVITE, ACK, BYE, CANCEL, PRACK, UPDATE = b"INVITE", b"ACK", b"BYE", b"CANCEL", b"PRACK", b"UPDATE"
_CONCERNING = frozenset((INVITE, ACK, BYE, CANCEL, PRACK, UPDATE))
_GONE = (408, 481)
"""Nobody knows the dialog any more (RFC 5057 5.1)."""
_CHALLENGES = (401, 407)
_KNOWN, _KNOWN_OCTETS = 256, 4096
"""Descriptions that need not be read again, and the longest of them."""
_TEXT = 128
"""Octets of an address that the state shows."""


def request(
    context: Context, speaker: Direction, message: Message, transaction: Transaction | None, now: float
) -> Edits:
    """A request; what it changes in its body. Raises ProtocolError."""
    method, said = message.method, message.body < message.end
    if method not in _CONCERNING and not said:
        return []
    call = context.find_call(speaker, message)
    if call is not None and not concerns(context, speaker, message, call):
        yield Note("unmatched-dialog", call.text)
        return _elsewhere(context, speaker, message, answer=False)
    if method == INVITE or (call is None and method == UPDATE and said):
        call = yield from _begun(context, speaker, message, call, now)
    if call is None:
        return _elsewhere(context, speaker, message, answer=method in (ACK, PRACK))
    context.take_part(call)
    if transaction is not None:
        transaction.call = call.key
        if method == INVITE:
            transaction.initial = not call.confirmed
            call.asked = transaction
    edits: list[Replacement] = []
    if said:
        edits = yield from _request_media(context, speaker, message, call)
    if method == ACK:
        _acknowledged(context, call, now)
    if method in (BYE, CANCEL):
        yield from _ending(context, speaker, message, call, now)
    return edits


def response(
    context: Context, speaker: Direction, message: Message, transaction: Transaction | None, now: float
) -> Edits:
    """A response; what it changes in its body. Raises ProtocolError: refused-response."""
    method, status, said = message.method, message.status, message.body < message.end
    if method not in _CONCERNING and not said:
        return []
    call = context.books.calls.get(transaction.call) if transaction and transaction.call else None
    if transaction is None:
        # A worker before this one may have seen the request.
        call = context.find_call(speaker, message)
        if call is not None and not concerns(context, speaker, message, call):
            yield Note("unmatched-dialog", call.text)
            call = None
    if call is None:
        unasked = status < 300 and method in _CONCERNING
        return _elsewhere(context, speaker, message, answer=unasked)
    context.take_part(call)
    initial = transaction.initial if transaction else not call.confirmed
    if method == INVITE and status > 100:
        yield from _progress(context, speaker, message, call, initial, now)
    edits: list[Replacement] = []
    if said and status < 300:
        edits = yield from _response_media(context, speaker, message, call)
    elif said:
        edits = _elsewhere(context, speaker, message, answer=False)
    if status >= 300:
        yield from _failed(context, speaker, message, call, initial, now)
    elif status >= 200 and method == BYE:
        yield from _left(context, speaker, message, call)
    return edits


# ----- the life of a call


def _begun(
    context: Context, speaker: Direction, message: Message, call: Call | None, now: float
) -> Generator[Action, Reply, Call]:
    """An INVITE: a call begins, unless it goes on."""
    derived, books = context.settings.derived, context.books
    if call is not None:
        if not call.confirmed:
            call.expires_s = max(call.expires_s, now + derived.patience_s)
        yield from context.keep(now, CALL_KEEP_S)
        return call
    if len(books.calls) >= context.settings.limits_calls_total:
        raise ProtocolError("calls-refused", "in all")
    if len(context.calls) >= context.settings.limits_calls_per_session:
        raise ProtocolError("calls-refused", "of one session")
    own = context.parties.own
    key = context.call_id(speaker, message), own[context.home].address
    call = Call(
        key, (own[speaker].address, own[speaker.opposite].address), books.belongings, now, now + derived.patience_s
    )
    call.caller, call.callee = _shown(message, FROM), _shown(message, TO)
    call.tags = (message.from_tag(),)
    books.begin(call, now)
    yield Note("call", call.text)
    yield from context.keep(now, CALL_KEEP_S)
    return call


def _shown(message: Message, name: bytes) -> str:
    return message.value(name)[:_TEXT].decode("latin-1")


def _ending(context: Context, speaker: Direction, message: Message, call: Call, now: float) -> Actions:
    """BYE or CANCEL: it ends with the answer, or without one in a while."""
    if message.method == CANCEL:
        if call.confirmed:
            return
        matched = cancels(context, speaker, message)
    else:
        matched = hangs_up(call, _tag(context, message, call, speaker))
    if not matched:
        yield Note("unmatched-dialog", call.text)
        return
    call.state = ENDING
    call.expires_s = min(call.expires_s, now + context.settings.derived.patience_s)
    context.books.wheel.add(call, now)
    context.books.touch_state(call)


def _acknowledged(context: Context, call: Call, now: float) -> None:
    """The INVITE is over; its answer is not said again but for a while."""
    if call.asked is not None:
        call.asked.expires_s = min(call.asked.expires_s, now + context.settings.derived.t4_s)
        context.books.wheel.add(call.asked, now)
        call.asked = None


def _progress(context: Context, speaker: Direction, message: Message, call: Call, initial: bool, now: float) -> Actions:
    """An INVITE is answered, or goes on."""
    derived, books = context.settings.derived, context.books
    if message.status < 200:
        if initial and not call.confirmed:
            if call.state == SETUP:
                call.state = EARLY
                books.touch_soon(call, now)
            if call.state == EARLY:
                call.expires_s = now + derived.early_s
        return
    if message.status >= 300:
        return
    tag = _tag(context, message, call, speaker.opposite)
    branch = call.branch(tag)
    if branch is None:
        yield Note("many-branches", call.text)
        return
    if branch.confirmed:
        return
    yield Note("call-forked" if call.confirmed else "call-answered", call.text)
    branch.confirmed = True
    call.state = ESTABLISHED
    call.ends_s = call.created_s + derived.call_s if derived.call_s else FOREVER_S
    # Those that rang beside it go on for a while (RFC 3261 13.2.2.4).
    call.expires_s = call.ends_s if len(call.branches) == 1 else min(call.ends_s, now + derived.patience_s)
    books.wheel.add(call, now)
    books.touch(call)
    yield from context.keep(now, CALL_KEEP_S)


def _tag(context: Context, message: Message, call: Call, requester: Direction) -> bytes:
    """The tag of side 1, in a request or in the response to it."""
    return message.to_tag() if _side(context, call, requester) == 0 else message.from_tag()


def _side(context: Context, call: Call, speaker: Direction) -> int:
    return 0 if speaker is call.first(context.parties.own) else 1


def _failed(context: Context, speaker: Direction, message: Message, call: Call, initial: bool, now: float) -> Actions:
    """A request about a call was refused: what was offered with it counts no more, what there was before goes on."""
    method, status = message.method, message.status
    if method == CANCEL:
        return
    if method == INVITE and initial and not call.confirmed:
        if status in _CHALLENGES or 300 <= status < 400:
            call.refused(message.cseq.number, method)
            call.expires_s = now + context.settings.derived.patience_s
            context.books.wheel.add(call, now)
            context.books.touch(call)
        else:
            yield from end(context, call, "call-ended")
        return
    if status in _GONE and (method == BYE or call.confirmed):
        yield from _left(context, speaker, message, call)
        return
    call.refused(message.cseq.number, method)
    yield from synced(context, call, _reason(message))


def _left(context: Context, speaker: Direction, message: Message, call: Call) -> Actions:
    """One dialog is over, and the call with its last one."""
    tag = _tag(context, message, call, speaker.opposite)
    if not hangs_up(call, tag):
        return
    call.branches.pop(tag, None)
    if any(branch.confirmed for branch in call.branches.values()):
        yield from synced(context, call, _reason(message))
    else:
        yield from end(context, call, "call-ended")


def end(context: Context, call: Call, event: str) -> Actions:
    """Close everything that the call has open."""
    yield Note(event, call.text)
    context.calls.pop(call.key, None)
    yield from context.books.end(call)


# ----- media


def _reason(message: Message) -> str:
    first = (
        message.method.decode("latin-1")
        if not message.status
        else f"{message.status} {message.method.decode('latin-1')}"
    )
    return f"{first} {message.call_id.decode('latin-1')}"[:120]


def _request_media(context: Context, speaker: Direction, message: Message, call: Call) -> Edits:
    side = _side(context, call, speaker)
    context.books.touch(call)
    yield from call.tidy(context.books.belongings)
    lines, edits = yield from _described(context, speaker, message, call.bound)
    if lines is None:
        return edits
    method, number = message.method, message.cseq.number
    if method in (ACK, PRACK):
        name = (number, INVITE, 1 - side) if method == ACK else (_reliable(message), INVITE, 1 - side)
        offer = call.offers.get(name)
        if offer is not None and (method == ACK or not offer.answered):
            yield from _answered(context, speaker, message, call, name, lines)
            return edits
    call.offer((number, method, side), lines)
    if context.settings.early_media:
        yield from synced(context, call, _reason(message))
    return edits


def _reliable(message: Message) -> int:
    """The CSeq number in RAck (RFC 3262 7.2)."""
    words = message.value(b"rack").split()
    return int(words[1]) if len(words) == 3 and words[1].isdigit() and len(words[1]) < 11 else 0


def _response_media(context: Context, speaker: Direction, message: Message, call: Call) -> Edits:
    side = _side(context, call, speaker)
    context.books.touch(call)
    yield from call.tidy(context.books.belongings)
    lines, edits = yield from _described(context, speaker, message, call.bound)
    if lines is None:
        return edits
    method, number = message.method, message.cseq.number
    name = (number, method, 1 - side)
    if name in call.offers:
        yield from _answered(context, speaker, message, call, name, lines)
    elif method == INVITE:
        call.offer((number, method, side), lines)
        if context.settings.early_media:
            yield from synced(context, call, _reason(message))
    return edits


def _answered(
    context: Context, speaker: Direction, message: Message, call: Call, name: tuple[int, bytes, int],
    lines: tuple[Line, ...],
) -> Actions:  # fmt: skip
    requester = speaker if not message.status else speaker.opposite
    held = call.held
    before = set(call.gates)
    if not call.answer(name, lines, _tag(context, message, call, requester), context.settings):
        yield Note("many-branches", call.text)
        return
    yield from synced(context, call, _reason(message))
    if call.confirmed and call.held and not held:
        call.state = HELD
        yield Note("hold", call.text)
    elif call.state == HELD and not call.held:
        call.state = ESTABLISHED
    if before and call.gates and not before <= set(call.gates):
        yield Note("media-moved", call.text)


def synced(context: Context, call: Call, reason: str) -> Actions:
    """Have the gates of a call agree with what was offered and answered."""
    context.books.touch(call)
    yield from call.sync(call.view(context.parties.own, context.settings), context.books.belongings, reason)


def _described(
    context: Context, speaker: Direction, message: Message, bound: Bound
) -> Generator[Action, Reply, tuple[tuple[Line, ...] | None, list[Replacement]]]:
    """The lines of the first description, None without one, and what changes in all of them."""
    found: tuple[Line, ...] | None = None
    edits: list[Replacement] = []
    for body in descriptions(message):
        lines, replacements = yield from read_lines(context, speaker, _read(message.data, body), bound)
        edits += _moved(replacements, body.start)
        found = lines if found is None else found
    return found, edits


def _elsewhere(context: Context, speaker: Direction, message: Message, *, answer: bool) -> list[Replacement]:
    """A description that belongs to no call: addresses change, nothing is opened. answer: to what nobody remembers."""
    edits: list[Replacement] = []
    for body in descriptions(message):
        if answer:
            raise ProtocolError("refused-response" if message.status else "refused-answer", _reason(message))
        nothing = Bound(context.books.belongings)
        edits += _moved(names(context, speaker, _read(message.data, body), nothing), body.start)
    return edits


def _read(data: bytes, body: Body) -> Description:
    """A description with offsets into itself. Raises ProtocolError bad-sdp."""
    octets = data[body.start : body.end]
    return _known(octets) if len(octets) <= _KNOWN_OCTETS else read(octets)


@lru_cache(_KNOWN)
def _known(octets: bytes) -> Description:
    """The same description is said again: in a provisional and the final response, to refresh a session (RFC 4028)."""
    return read(octets)


def _moved(replacements: list[Replacement], by: int) -> list[Replacement]:
    return [(start + by, end + by, text) for start, end, text in replacements]
