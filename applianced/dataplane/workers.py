"""Supervision of the workers: forked, told, replaced when they end or do not answer.

A worker that dies is forked again, with back-off; what it knew is in shared memory. One that is late or speaks
nonsense is killed first: two must never answer for one queue.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import NamedTuple

from applianced.dataplane.channel import Decoder, Message, arrived, encode
from applianced.dataplane.eventlog import EventLog
from applianced.errors import DataplaneError

BACKOFF_S = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
"""Waits before a worker is forked again; a minute of life starts from the front."""
HEALTHY_S = 60.0
SILENT_S = 5.0
"""A worker says something every second; one that has not for so long is killed and replaced."""
CALL_S = 5.0
"""A worker that does not answer for so long is killed and replaced."""

_NONSENSE = (DataplaneError, ValueError, AttributeError, KeyError, TypeError)
"""What comes of reading a message that no worker of ours would send."""

log = logging.getLogger("applianced.agent")


class End(Enum):
    """Why a worker ended; as applianced-notifications says it."""

    DIED = "died"
    UNRESPONSIVE = "unresponsive"
    REQUESTED = "requested"


@dataclass(slots=True)
class Worker:
    """A worker as the agent sees it. due: when it is to be forked again (monotonic), 0 while it runs. heard: when it
    last said something (monotonic). peaks: resource -> the most that it, or one before it, had in use."""

    number: int
    pid: int = 0
    control: socket.socket | None = None
    started: float = 0.0
    deaths: int = 0
    restarts: int = 0
    due: float = 0.0
    heard: float = 0.0
    decoder: Decoder = field(default_factory=Decoder)
    peaks: dict[str, int] = field(default_factory=dict)
    ended: End = End.DIED
    """Why the one before it did."""


class Replaced(NamedTuple):
    """A worker that took another's place. former: the process that ended, 0 when none ran. graceful: it ended when it
    was told to. before: what it had in use, {} when it did not say. unread_s: how long nobody read the queue."""

    worker: Worker
    former: int
    graceful: bool
    before: Message
    unread_s: float


class Workers:
    """The workers of one agent."""

    def __init__(
        self,
        count: int,
        *,
        become: Callable[[int, socket.socket], None],
        hear: Callable[[Message], None],
        selector: selectors.BaseSelector,
        events: EventLog,
    ) -> None:
        """become: what a child does, with its number and its end of the socket; never returns. hear: takes what a
        worker says unasked, and raises when that is nonsense. selector: where the sockets are registered, with what to
        call when one is readable as their data."""
        self._become = become
        self._hear = hear
        self._selector = selector
        self._events = events
        self._workers = [Worker(number) for number in range(count)]
        self.settings: Callable[[], Message] | None = None
        """The settings that a worker begins with; None while there is nothing to work by."""

    def __len__(self) -> int:
        return len(self._workers)

    def running(self) -> list[Worker]:
        """The workers that can be told something."""
        return [worker for worker in self._workers if worker.control is not None]

    def missing(self) -> list[int]:
        """Numbers of the workers that neither run nor wait to be forked again."""
        return [worker.number for worker in self._workers if worker.control is None and not worker.due]

    def state(self, generation: int) -> list[Message]:
        """Each worker as the state shows it, under the generation of the plan in force."""
        return [
            {
                "queue": worker.number,
                "pid": worker.pid,
                "running": worker.control is not None,
                "restarts": worker.restarts,
                "generation": generation,
            }
            for worker in self._workers
        ]

    # ----- life and death

    def pause(self) -> float:
        """Seconds until a worker is due, at most 1."""
        now = time.monotonic()
        return max(0.0, min([1.0, *(worker.due - now for worker in self._workers if worker.due)]))

    def start(self) -> None:
        """Fork every worker that is due."""
        if self.settings is None:
            return
        now = time.monotonic()
        for worker in self._workers:
            if not worker.pid and worker.due <= now:
                self._fork(worker, self.settings)

    def _fork(self, worker: Worker, settings: Callable[[], Message]) -> None:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            self._be_worker(worker, ours, theirs)
        theirs.close()
        ours.settimeout(CALL_S)
        worker.pid, worker.control, worker.decoder = pid, ours, Decoder()
        worker.started = worker.heard = time.monotonic()
        worker.due = 0.0
        self._selector.register(ours, selectors.EVENT_READ, partial(self._readable, worker, ours))
        try:
            first = settings()
            self.tell(worker, {"op": "prepare", **first})
            self.tell(worker, {"op": "switch", "generation": first["generation"]})
        except DataplaneError as error:
            log.error("worker %d does not take its settings: %s", worker.number, error)
            if worker.pid:
                self._bury(worker)
            return
        if worker.restarts:
            shown = {"worker": worker.number, "pid": worker.pid, "restarts": worker.restarts}
            self._events.write("worker-up", {**shown, "reason": worker.ended.value})

    def _be_worker(self, worker: Worker, ours: socket.socket, theirs: socket.socket) -> None:
        """In the child; never returns."""
        try:
            # A copy of the agent's end kept here would hide the agent's death from the worker.
            for control in (ours, *(other.control for other in self._workers)):
                if control is not None:
                    control.close()
            self._become(worker.number, theirs)
        except Exception:
            log.exception("worker %d", worker.number)
        finally:
            os._exit(1)

    def reap(self) -> None:
        """Note the workers that have ended, and fork those that are due."""
        for worker in self._workers:
            if worker.pid:
                pid, status = os.waitpid(worker.pid, os.WNOHANG)
                if pid:
                    self._buried(worker, status, End.DIED)
                else:
                    self._expect_life(worker)
        self.start()

    def _expect_life(self, worker: Worker) -> None:
        """Replace a worker that has said nothing for too long: it is stopped, or caught in a loop."""
        if worker.control is None or time.monotonic() - worker.heard <= SILENT_S:
            return
        # Had the agent been busy itself, what the worker said meanwhile is waiting.
        self._readable(worker, worker.control)
        if worker.control is not None and time.monotonic() - worker.heard > SILENT_S:
            log.error("worker %d (pid %d) has said nothing for %.0f s", worker.number, worker.pid, SILENT_S)
            self._bury(worker)

    def _bury(self, worker: Worker, why: End = End.UNRESPONSIVE) -> None:
        """It has ended, or is of no use: make sure that it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)
        _, status = os.waitpid(worker.pid, 0)
        self._buried(worker, status, why)

    def _buried(self, worker: Worker, status: int, why: End) -> None:
        now = time.monotonic()
        worker.deaths = 0 if now - worker.started > HEALTHY_S else worker.deaths + 1
        worker.restarts += 1
        worker.due = now + BACKOFF_S[min(max(worker.deaths - 1, 0), len(BACKOFF_S) - 1)]
        log.error(
            "worker %d (pid %d) ended with status %d; restart %d", worker.number, worker.pid, status, worker.restarts
        )
        self._down(worker, status, why)

    def _down(self, worker: Worker, status: int, why: End) -> None:
        """Tell of its end, and let it go."""
        worker.ended = why
        shown = {"worker": worker.number, "pid": worker.pid, "status": status, "reason": why.value}
        self._events.write("worker-down", shown, severity="notice" if why is End.REQUESTED else "")
        self._let_go(worker)

    def restart(self, number: int) -> Replaced:
        """Replace a worker; the next one serves when this returns. Raises DataplaneError when there is none of this
        number, nothing to work by, or when the next one does not come up; then it is tried again with back-off."""
        if not 0 <= number < len(self._workers):
            raise DataplaneError(f"worker {number}", f"there are workers 0 to {len(self._workers) - 1}")
        if self.settings is None:
            raise DataplaneError(f"worker {number}", "no configuration is in force yet: nobody has anything to do")
        worker = self._workers[number]
        former, graceful, before = worker.pid, False, Message()
        started = time.monotonic()
        if worker.control is not None:
            # One that does not answer is killed by tell().
            with contextlib.suppress(DataplaneError):
                before = self.tell(worker, {"op": "stop"})
                started = time.monotonic()
                graceful = self._ended(worker)
        worker.deaths = 0
        self._fork(worker, self.settings)
        if worker.control is None:
            raise DataplaneError(f"worker {number}", "the next one does not come up: look at the log of the dataplane")
        return Replaced(worker, former, graceful, before, time.monotonic() - started)

    def _ended(self, worker: Worker) -> bool:
        """A worker that was told to stop: wait for its end, and make sure of it; whether it came by itself."""
        deadline = time.monotonic() + CALL_S
        pid = status = 0
        while not pid and time.monotonic() < deadline:
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if not pid:
                time.sleep(0.001)
        if not pid:
            self._bury(worker)
            return False
        log.warning("worker %d (pid %d) has ended as it was told to", worker.number, worker.pid)
        # One that had to be killed is counted by its burial.
        worker.restarts += 1
        self._down(worker, status, End.REQUESTED)
        return True

    def _let_go(self, worker: Worker) -> None:
        """Its process is gone."""
        if worker.control is not None:
            self._selector.unregister(worker.control)
            worker.control.close()
        worker.pid, worker.control = 0, None

    def end(self) -> None:
        """Kill all of them; none is forked again."""
        self.settings = None
        for worker in self._workers:
            if worker.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(worker.pid, 0)
            self._let_go(worker)

    # ----- what is said

    def tell(self, worker: Worker, request: Message) -> Message:
        """Ask a worker; events that come between are taken. Raises DataplaneError.

        A worker that does not answer is killed, so that the one after it works by settings that are known.
        """
        self._ask(worker, request)
        return self._taken(worker, time.monotonic() + CALL_S)

    def tell_all(self, request: Message) -> list[tuple[Worker, Message]]:
        """Ask every worker at once and wait CALL_S for all of them together; the answers of those that gave one."""
        return self.tell_each(lambda _: request)

    def tell_each(self, request: Callable[[Worker], Message]) -> list[tuple[Worker, Message]]:
        """As `tell_all`, with a request of its own for each."""
        asked: list[Worker] = []
        answers: list[tuple[Worker, Message]] = []
        for worker in self.running():
            with contextlib.suppress(DataplaneError):
                self._ask(worker, request(worker))
                asked.append(worker)
        deadline = time.monotonic() + CALL_S
        for worker in asked:
            try:
                answers.append((worker, self._taken(worker, deadline)))
            except DataplaneError as error:
                log.warning("%s: %s", request(worker)["op"], error)
        return answers

    def _ask(self, worker: Worker, request: Message) -> None:
        if worker.control is None:
            raise DataplaneError(f"worker {worker.number}", "is not running")
        with self._replaced_on_failure(worker):
            worker.control.sendall(encode(request))

    def _taken(self, worker: Worker, deadline: float) -> Message:
        """The answer of a worker that was asked, by a time (monotonic). Raises DataplaneError."""
        if worker.control is None:
            raise DataplaneError(f"worker {worker.number}", "is not running")
        with self._replaced_on_failure(worker):
            answer = self._answer_of(worker, worker.control, deadline)
        if not answer["ok"]:
            raise DataplaneError(str(answer.get("what")), str(answer.get("detail")))
        return answer

    @contextlib.contextmanager
    def _replaced_on_failure(self, worker: Worker) -> Iterator[None]:
        """A worker that cannot be spoken with is killed. Raises DataplaneError."""
        try:
            yield
        except (OSError, *_NONSENSE) as error:
            ended = isinstance(error, ConnectionError)
            self._bury(worker, End.DIED if ended else End.UNRESPONSIVE)
            why = f"no answer within {CALL_S:.0f} s" if isinstance(error, TimeoutError) else str(error)
            raise DataplaneError(f"worker {worker.number}", why) from error

    def _answer_of(self, worker: Worker, control: socket.socket, deadline: float) -> Message:
        """The next answer on a worker's socket. Raises OSError when it ends or is late."""
        answer: Message | None = None
        while answer is None:
            # What lies there already is taken also when others have used the time up.
            control.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                octets = control.recv(1 << 18)
            finally:
                control.settimeout(CALL_S)
            if not octets:
                raise ConnectionError("has ended")
            for message in worker.decoder.feed(octets):
                if "ok" in message:
                    answer = message
                else:
                    self._said(worker, message)
        worker.heard = time.monotonic()
        return answer

    def _said(self, worker: Worker, message: Message) -> None:
        """A message that nobody asked for: a beat, or what `hear` takes."""
        worker.heard = time.monotonic()
        if "beat" not in message:
            self._hear(message)
            return
        for name, most in message.get("peaks", {}).items():
            worker.peaks[name] = max(worker.peaks.get(name, 0), int(most))

    def _readable(self, worker: Worker, control: socket.socket) -> None:
        """Events, or nothing more at all. A worker that speaks nonsense is replaced: the network may have it."""
        if worker.control is not control:
            return
        octets = arrived(control)
        if octets is None:
            return
        try:
            for message in worker.decoder.feed(octets):
                self._said(worker, message)
        except _NONSENSE as error:
            log.error("worker %d: %r", worker.number, error)
            self._bury(worker)
            return
        if not octets:
            self._bury(worker, End.DIED)
