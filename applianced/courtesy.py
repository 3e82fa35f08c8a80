"""Who gives way to everybody's short requests, which are on the event loop: threads with long work, and what has time
on the event loop itself.

The event loop lets go of the interpreter a dozen times for a short request, at each call into a library. A thread with
work of its own in Python takes it then, and keeps it for a tenth of a millisecond: a request would take twice as long.

And a short request wants three turns of the event loop, in each of which asyncio does all that has come from
everywhere. So descriptors may be patient, and work may wait for an idle moment: of all those one is served in a turn
that has nothing else to do, and one now and then when there is no such turn.
"""

from __future__ import annotations

import asyncio
import select
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

SHARE = 3
"""A thread waits no longer than so many times what it works: an event loop that never rests does not stop it."""
CREDIT_S = 0.05
"""Nor longer than this in one go, however long it has worked."""
PATIENCE_S = 0.004
"""An event loop that never rests serves one of those that have time so often. A step of a login takes up to 1 ms."""

_T = TypeVar("_T")
_Event = tuple[selectors.SelectorKey, int]


class _Busy:
    """The event loop of this process. busy: it has something to do, and waits for nothing. thread: its identifier.
    waits: how many threads wait until it has not, which `rest` tells them: a thread that looks again and again would
    take the interpreter for it. told: they have been told."""

    busy = False
    thread = 0
    waits = 0
    told = False

    def __init__(self) -> None:
        self.rest = threading.Event()

    def begins(self) -> None:
        self.thread = threading.get_ident()
        self.busy = True
        if self.told:
            self.told = False
            self.rest.clear()

    def ends(self) -> None:
        self.busy = False
        if self.waits:
            self.told = True
            self.rest.set()


class _Account(threading.local):
    """Of one thread, in seconds. settled: the clock when it last waited. credit: what it may still wait."""

    settled = 0.0
    credit = 0.0


_BUSY = _Busy()
_WAITING = threading.Lock()
_ACCOUNT = _Account()


