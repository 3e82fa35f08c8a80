"""Who hears of a session's events, as a shape: the dataplane's reporter and replay's fit it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from applianced.model.gates import Gate
from applianced.model.tuples import Direction

if TYPE_CHECKING:
    from applianced.engine.sessions import Session


class Reporter(Protocol):
    """Who hears of a session's events."""

    def noted(self, session: Session, event: str, detail: str) -> None:
        """An ALG's Note."""
        ...

    def rewritten(self, session: Session, direction: Direction, before: bytes, after: bytes) -> None:
        """Octets that leave changed."""
        ...

    def gate_opened(self, session: Session, gate: Gate) -> None:
        """A gate is in the kernel."""
        ...

    def gate_closed(self, session: Session, gate: Gate) -> None:
        """A gate has left the books."""
        ...

    def gate_refused(self, session: Session, reason: str) -> None:
        """A gate or binding was refused; the counters say why."""
        ...


class Silence:
    """Nobody hears."""

    def noted(self, session: Session, event: str, detail: str) -> None: ...

    def rewritten(self, session: Session, direction: Direction, before: bytes, after: bytes) -> None: ...

    def gate_opened(self, session: Session, gate: Gate) -> None: ...

    def gate_closed(self, session: Session, gate: Gate) -> None: ...

    def gate_refused(self, session: Session, reason: str) -> None: ...


SILENT = Silence()
