"""The dataplane agent: owns the kernel's side of a namespace and answers management over a UNIX socket.

    watchdog --fork--> agent --fork--> worker 0, worker 1, ...
                         |  socketpair to each worker: settings in two steps, state, events
                         +- UNIX socket: management (checked by its peer credentials)

It has CAP_NET_ADMIN and CAP_NET_RAW and nothing else. It keeps the last plan that was applied, so forwarding and ALGs
go on while management restarts. A worker that dies is forked again, with back-off, and takes up the sessions that its
predecessor left in shared memory; an agent that dies is forked again by the watchdog and adopts the kernel's tables.

Workers are forked, not executed: they need no right to any file. For that reason the agent has no threads.
"""

from __future__ import annotations

import contextlib
import logging
import mmap
import os
import selectors
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from struct import Struct
from typing import Any

from applianced import __version__
from applianced.alg.contract import Descriptor
from applianced.compiler.marks import ALG_MASK, CONTROL, DATA, POLICY_TABLE, QUEUE_MASK, QUEUE_SHIFT, SLOT_SHIFT
from applianced.compiler.marks import SLOTS as SLOTS_PER_WORKER
from applianced.dataplane import interfaces, nft, sysctls
from applianced.dataplane.alglog import AlgLog
from applianced.dataplane.channel import Decoder, Message, encode, flow_of, plain_flow
from applianced.dataplane.conntrack import Conntrack, Entry
from applianced.dataplane.eventlog import EventLog, wants
from applianced.dataplane.netlink import Netlink
from applianced.dataplane.sessionlog import SessionLog
from applianced.dataplane.worker import WorkerProcess, run_worker
from applianced.engine.checkpoint import Checkpoint
from applianced.engine.counters import Counters
from applianced.errors import DataplaneError
from applianced.model.tuples import PROTOCOL_NAMES, FlowTuple, text

SLOTS = 16384
"""Control sessions per worker; ct mark has room for 262,143."""
BACKOFF_S = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
"""Waits before a worker is forked again; a minute of life starts from the front."""
HEALTHY_S = 60.0
CALL_S = 5.0
"""A worker that does not answer for so long is killed and replaced."""

_CREDENTIALS = Struct("=iII")
log = logging.getLogger("applianced.agent")


@dataclass(slots=True)
class Memory:
    """What a worker's successors need: shared by fork, made before the first of them."""

    counters: mmap.mmap
    checkpoint: mmap.mmap


@dataclass(slots=True)
class Worker:
    """A worker as the agent sees it."""

    number: int
    pid: int = 0
    control: socket.socket | None = None
    started: float = 0.0
    deaths: int = 0
    restarts: int = 0
    due: float = 0.0
    decoder: Decoder = field(default_factory=Decoder)


def shared_memory(descriptors: Mapping[str, Descriptor], workers: int) -> list[Memory]:
    """One set of counters and checkpoints per worker."""
    events = {name: tuple(descriptor.events) for name, descriptor in descriptors.items()}
    return [
        Memory(mmap.mmap(-1, max(Counters.octets(events), 8)), mmap.mmap(-1, Checkpoint.octets(SLOTS)))
        for _ in range(workers)
    ]


