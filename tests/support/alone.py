"""Tests that measure time have the machine to themselves, also when others run in other processes (pytest-xdist)."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_RUNNING = Path(__file__)
_NEXT = Path(__file__).with_name("__init__.py")


@contextmanager
def turn(*, alone: bool) -> Iterator[None]:
    """For as long as one test runs: nothing else does meanwhile, or nothing that is `alone`."""
    with _RUNNING.open() as running:
        # Whoever waits to be alone keeps the others from going on before him.
        with _NEXT.open() as next_:
            fcntl.flock(next_, fcntl.LOCK_EX)
            fcntl.flock(running, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        try:
            yield
        finally:
            # Closing the file would leave the lock with the children that a test has forked.
            fcntl.flock(running, fcntl.LOCK_UN)