class _Selector(selectors.BaseSelector):
    """An event loop is busy when it does not wait here. idle: what it is to do in an idle moment, in order."""

    def __init__(self, do: Callable[[Callable[[], object]], object]) -> None:
        """do: has the event loop do something in the turn that begins."""
        self._do = do
        self._first = selectors.DefaultSelector()
        self._patient = select.epoll()
        self._patient_keys: dict[int, selectors.SelectorKey] = {}
        self._some_patient = self._first.register(self._patient.fileno(), selectors.EVENT_READ).fd
        self._served_s = 0.0
        """The clock when one of those that have time was served."""
        self._descriptor_next = False
        self.idle: deque[Callable[[], object]] = deque()

    # --- as any selector ---------------------------------------------------------------------------------------

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self._patient_keys.pop(_descriptor(fileobj), None)
        return self._first.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = self._patient_keys.pop(_descriptor(fileobj), None)
        if key is None:
            return self._first.unregister(fileobj)
        with suppress(OSError):
            # As the library's own: one that was closed is gone from there.
            self._patient.unregister(key.fd)
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = self._patient_keys.get(_descriptor(fileobj))
        if key is None:
            return self._first.modify(fileobj, events, data)
        self._patient.modify(key.fd, _epoll(events))
        self._patient_keys[key.fd] = changed = key._replace(events=events, data=data)
        return changed

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._patient_keys.get(_descriptor(fileobj)) or self._first.get_key(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return {**self._first.get_map(), **self._patient_keys}

    def close(self) -> None:
        _BUSY.ends()
        self._patient.close()
        self._first.close()

    def select(self, timeout: float | None = None) -> list[_Event]:
        waits_s = 0 if self.idle else timeout
        if waits_s is None or waits_s > 0:
            _BUSY.ends()
        try:
            events = self._first.select(waits_s)
        finally:
            _BUSY.begins()
        descriptors = False
        for event in events:
            if event[0].fd == self._some_patient:
                descriptors = True
                events.remove(event)
                break
        if descriptors or self.idle:
            now = time.monotonic()
            nothing_else = not events and (timeout is None or timeout > 0)
            if nothing_else or now - self._served_s >= PATIENCE_S:
                self._served_s = now
                events += self._serve_one(descriptors)
        return events

    # --- of those that have time -------------------------------------------------------------------------------

    def _serve_one(self, descriptors: bool) -> list[_Event]:
        """One that has come, by turns of those that wait and of patient descriptors."""
        self._descriptor_next = descriptors and (self._descriptor_next or not self.idle)
        if not self._descriptor_next:
            self._do(self.idle.popleft())
            self._descriptor_next = True
            return []
        self._descriptor_next = False
        return [
            (key, _events(seen) & key.events)
            for descriptor, seen in self._patient.poll(0, 1)
            if (key := self._patient_keys.get(descriptor))
        ]

    def be_patient(self, descriptor: int) -> None:
        """What comes from it has time, until it is registered anew."""
        with suppress(KeyError):
            key = self._first.unregister(descriptor)
            self._patient.register(descriptor, _epoll(key.events))
            self._patient_keys[descriptor] = key

    def be_as_others(self, descriptor: int) -> None:
        """Again, if it is registered."""
        key = self._patient_keys.pop(descriptor, None)
        if key is not None:
            self._patient.unregister(descriptor)
            self._first.register(descriptor, key.events, key.data)


def _descriptor(fileobj: Any) -> int:
    return fileobj if isinstance(fileobj, int) else int(fileobj.fileno())


def _epoll(events: int) -> int:
    return (select.EPOLLIN if events & selectors.EVENT_READ else 0) | (
        select.EPOLLOUT if events & selectors.EVENT_WRITE else 0
    )


def _events(seen: int) -> int:
    """As the library's own selector has it: an error is both."""
    return (selectors.EVENT_WRITE if seen & ~select.EPOLLIN else 0) | (
        selectors.EVENT_READ if seen & ~select.EPOLLOUT else 0
    )


class _EventLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.courteous = _Selector(self.call_soon)
        super().__init__(self.courteous)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The one of this process that threads give way to, as a factory for asyncio.Runner."""
    return _EventLoop()


def be_patient(descriptor: int) -> None:
    """What comes from a descriptor that the running event loop reads now has time, until that stops to read it. No
    event loop but ours knows that."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, _EventLoop):
        loop.courteous.be_patient(descriptor)


def be_as_others(descriptor: int) -> None:
    """What comes from a descriptor has no more time than what comes from others."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, _EventLoop):
        loop.courteous.be_as_others(descriptor)


def when_idle(work: Callable[[], object]) -> None:
    """Call it in a turn to come of the running event loop, which is to be idle if it is one of ours."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, _EventLoop):
        loop.courteous.idle.append(work)
    else:
        loop.call_soon(work)


def give_way() -> None:
    """For threads, every few dozen microseconds of long work: returns when the event loop has nothing to do, or when
    this thread has waited its share. At once where no event loop was made here, and on its own thread."""
    if _BUSY.busy and _BUSY.thread != threading.get_ident():
        _wait()


def unhurried(many: Iterable[_T], at_once: int = 32) -> Iterator[_T]:
    """The same, giving way after each so many."""
    for number, each in enumerate(many, 1):
        yield each
        if not number % at_once:
            give_way()


def _wait() -> None:
    account, began = _ACCOUNT, time.monotonic()
    account.credit = min(CREDIT_S, account.credit + SHARE * (began - account.settled))
    with _WAITING:
        _BUSY.waits += 1
    if _BUSY.busy:
        _BUSY.rest.wait(account.credit)
    with _WAITING:
        _BUSY.waits -= 1
    account.settled = time.monotonic()
    account.credit = max(0.0, account.credit - (account.settled - began))