class Agent:
    """One namespace's dataplane."""

    def __init__(
        self,
        listener: socket.socket,
        memory: Sequence[Memory],
        descriptors: Mapping[str, Descriptor],
        *,
        management_uid: int,
        namespace: str,
        state_dir: Path,
    ) -> None:
        self._listener = listener
        self._descriptors = descriptors
        self._management_uid = management_uid
        self._namespace = namespace
        self._netlink = Netlink()
        self._conntrack = Conntrack(self._netlink)
        self._sysctls = sysctls.Sysctls(state_dir)
        self._interfaces = interfaces.Interfaces()
        self._events = EventLog(state_dir)
        self._selector = selectors.DefaultSelector()
        self._algs = AlgLog(self._events, self._conntrack)
        self._sessions = SessionLog(self._events, self._conntrack, self._selector)
        self._clients: dict[socket.socket, Decoder] = {}
        events = {name: tuple(descriptor.events) for name, descriptor in descriptors.items()}
        self._events_of = events
        self._memory = list(memory)
        self._counters = [Counters(events, memoryview(each.counters)) for each in memory]
        self._workers = [Worker(number) for number in range(len(memory))]
        self._applied: Message | None = None
        self._before: Message | None = None
        self._prepared: dict[int, Message] = {}
        self._generation = 0
        self._running = True
        self._wakers: tuple[socket.socket, ...] = ()

    # ----- life

    def run(self) -> None:
        """Until told to shut down, by management or by SIGTERM: then everything made here is removed."""
        self._sysctls.take()
        nft.make_gates_table(self._netlink)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._wakers = woken, wake = socket.socketpair()
        for end in self._wakers:
            end.setblocking(False)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(woken, selectors.EVENT_READ)
        self._restore()
        while self._running:
            for key, _ in self._selector.select(self._pause()):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is woken:
                    with contextlib.suppress(BlockingIOError):
                        woken.recv(4096)
                elif key.data is not None:
                    key.data()
                elif isinstance(key.fileobj, socket.socket):
                    self._readable(key.fileobj)
            self._sessions.tick()
            self._reap()
        self._close()

    def _on_signal(self, *_: object) -> None:
        self._running = False

    def _pause(self) -> float:
        now = time.monotonic()
        return max(0.0, min([1.0, *(worker.due - now for worker in self._workers if worker.due)]))

    def _restore(self) -> None:
        """After a crash of the agent: the plan that was in force is in the memory of the watchdog's file."""
        plan = self._sysctls.kept_plan() if nft.has_table(POLICY_TABLE) else None
        if plan is not None:
            self._applied = plan
            self._generation = int(plan["generation"])
            self._log_as(plan)
            self._fork_missing()

    def _close(self) -> None:
        for worker in self._workers:
            if worker.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(worker.pid, 0)
        with contextlib.suppress(DataplaneError):
            nft.remove_tables()
        for entry in [*self._conntrack.marked(CONTROL, CONTROL), *self._conntrack.marked(DATA, DATA)]:
            self._conntrack.delete(entry.translation.original)
        self._interfaces.release()
        self._sysctls.release()
        self._events.close()

    # ----- workers

    def _fork_missing(self) -> None:
        """Fork every worker that is due."""
        if self._applied is None:
            return
        now = time.monotonic()
        for worker in self._workers:
            if not worker.pid and worker.due <= now:
                self._fork(worker)

    def _fork(self, worker: Worker) -> None:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            # A copy of the agent's end kept here would hide the agent's death from the worker.
            ours.close()
            self._become_worker(worker, theirs)
        theirs.close()
        ours.settimeout(CALL_S)
        worker.pid, worker.control, worker.decoder = pid, ours, Decoder()
        worker.started, worker.due = time.monotonic(), 0.0
        self._selector.register(ours, selectors.EVENT_READ)
        assert self._applied is not None
        try:
            self._tell(worker, {"op": "prepare", **self._for_worker(self._applied)})
            self._tell(worker, {"op": "switch", "generation": self._applied["generation"]})
        except DataplaneError as error:
            log.error("worker %d does not take its settings: %s", worker.number, error)
            if worker.pid:
                self._bury(worker)

    def _become_worker(self, worker: Worker, control: socket.socket) -> None:
        """In the child: keep only the control socket; never returns."""
        self._listener.close()
        for client in self._clients:
            client.close()
        for other in self._workers:
            if other.control is not None:
                other.control.close()
        for end in self._wakers:
            end.close()
        self._selector.close()
        self._events.close()
        self._sessions.abandon()
        self._netlink.close()
        memory = self._memory[worker.number]
        process = WorkerProcess(
            worker.number,
            len(self._workers),
            self._descriptors,
            control=control,
            counters=Counters(self._events_of, memoryview(memory.counters)),
            checkpoint=Checkpoint(memoryview(memory.checkpoint), SLOTS),
        )
        run_worker(process)

    def _bury(self, worker: Worker) -> None:
        """It has ended, or is of no use: make sure that it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)
        _, status = os.waitpid(worker.pid, 0)
        self._buried(worker, status)

    def _reap(self) -> None:
        for worker in self._workers:
            if worker.pid:
                pid, status = os.waitpid(worker.pid, os.WNOHANG)
                if pid:
                    self._buried(worker, status)
        self._fork_missing()

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

    def _tell(self, worker: Worker, request: Message) -> Message:
        """Ask a worker; events that come between are taken. Raises DataplaneError.

        A worker that does not answer is killed, so that the one after it works by settings that are known.
        """
        control = worker.control
        if control is None:
            raise DataplaneError(f"worker {worker.number}", "is not running")
        try:
            control.sendall(encode(request))
            answer = self._answer_of(worker, control)
        except (OSError, ValueError, DataplaneError) as error:
            self._bury(worker)
            why = f"no answer within {CALL_S:.0f} s" if isinstance(error, TimeoutError) else str(error)
            raise DataplaneError(f"worker {worker.number}", why) from error
        if not answer["ok"]:
            raise DataplaneError(str(answer["what"]), str(answer["detail"]))
        return answer

    def _answer_of(self, worker: Worker, control: socket.socket) -> Message:
        """The next answer on a worker's socket. Raises OSError when it ends or is late."""
        deadline = time.monotonic() + CALL_S
        answer: Message | None = None
        while answer is None:
            octets = control.recv(1 << 18)
            if not octets:
                raise ConnectionError("has ended")
            if time.monotonic() > deadline:
                raise TimeoutError
            for message in worker.decoder.feed(octets):
                if "ok" in message:
                    answer = message
                else:
                    self._take_events(message)
        return answer

    def _running_workers(self) -> list[Worker]:
        return [worker for worker in self._workers if worker.control is not None]

    def _take_events(self, message: Message) -> None:
        self._algs.take(message)

    def _log_as(self, plan: Message) -> None:
        """Logs and traces as a plan has them. Raises DataplaneError."""
        self._events.configure(plan["log"], plan["trace"], _traced(plan))
        self._algs.configure(plan)
        self._sessions.configure(plan)

    # ----- management

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        _, uid, _ = _CREDENTIALS.unpack(client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        if uid not in (0, self._management_uid):
            log.warning("refused a connection of uid %d", uid)
            client.close()
            return
        client.settimeout(CALL_S)
        self._clients[client] = Decoder()
        self._selector.register(client, selectors.EVENT_READ)

    def _readable(self, source: socket.socket) -> None:
        worker = next((each for each in self._workers if each.control is source), None)
        try:
            # What was readable may have been read meanwhile, by a call to this worker: waiting for more would be fatal.
            source.settimeout(0)
            octets = source.recv(1 << 18)
            source.settimeout(CALL_S)
        except BlockingIOError:
            return source.settimeout(CALL_S)
        except OSError:
            octets = b""
        if worker is not None:
            return self._worker_says(worker, octets)
        if source not in self._clients:
            return None
        if not octets:
            return self._forget(source)
        try:
            for request in self._clients[source].feed(octets):
                source.sendall(encode(self._answer(request)))
        except (OSError, DataplaneError, ValueError) as error:
            log.warning("management connection: %s", error)
            self._forget(source)
        return None

    def _worker_says(self, worker: Worker, octets: bytes) -> None:
        """Events, or nothing more at all. A worker that speaks nonsense is replaced: the network may have it."""
        try:
            for message in worker.decoder.feed(octets):
                self._take_events(message)
        except (DataplaneError, ValueError, AttributeError, KeyError, TypeError) as error:
            log.error("worker %d: %r", worker.number, error)
            octets = b""
        if not octets:
            self._bury(worker)

    def _forget(self, client: socket.socket) -> None:
        self._selector.unregister(client)
        del self._clients[client]
        client.close()

    def _answer(self, request: Message) -> Message:
        operation = getattr(self, "_on_" + str(request.get("op")).replace("-", "_"), None)
        if operation is None:
            return {"ok": False, "what": str(request.get("op")), "detail": "unknown operation"}
        try:
            answer: Message | None = operation(request)
        except DataplaneError as error:
            return {"ok": False, "what": error.what, "detail": error.detail}
        except Exception as error:
            log.exception("operation %s", request.get("op"))
            return {"ok": False, "what": str(request.get("op")), "detail": repr(error)}
        return {"ok": True, **(answer or {})}

    def _on_hello(self, _: Message) -> Message:
        return {
            "version": __version__,
            "namespace": self._namespace,
            "workers": len(self._workers),
            "generation": self._generation,
            "configured": self._applied is not None,
        }

    def _on_prepare(self, request: Message) -> Message:
        """Check a plan with the kernel and give it to the workers; nothing changes yet."""
        plan = request["plan"]
        generation = self._generation + 1 + len(self._prepared)
        prepared = {**plan, "generation": generation}
        nft.check(plan["ruleset"])
        self._interfaces.check(plan["interfaces"])
        self._sysctls.stage_plan(prepared)
        done: list[Worker] = []
        try:
            for worker in self._running_workers():
                self._tell(worker, {"op": "prepare", **self._for_worker(prepared)})
                done.append(worker)
        except DataplaneError:
            self._abort(done, generation)
            raise
        self._prepared[generation] = prepared
        return {"generation": generation}

    def _for_worker(self, plan: Message) -> Message:
        enabled = [alg for alg in plan["algs"] if alg["state"] == "enabled"]
        return {
            "generation": plan["generation"],
            "algs": {alg["name"]: alg["settings"] for alg in enabled},
            "trace": _traced(plan),
            "trace_level": plan["trace"]["level"],
            "flow": plan["flow"],
            "ranges": plan["alg_port_ranges"],
            "own_addresses": self._interfaces.own_addresses(),
            "events": wants(plan["log"], "alg"),
        }

    def _on_apply(self, request: Message) -> None:
        """Put a prepared plan in force: one nft transaction, then the workers' switch."""
        generation = int(request["generation"])
        plan = self._prepared[generation]
        before = self._applied
        nft.load(plan["ruleset"])
        del self._prepared[generation]
        self._before = before
        self._sysctls.keep_plan()
        try:
            self._take(plan)
        except Exception as error:
            try:
                self._on_revert({})
            except DataplaneError as second:
                raise DataplaneError("apply", f"{error}; and putting the old state back: {second}") from error
            raise

    def _take(self, plan: Message) -> None:
        """A plan whose ruleset is loaded becomes the applied one."""
        self._applied = plan
        self._generation = max(self._generation, int(plan["generation"]))
        self._interfaces.apply(plan["interfaces"])
        self._sysctls.timeouts(plan["flow"])
        self._log_as(plan)
        for worker in self._running_workers():
            self._tell(worker, {"op": "switch", "generation": plan["generation"]})
        self._fork_missing()

    def _on_verify(self, _: Message) -> None:
        """Every chain of the plan is in the kernel with its rules, and every worker runs."""
        assert self._applied is not None
        nft.verify_chains(self._netlink, self._applied["chains"])
        missing = [worker.number for worker in self._workers if worker.control is None and not worker.due]
        if missing:
            raise DataplaneError("verify", f"workers {missing} do not run")

    def _on_revert(self, _: Message) -> None:
        """The plan before the last apply again."""
        before, self._before = self._before, None
        self._sysctls.keep_plan_before()
        if before is None:
            nft.load(f"table inet {POLICY_TABLE} {{ }}\ndelete table inet {POLICY_TABLE}\n")
            self._applied = None
            return
        nft.load(before["ruleset"])
        plan = {**before, "generation": self._generation + 1}
        for worker in self._running_workers():
            # One that fails is gone, and the one after it starts with this plan.
            with contextlib.suppress(DataplaneError):
                self._tell(worker, {"op": "prepare", **self._for_worker(plan)})
        self._take(plan)

    def _on_abort(self, request: Message) -> None:
        if self._prepared.pop(int(request["generation"]), None) is not None:
            self._abort(self._running_workers(), int(request["generation"]))

    def _abort(self, workers: Sequence[Worker], generation: int) -> None:
        for worker in workers:
            with contextlib.suppress(DataplaneError):
                self._tell(worker, {"op": "abort", "generation": generation})

    def _on_finish(self, _: Message) -> None:
        self._before = None

    def _on_end_sessions(self, request: Message) -> Message:
        """Delete the sessions that these policies (by number) or ALGs (by number in ct mark) admitted, and those with
        these original tuples; of control sessions among them the gates too, and the data sessions that came through
        those."""
        policies, algs = set(request.get("policies", ())), set(request.get("algs", ()))
        originals = {flow_of(plain) for plain in request.get("originals", ())}
        over = [
            entry
            for entry in self._conntrack.marked(0, 0)
            if entry.policy in policies
            or (entry.mark & CONTROL and entry.mark & ALG_MASK in algs)
            or entry.translation.original in originals
        ]
        controls = {_place(entry.mark) for entry in over if entry.mark & CONTROL}
        if controls:
            over += self._announced_by(controls)
        for slot, number in controls:
            self._end(number, slot)
        return {"ended": sum(self._conntrack.delete(entry.translation.original) == 0 for entry in over)}

    def _on_policy_sessions(self, request: Message) -> Message:
        """The sessions that these policies (by number) admitted: the number, the tuple as conntrack names it, and the
        one in the forward path."""
        policies = set(request["policies"])
        found = [entry for entry in self._conntrack.marked(0, 0) if entry.policy in policies]
        return {"sessions": [_of_policy(entry) for entry in found]}

    def _on_relabel(self, request: Message) -> None:
        """Sessions, by their original tuples, that another policy admits from now on."""
        for plain in request["originals"]:
            self._conntrack.relabel(flow_of(plain), int(request["policy"]))

    def _announced_by(self, controls: set[tuple[int, int]]) -> list[Entry]:
        """The data sessions of these control sessions, as far as the books go back."""
        gates = []
        for worker in self._running_workers():
            with contextlib.suppress(DataplaneError):
                state = self._tell(worker, {"op": "state", "recent": True})
                gates += [gate for gate in state["gates"] if (gate["session"], worker.number) in controls]
        return [entry for entry in self._conntrack.data_sessions() if any(_came_through(gate, entry) for gate in gates)]

    def _on_clear_counters(self, request: Message) -> None:
        for counters in self._counters:
            counters.clear(str(request.get("alg", "")))

    def _on_close_gate(self, request: Message) -> Message:
        found = any(self._tell(worker, request)["found"] for worker in self._running_workers())
        return {"found": found}

    def _on_end_session(self, request: Message) -> Message:
        """End one control session by the number under which it is shown."""
        number, slot = divmod(int(request["session"]), SLOTS_PER_WORKER)
        for entry in self._announced_by({(slot, number)}):
            self._conntrack.delete(entry.translation.original)
        return {"found": self._end(number, slot)}

    def _end(self, number: int, slot: int) -> bool:
        """Have a worker end a control session, with its gates; whether it knew it."""
        worker = next((each for each in self._running_workers() if each.number == number), None)
        if worker is None:
            return False
        return bool(self._tell(worker, {"op": "end-session", "slot": slot})["found"])

    def _on_shutdown(self, _: Message) -> None:
        self._running = False

    def _on_state(self, request: Message) -> Message:
        """Everything operational, from our books and one look at conntrack."""
        controls = {_place(entry.mark): entry for entry in self._conntrack.marked(CONTROL, CONTROL)}
        data = self._conntrack.data_sessions()
        sessions: list[Message] = []
        gates: list[Message] = []
        for worker in self._running_workers():
            try:
                state = self._tell(worker, {"op": "state", "recent": request.get("recent", False)})
            except DataplaneError as error:
                # It is being replaced; what the others know is worth more than an error.
                log.warning("state: %s", error)
                continue
            for session in state["sessions"]:
                entry = controls.get((session["id"], worker.number))
                sessions.append({**session, **(_entry(entry) if entry else {}), "worker": worker.number})
            gates += [_with_use({**gate, "worker": worker.number}, data) for gate in state["gates"]]
        return {
            "sessions": sessions,
            "gates": gates,
            "data-sessions": [_entry(entry) for entry in data],
            "counters": self._sum_counters(),
            "workers": [self._worker_state(worker) for worker in self._workers],
            "hits": self._hits(),
        }

    def _hits(self) -> dict[str, list[int]]:
        try:
            return nft.counters()
        except DataplaneError:
            return {}

    def _worker_state(self, worker: Worker) -> Message:
        return {
            "queue": worker.number,
            "pid": worker.pid,
            "running": worker.control is not None,
            "restarts": worker.restarts,
            "generation": self._generation,
        }

    def _sum_counters(self) -> dict[str, dict[str, int]]:
        total: dict[str, dict[str, int]] = {}
        for counters in self._counters:
            for alg, events in counters.values().items():
                sums = total.setdefault(alg, dict.fromkeys(events, 0))
                for event, value in events.items():
                    sums[event] += value
        return total


def _traced(plan: Message) -> list[str]:
    """The ALGs that are traced; without a file nobody reads what they would say."""
    if not plan["trace"]["file"]:
        return []
    return [alg["name"] for alg in plan["algs"] if alg["trace"] and alg["state"] == "enabled"]


def _place(mark: int) -> tuple[int, int]:
    """Slot and worker of a control session."""
    return mark >> SLOT_SHIFT, (mark & QUEUE_MASK) >> QUEUE_SHIFT


def _of_policy(entry: Entry) -> list[Any]:
    original, reply = entry.translation.original, entry.translation.reply
    forwarded = FlowTuple(original.protocol, original.source, reply.source)
    return [entry.policy, plain_flow(original), plain_flow(forwarded)]


def _endpoints(flow: FlowTuple) -> Message:
    return {
        "source": [text(flow.source.address), flow.source.port],
        "destination": [text(flow.destination.address), flow.destination.port],
    }


def _entry(entry: Entry) -> Message:
    return {
        "protocol": PROTOCOL_NAMES.get(entry.translation.original.protocol, ""),
        "original": _endpoints(entry.translation.original),
        "reply": _endpoints(entry.translation.reply),
        "policy": entry.policy,
        "state": entry.state,
        "packets": entry.packets,
        "octets": entry.octets,
        "timeout": entry.timeout_s,
        "started": entry.started_s,
    }


def _with_use(gate: Message, data: Sequence[Entry]) -> Message:
    """When the gate was first used, how much went through it, and by which of the data sessions (their places)."""
    places, packets, used = [], 0, 0.0
    for place, entry in enumerate(data):
        if _came_through(gate, entry):
            places.append(place)
            packets += entry.packets
            used = min(used or entry.started_s, entry.started_s)
    return {**gate, "packets": packets, "used": used, "data": places}


def _came_through(gate: Message, entry: Entry) -> bool:
    original, reply = entry.translation.original, entry.translation.reply
    if text(original.source.address) != gate["peer"] or (entry.started_s and entry.started_s < gate["created"] - 1):
        return False
    if [text(original.destination.address), original.destination.port] == gate["outside"]:
        return True
    address, port = gate["inside"]
    return text(reply.source.address) == address and port in (0, reply.source.port)
