"""What is outstanding on one control session: unanswered commands, and the gates that hang on them.

Replies are matched to the commands that they answer (RFC 959 5.4: one final reply each, in order), so pipelining
works and a 227 that nobody asked for opens nothing. Gates follow the server's order:

    PORT ─ gate opens ──► 200 ─ it is the current one ──► 226 ─ spent: closed together with the next opening
    PASV ──► 227 ─ gate opens, the one before is closed with it ──► 226 ─ spent
                                                          4yz, 5yz ─ closed at once, it was hardly used

Rule: nothing here performs I/O; what is kept is bounded by UNANSWERED_LIMIT.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from applianced.alg.ftp.verbs import ACTIVE, ANSWERS, Kind

UNANSWERED_LIMIT = 64
"""Commands without a reply that are remembered."""

_KIND_BITS = 4
_KIND_MASK = (1 << _KIND_BITS) - 1
_PARTICULAR = frozenset(ANSWERS.values())
_SETTLED = frozenset(map(int, (*ACTIVE, Kind.TRANSFER)))
"""Commands whose good end only moves a gate within these books."""


class Answer(NamedTuple):
    """The command that a reply answers. gate: what it opened, 0 for none. in_turn: it was the oldest one."""

    kind: Kind
    gate: int
    in_turn: bool


NO_ANSWER = Answer(Kind.OTHER, 0, False)

Snapshot = tuple[tuple[int, ...], int, tuple[int, ...]]


class Exchange:
    """Unanswered commands, oldest first, and the gates of one control session.

    unanswered: one number per command: its kind, and above it the gate that it opened. The plain path appends to
    it directly. It begins with one entry, which the greeting answers.
    current: the gate that the next transfer uses, as the server sees it; 0 for none.
    """

    __slots__ = ("current", "spent", "unanswered")

    def __init__(self) -> None:
        self.unanswered: deque[int] = deque((0,))
        self.current = 0
        self.spent: list[int] = []

    def expect(self, kind: Kind, gate: int = 0) -> bool:
        """A command was released. False: too many are unanswered, the oldest was given up."""
        self.unanswered.append(gate << _KIND_BITS | kind)
        if len(self.unanswered) <= UNANSWERED_LIMIT:
            return True
        self._give_up()
        return False

    def plainly_answered(self, code: int) -> bool:
        """Settle a final reply to the oldest command when that needs no action; False when it may, and nothing was
        done."""
        queue = self.unanswered
        if not queue or code in ANSWERS:
            return False
        entry = queue[0]
        if entry:
            kind = entry & _KIND_MASK
            if code >= 400 or kind not in _SETTLED:
                return False
            self.retire()
            self.current = entry >> _KIND_BITS
        queue.popleft()
        return True

    def answered(self, code: int) -> Answer:
        """The command that a final reply answers, taken out of the queue.

        Servers say too much or too little at times, after ABOR most of all. A code that answers one command only
        brings both back in step.
        """
        queue = self.unanswered
        wanted = ANSWERS.get(code)
        if wanted is None:
            if not queue or (code < 300 and _kind(queue[0]) in _PARTICULAR):
                return NO_ANSWER
            entry = queue.popleft()
            return Answer(_kind(entry), entry >> _KIND_BITS, True)
        place = next((place for place, entry in enumerate(queue) if _kind(entry) is wanted), -1)
        if place < 0:
            if queue and _kind(queue[0]) not in _PARTICULAR:
                self._give_up()
            return NO_ANSWER
        for _ in range(place):
            self._give_up()
        queue.popleft()
        return Answer(wanted, 0, place == 0)

    def settle(self, answer: Answer, *, failed: bool) -> int:
        """What the final reply to PORT or to a transfer means. Returns a gate to close at once, 0 for none."""
        if answer.kind in ACTIVE:
            if failed:
                return answer.gate
            self.retire()
            self.current = answer.gate
        elif answer.kind is Kind.TRANSFER:
            if failed:
                unused, self.current = self.current, 0
                return unused
            self.retire()
        return 0

    def retire(self) -> None:
        """The current gate will not be needed again."""
        if self.current:
            self.spent.append(self.current)
            self.current = 0

    def take_spent(self) -> list[int]:
        """Gates to close now; the caller does."""
        spent, self.spent = self.spent, []
        return spent

    def snapshot(self) -> Snapshot:
        return tuple(self.unanswered), self.current, tuple(self.spent)

    def restore(self, snapshot: Snapshot) -> None:
        unanswered, self.current, spent = snapshot
        self.unanswered = deque(unanswered)
        self.spent = list(spent)

    def _give_up(self) -> None:
        gate = self.unanswered.popleft() >> _KIND_BITS
        if gate:
            self.spent.append(gate)


def _kind(entry: int) -> Kind:
    return Kind(entry & _KIND_MASK)
