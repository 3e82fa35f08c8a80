"""A commit: validate, prepare, apply, verify; or nothing changed.

Everything that can fail happens before the first apply. A failure in prepare aborts what had prepared, in reverse;
one in apply or verify reverts what had applied, in reverse, then aborts the rest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import NamedTuple, Protocol

from applianced.compiler.plan import Change
from applianced.errors import ApplianceError

_LOG = logging.getLogger(__name__)


class Prepared(Protocol):
    """One participant's part of one commit, made ready."""

    async def apply(self) -> None:
        """Make it so. A failure here must leave nothing half done: it is followed by abort, not by revert."""
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


class Phase(Enum):
    PREPARE = "prepare"
    APPLY = "apply"
    VERIFY = "verify"


class CommitError(ApplianceError):
    """A commit that did not happen. participant, phase, cause: who refused, when and why.

    left_over: what went wrong while putting things back, () when all is as before.
    """

    def __init__(self, participant: str, phase: Phase, cause: BaseException, left_over: Sequence[str]) -> None:
        said = str(cause) if isinstance(cause, ApplianceError) else f"{type(cause).__name__}: {cause}"
        message = f"{participant} refused the commit in {phase.value}: {said}"
        if left_over:
            message += f"; and putting the old state back failed: {'; '.join(left_over)}"
        super().__init__(message)
        self.participant = participant
        self.phase = phase
        self.cause = cause
        self.left_over = tuple(left_over)


class _Ready(NamedTuple):
    name: str
    prepared: Prepared


class _FailedError(Exception):
    def __init__(self, name: str, phase: Phase, cause: BaseException) -> None:
        self.name, self.phase, self.cause = name, phase, cause


async def commit(change: Change, participants: Sequence[Participant]) -> None:
    """Take a change through every participant, in order.

    Raises CommitError; then every participant is as before. Cancelling has the same effect.
    """
    ready: list[_Ready] = []
    applied: list[_Ready] = []
    try:
        await _forward(change, participants, ready, applied)
    except _FailedError as failed:
        left_over = await asyncio.shield(_put_back(ready, applied))
        if not isinstance(failed.cause, Exception):
            raise failed.cause from None
        raise CommitError(failed.name, failed.phase, failed.cause, left_over) from failed.cause
    for name, prepared in ready:
        await _logged(name, "finish", prepared.finish)


async def _forward(
    change: Change, participants: Sequence[Participant], ready: list[_Ready], applied: list[_Ready]
) -> None:
    for participant in participants:
        with _blamed(participant.name, Phase.PREPARE):
            ready.append(_Ready(participant.name, await participant.prepare(change)))
    for part in ready:
        with _blamed(part.name, Phase.APPLY):
            await part.prepared.apply()
        applied.append(part)
    for part in ready:
        with _blamed(part.name, Phase.VERIFY):
            await part.prepared.verify()


@contextmanager
def _blamed(name: str, phase: Phase) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        raise _FailedError(name, phase, error) from error


async def _put_back(ready: Sequence[_Ready], applied: Sequence[_Ready]) -> list[str]:
    """Every step is tried, whatever the others do; what failed, in words."""
    failures = [await _logged(name, "revert", prepared.revert) for name, prepared in reversed(applied)]
    rest = ready[len(applied) :]
    failures += [await _logged(name, "abort", prepared.abort) for name, prepared in reversed(rest)]
    return [failure for failure in failures if failure]


async def _logged(name: str, step: str, call: Callable[[], Awaitable[None]]) -> str:
    try:
        await call()
    except Exception as error:
        _LOG.exception("%s failed in %s", name, step)
        return f"{name} in {step}: {error}"
    return ""
