"""Lines whose beginning has left before their end was seen.

A sender with a window of one segment sends nothing more until something of the line it began is acknowledged. What is
never rewritten may go then: a verb, the text before the first digit of an announcement, any other line to its end so
far. The line is still judged as a whole when it is complete; only a refusal can no longer touch what has left, and
spoils the argument instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from applianced.alg.contract import Actions, Drop, Pass, Reply, Rewrite
from applianced.alg.ftp.lines import SPACE, find_verb
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


def continued(direction: Direction, head: bytes, actions: Actions, over: Callable[[], None]) -> Actions:
    """The actions for `head` and what follows it, as actions for what follows it alone.

    over: called when the line that the head began has been judged.
    """
    reply: Reply = None
    due = len(head)
    while True:
        try:
            action = actions.send(reply)
        except StopIteration:
            return
        if due and isinstance(action, Pass | Rewrite | Drop):
            over()
            octets = action.octets - due
            if isinstance(action, Rewrite):
                kept = action.replacement[:due] == head
                rest = action.replacement[due:]
                yield Rewrite(octets, rest if kept else rest_spoiled(direction, rest, octets))
            elif octets:
                yield type(action)(octets)
            due = 0
            reply = None
        else:
            reply = yield action


def rest_spoiled(direction: Direction, rest: bytes, octets: int) -> bytes:
    """A refusal whose beginning could not be written: no digit of an address or port is left."""
    return rest[:octets].translate(_SPOILED[direction])
