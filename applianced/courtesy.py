"""Long work in a thread gives way to the event loop, on which everybody's short requests are.

The event loop lets go of the interpreter a dozen times for a short request, at each call into a library. A thread with
work of its own in Python takes it then, and keeps it for a tenth of a millisecond: a request would take twice as long.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
import time

PAUSE_S = 0.0002
"""How soon a thread sees that the event loop waits again."""
SHARE = 3
"""A thread waits no longer than so many times what it works: an event loop that never rests does not stop it."""
CREDIT_S = 0.05
"""Nor longer than this in one go, however long it has worked."""


class _EventLoop:
    """Of this process. busy: it has something to do, and waits for nothing. thread: its identifier."""

    busy = False
    thread = 0


class _Account(threading.local):
    """Of one thread, in seconds. settled: the clock when it last waited. credit: what it may still wait."""

    settled = 0.0
    credit = 0.0


_EVENT_LOOP = _EventLoop()
_ACCOUNT = _Account()


class _Telling(selectors.DefaultSelector):
    """An event loop is busy when it does not wait here."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        _EVENT_LOOP.busy = False
        try:
            return super().select(timeout)
        finally:
            _EVENT_LOOP.thread = threading.get_ident()
            _EVENT_LOOP.busy = True

    def close(self) -> None:
        _EVENT_LOOP.busy = False
        super().close()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The one of this process that threads give way to, as a factory for asyncio.Runner."""
    return asyncio.SelectorEventLoop(_Telling())


def give_way() -> None:
    """For threads, every few dozen microseconds of long work: returns when the event loop has nothing to do, or when
    this thread has waited its share. At once where no event loop was made here, and on its own thread."""
    if _EVENT_LOOP.busy and _EVENT_LOOP.thread != threading.get_ident():
        _wait()


def _wait() -> None:
    account, began = _ACCOUNT, time.monotonic()
    account.credit = min(CREDIT_S, account.credit + SHARE * (began - account.settled))
    now = began
    while _EVENT_LOOP.busy and now - began + PAUSE_S < account.credit:
        time.sleep(PAUSE_S)
        now = time.monotonic()
    account.credit -= now - began
    account.settled = now
