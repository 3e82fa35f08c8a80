"""Lines whose beginning has left before their end was seen.

A sender with a window of one segment sends nothing more until something of the line it began is acknowledged. What is
never rewritten may go then: a verb, the text before the first digit of an announcement, any other line to its end so
far. The line is still judged as a whole when it is complete; only a refusal can no longer touch what has left, and
spoils the argument instead, to the end of the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from applianced.alg.actions import Actions, Drop, Pass, Reply, Rewrite
from applianced.alg.ftp.lines import SPACE, find_verb
from applianced.alg.ftp.settings import REWRITE_LIMIT
from applianced.alg.ftp.verbs import DATA_PORT, KINDS
from applianced.model.tuples import ORIGINAL, Direction

_ANNOUNCING = (b"227", b"228", b"229")
_DIGIT = re.compile(rb"[0-9]")
_SPOILED = {direction: bytes.maketrans(b"0123456789", octet * 10) for direction, octet in enumerate((b"X", b" "))}


def free(direction: Direction, line: bytes) -> int:
    """How many octets from the front of an incomplete line may leave."""
    if direction is ORIGINAL:
        verb = find_verb(line)
        if verb is None or KINDS.get(verb[0].upper()) not in DATA_PORT:
            return len(line)
        return verb.end() + (line[verb.end() : verb.end() + 1] == bytes((SPACE,)))
    if line[:3] not in _ANNOUNCING:
        return len(line)
    digit = _DIGIT.search(line, 4)
    return digit.start() if digit else len(line)


def continued(
    direction: Direction, head: bytes, data: bytes, actions: Actions, over: Callable[[], None], *, spoil: bool
) -> Actions:
    """The actions for `head` and the `data` that follows it, as actions for the data alone.

    spoil: the line was refused, and goes on. over: called when nothing of the line that the head began is left, so
    not while a refused one goes on: what is still to come of it is spoiled too.
    """
    reply: Reply = None
    due, at = len(head), 0
    line_end = data.find(b"\n") + 1
    while True:
        try:
            action = actions.send(reply)
        except StopIteration:
            if at and not line_end and not spoil:
                over()
            return
        if not isinstance(action, Pass | Rewrite | Drop):
            reply = yield action
            continue
        reply = None
        gone = min(due, action.octets)
        octets = action.octets - gone
        begun = len(head) - due
        due -= gone
        of_line = at < line_end or not line_end
        if isinstance(action, Rewrite):
            spoil = spoil or (of_line and action.replacement[:gone] != head[begun : begun + gone])
            action = Rewrite(octets, action.replacement[gone:])
        else:
            action = type(action)(octets)
        if octets and spoil and of_line:
            yield from _spoiled(direction, data[at : at + octets], line_end - at if line_end else octets)
        elif octets:
            yield action
        at += octets
        if line_end and at >= line_end and of_line:
            spoil = False
            over()


def _spoiled(direction: Direction, octets: bytes, of_line: int) -> Actions:
    """A refusal whose beginning could not be written: no digit of an address or port is left in the line."""
    line, rest = octets[:of_line], octets[of_line:]
    for start in range(0, len(line), REWRITE_LIMIT):
        piece = line[start : start + REWRITE_LIMIT]
        yield Rewrite(len(piece), piece.translate(_SPOILED[direction]))
    if rest:
        yield Pass(len(rest))
