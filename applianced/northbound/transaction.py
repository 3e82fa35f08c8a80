"""A commit: validate, prepare, apply, verify; or nothing changed.

Everything that can fail happens before the first apply. A failure in prepare aborts what had prepared, in reverse;
one in apply or verify reverts what had applied, in reverse, then aborts the rest.
"""

from __future__ import annotations

from typing import Protocol

from applianced.compiler.plan import Change


class Prepared(Protocol):
    """One participant's part of one commit, made ready."""

    async def apply(self) -> None:
        """Make it so."""
        ...

    async def verify(self) -> None:
        """Read back and compare; raises DataplaneError on a mismatch."""
        ...

    async def revert(self) -> None:
        """After apply: put the old state back."""
        ...

    async def abort(self) -> None:
        """Before apply: release what prepare took."""
        ...

    async def finish(self) -> None:
        """The whole commit is in force and durable: let go of what only a revert would have needed."""
        ...


class Participant(Protocol):
    """Whoever must agree to a commit."""

    name: str

    async def prepare(self, change: Change) -> Prepared:
        """Everything that may fail, without changing traffic. Raises ApplianceError."""
        ...
