"""Whether a message is about the call whose Call-ID it has (RFC 3261 12.2, 9.1): who knows no more than that may not
end it, and has nothing opened.

Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

from applianced.alg.sip.calls import Call
from applianced.alg.sip.context import Context
from applianced.alg.sip.messages import Message
from applianced.model.tuples import Direction

TAG_LIMIT = 4
"""Tags of one call's caller: a party between two dialogs may have one in each."""
INVITE = b"INVITE"


def concerns(context: Context, speaker: Direction, message: Message, call: Call) -> bool:
    """Whether a message is about a call: its inside party is believed; of others it has a tag of who has called.
    Raises ProtocolError bad-address."""
    inside = context.parties.own[speaker].address == call.key[1]
    asks = message.method == INVITE and not message.status and not message.to_tag()
    if asks and (inside or _begins_again(context, speaker, call)):
        _take(call, message.from_tag(), only=not inside)
    return inside or message.from_tag() in call.tags or message.to_tag() in call.tags


def _begins_again(context: Context, speaker: Direction, call: Call) -> bool:
    """Whether who has called may do so under another tag: as after a challenge, by a careless phone."""
    own = context.parties.own
    return not call.confirmed and call.sides == (own[speaker].address, own[speaker.opposite].address)


def _take(call: Call, tag: bytes, *, only: bool) -> None:
    if tag not in call.tags:
        call.tags = (tag,) if only else (*call.tags[1 - TAG_LIMIT :], tag)


def cancels(context: Context, speaker: Direction, message: Message) -> bool:
    """Whether a CANCEL is about an INVITE of the speaker: it has its branch. Raises ProtocolError bad-via."""
    branch = message.top_via().branch or message.call_id + b" %d" % message.cseq.number
    asked = context.transactions.get((branch, INVITE))
    return asked is not None and asked.speaker == speaker


def hangs_up(call: Call, tag: bytes) -> bool:
    """Whether a BYE is about a dialog that is known. tag: of side 1, in it."""
    return not call.confirmed or tag in call.branches
