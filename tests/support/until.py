"""Waiting for what a test waits for, instead of sleeping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(condition: Callable[[], Found], timeout_s: float = 5, *, interval_s: float = 0.02, what: str = "") -> Found:
    """Call `condition` until it answers something true, and return that.

    what: names what was waited for. Raises AssertionError after timeout_s.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        if found := condition():
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what or condition}")
        time.sleep(interval_s)


async def eventually(condition: Callable[[], Found], timeout_s: float = 5, *, what: str = "") -> Found:
    """`until`, for what happens on the event loop of the test itself."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what or condition}")
        await asyncio.sleep(0.005)
    return found
