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
from functools import partial

from applianced.dataplane.channel import Decoder, Message, arrived, encode
from applianced.dataplane.eventlog import EventLog, wants
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


@dataclass(slots=True)
class Worker:
    """A worker as the agent sees it. due: when it is to be forked again (monotonic), 0 while it runs. heard: when it
    last said something (monotonic)."""

    number: int
    pid: int = 0
    control: socket.socket | None = None
    started: float = 0.0
    deaths: int = 0
    restarts: int = 0
    due: float = 0.0
    heard: float = 0.0
    decoder: Decoder = field(default_factory=Decoder)


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
                    self._buried(worker, status)
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

    def _bury(self, worker: Worker) -> None:
        """It has ended, or is of no use: make sure that it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)
        _, status = os.waitpid(worker.pid, 0)
        self._buried(worker, status)

    def _buried(self, worker: Worker, status: int) -> None:
        now = time.monotonic()
        worker.deaths = 0 if now - worker.started > HEALTHY_S else worker.deaths + 1
        worker.restarts += 1
        worker.due = now + BACKOFF_S[min(max(worker.deaths - 1, 0), len(BACKOFF_S) - 1)]
        log.error(
            "worker %d (pid %d) ended with status %d; restart %d", worker.number, worker.pid, status, worker.restarts
        )
        self._events.write("worker-down", {"worker": worker.number, "pid": worker.pid, "status": status})
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
            if worker.control is not None:
                self._selector.unregister(worker.control)
                worker.control.close()
            worker.pid, worker.control = 0, None

    # ----- what is said

    def tell(self, worker: Worker, request: Message) -> Message:
        """Ask a worker; events that come between are taken. Raises DataplaneError.

        A worker that does not answer is killed, so that the one after it works by settings that are known.
        """
        self._ask(worker, request)
        return self._taken(worker, time.monotonic() + CALL_S)

    def tell_all(self, request: Message) -> list[tuple[Worker, Message]]:
        """Ask every worker at once and wait CALL_S for all of them together; the answers of those that gave one."""
        asked: list[Worker] = []
        answers: list[tuple[Worker, Message]] = []
        for worker in self.running():
            with contextlib.suppress(DataplaneError):
                self._ask(worker, request)
                asked.append(worker)
        deadline = time.monotonic() + CALL_S
        for worker in asked:
            try:
                answers.append((worker, self._taken(worker, deadline)))
            except DataplaneError as error:
                log.warning("%s: %s", request["op"], error)
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
            self._bury(worker)
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
            octets = b""
        if not octets:
            self._bury(worker)


def settings_of(plan: Message, own_addresses: list[str]) -> Message:
    """What a worker is told of a plan. own_addresses: of the appliance itself, as text."""
    enabled = [alg for alg in plan["algs"] if alg["state"] == "enabled"]
    return {
        "generation": plan["generation"],
        "algs": {alg["name"]: alg["settings"] for alg in enabled},
        "trace": traced(plan),
        "flow": plan["flow"],
        "ranges": plan["alg_port_ranges"],
        "own_addresses": own_addresses,
        "events": wants(plan["log"], "alg"),
        "zones": _zones(plan),
    }


def _zones(plan: Message) -> dict[str, str]:
    """Index of an interface, as text -> the zone that it is in; of those that are there."""
    found = {}
    for interface, zone in plan["zones"].items():
        with contextlib.suppress(OSError):
            found[str(socket.if_nametoindex(interface))] = zone
    return found


def traced(plan: Message) -> dict[str, str]:
    """The ALGs that are traced -> level; without a file nobody reads what they would say."""
    if not plan["trace"]["file"]:
        return {}
    return {alg["name"]: alg["trace"] for alg in plan["algs"] if alg["trace"] and alg["state"] == "enabled"}
