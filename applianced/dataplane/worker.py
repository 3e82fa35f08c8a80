"""A worker process: one queue, one engine, and a socket to the agent.

It is forked by the agent, inside the namespace and with the agent's capabilities, and shares its counters and
checkpoints with whoever takes its place.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import select
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

from applianced.alg.contract import Descriptor
from applianced.compiler.marks import ALG_MASK
from applianced.dataplane.channel import Decoder, Message, encode
from applianced.dataplane.confinement import confine, die_with_parent
from applianced.dataplane.coupling import Coupling
from applianced.dataplane.kernel import NetlinkKernel
from applianced.dataplane.large_queue import LargeQueue
from applianced.dataplane.ports import PortRanges
from applianced.dataplane.queue import PacketQueue
from applianced.dataplane.reporter import EventReporter
from applianced.dataplane.selection import Choice, admitting, gates_of, sessions_of
from applianced.dataplane.shown import shown_gate, shown_session
from applianced.engine.beginnings import Beginnings
from applianced.engine.bindings import Board
from applianced.engine.checkpoint import Checkpoint
from applianced.engine.counters import Counters
from applianced.engine.gatekeeper import GateKeeper, GateLimits
from applianced.engine.ledger import Ledger
from applianced.engine.worker import Engine, Queued
from applianced.errors import DataplaneError
from applianced.model.tuples import Endpoint, packed

TICK_S = 1.0
REOPENED = 64
"""Gates per transaction when all are written again; a socket's buffer bounds it."""
SETTLE_S = 5.0
BEGUN_AT_ONCE = 64
"""Of what begins something new, before the loop looks at its other duties."""

log = logging.getLogger("applianced.worker")


class WorkerProcess:
    """The loop. number: of this queue, of `workers`."""

    def __init__(
        self,
        number: int,
        workers: int,
        descriptors: Mapping[str, Descriptor],
        *,
        control: socket.socket,
        counters: Counters,
        checkpoint: Checkpoint,
        ledger: Ledger | None = None,
        board: Board | None = None,
        others: Sequence[Board] = (),
    ) -> None:
        """ledger, board, others: as GateKeeper has them."""
        self._control = control
        self._decoder = Decoder()
        self._descriptors = descriptors
        self._prepared: dict[int, Message] = {}
        self._generation = 0
        self._running = True
        self._next_tick = 0.0
        self._next_settle = 0.0
        self._kernel = NetlinkKernel()
        self._coupling = Coupling(self._kernel.conntrack)
        self._reporter = EventReporter(self._coupling)
        self._workers = workers
        self._ports = PortRanges(number, workers)
        keeper = GateKeeper(
            self._kernel,
            self._ports,
            first_number=number << 28 | (int(time.time()) & 0xFFFFF) << 8,
            ledger=ledger,
            board=board,
            others=others,
        )
        self._keeper = keeper
        self._engine = Engine(
            descriptors,
            kernel=self._kernel,
            keeper=keeper,
            counters=counters,
            checkpoint=checkpoint,
            reporter=self._reporter,
        )
        self._beginnings = Beginnings(descriptors, self._engine.count)
        self._listed: dict[str, list[tuple[str, Any]]] = {}
        """ALG -> what a list of several pages shows."""
        self._counters = counters
        self._number = number
        self._queue: PacketQueue | None = None
        self._large: LargeQueue | None = None

    def run(self) -> None:
        """Until the agent says stop or is gone."""
        # Nothing of the packet path makes cycles that outlive their session (Session.release): the collector would only
        # walk the agent's heap again and again.
        gc.freeze()
        gc.disable()
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        pause_s = TICK_S
        while self._running:
            queue_fd = self._queue.fd if self._queue else -1
            large_fd = self._large.fd if self._large else -1
            for fd, _ in poll.poll(pause_s * 1000):
                if fd == queue_fd and self._queue:
                    self._queue.drain()
                elif fd == large_fd and self._large:
                    self._large.drain()
                elif fd == self._control.fileno():
                    self._answer()
                    if self._queue and self._large and queue_fd < 0:
                        poll.register(self._queue.fd, select.POLLIN)
                        poll.register(self._large.fd, select.POLLIN)
            self._begin()
            now = time.time()
            self._engine.settle(now)
            pause_s = 0.0 if self._turn(now) or self._beginnings else TICK_S
            if time.monotonic() >= self._next_tick:
                self._tick()

    def _begin(self) -> None:
        """Handle what begins something new, as long as nothing else comes."""
        for _ in range(BEGUN_AT_ONCE):
            packet = self._beginnings.take(time.time()) if self._beginnings else None
            if packet is None:
                break
            self._handle(packet, time.time())
            if self._queue is not None and not self._queue.drain():
                break

    def _packet(self, packet: Queued, now: float) -> None:
        if packet.mark & ALG_MASK not in self._beginnings.algs or not self._beginnings.enter(packet, now):
            self._handle(packet, now)

    def _handle(self, packet: Queued, now: float) -> None:
        try:
            self._engine.handle(packet, now)
        except Exception:
            # A bug of ours costs this packet; its sender repeats it, and the trace says where.
            log.exception("worker %d: packet of %d octets", self._number, len(packet.raw))
            packet.drop()

    def _turn(self, now: float) -> bool:
        """Whether more is due at once."""
        try:
            return self._engine.turn(now)
        except Exception:
            log.exception("worker %d: tick of a session", self._number)
            return True

    def _tick(self) -> None:
        self._next_tick = time.monotonic() + TICK_S
        try:
            self._engine.tick(time.time())
            self._coupling.tick(time.monotonic(), time.time())
            if self._ports.resting and time.monotonic() >= self._next_settle:
                self._next_settle = time.monotonic() + SETTLE_S
                self._ports.settle(
                    {_outside(entry.translation.original) for entry in self._kernel.conntrack.data_sessions()}
                )
        except Exception:
            log.exception("worker %d: tick", self._number)
        # It must not wait for an agent that is away: a buffer full of beats says enough.
        with contextlib.suppress(BlockingIOError):
            beat = {"beat": self._generation, "peaks": self._peaks()}
            self._control.send(encode(beat), socket.MSG_DONTWAIT)
        told = self._reporter.take()
        if told is not None:
            self._control.sendall(encode(told))

    def _answer(self) -> None:
        octets = self._control.recv(1 << 18)
        if not octets:
            self._running = False
            return
        for request in self._decoder.feed(octets):
            try:
                answer = getattr(self, "_on_" + str(request["op"]).replace("-", "_"))(request) or {}
            except (DataplaneError, KeyError, AttributeError, TypeError, ValueError, OSError) as error:
                self._control.sendall(encode({"ok": False, "what": f"worker {self._number}", "detail": repr(error)}))
            else:
                self._control.sendall(encode({"ok": True, **answer}))

    def _on_prepare(self, request: Message) -> None:
        self._settings(request)
        self._prepared[int(request["generation"])] = request

    def _settings(self, request: Message) -> dict[str, Any]:
        return {
            name: self._descriptors[name].settings(**leaves)
            for name, leaves in request["algs"].items()
            if name in self._descriptors
        }

    def _on_switch(self, request: Message) -> None:
        generation = int(request["generation"])
        prepared = self._prepared.pop(generation)
        flow = prepared["flow"]
        limits = GateLimits(
            per_session=flow["alg_gates_per_session"],
            per_source=flow["alg_gates_per_source"],
            bindings_per_source=flow["alg_bindings_per_source"],
            total=self._share(flow["alg_gates_total"]),
            lifetime_s=flow["gate_timeout_s"],
            own_addresses=frozenset(packed(address) for address in prepared["own_addresses"]),
            coupled=bool(flow["alg_data_session_coupled"]),
        )
        ranges = {packed(address): (low, high) for address, (low, high) in prepared["ranges"].items() if address}
        low, high = prepared["ranges"][""]
        self._ports.configure((low, high), ranges)
        self._reporter.configure(
            streamed=bool(prepared["events"]), traced=prepared["trace"], notified=prepared["notified"]
        )
        self._coupling.enabled = bool(flow["alg_data_session_coupled"])
        self._engine.zones = {int(index): zone for index, zone in prepared["zones"].items()}
        self._engine.session_limit = self._share(flow["alg_sessions_total"])
        self._engine.configure(self._settings(prepared), limits, flow["alg_message_size"], time.time())
        self._generation = generation
        if self._queue is None:
            self._start()

    def _share(self, total: int) -> int:
        """This worker's part of what all of them may have."""
        return -(-total // self._workers)

    def _start(self) -> None:
        """The first settings are in force: take up what a worker before this one left, then take packets."""
        self._engine.resume(time.time(), failed=self._not_resumed)
        for gate in self._keeper.gates.values():
            if not gate.awaited and not gate.apart:
                self._kernel.gates.adopt(gate)
            if gate.bound:
                self._ports.hold(gate.outside.address, gate.protocol, gate.outside.port)
        for entry in self._kernel.conntrack.data_sessions():
            self._ports.rest(*_outside(entry.translation.original))
        self._large = LargeQueue(self._number, self._packet)
        self._queue = PacketQueue(self._number, self._packet)
        confine()

    def _not_resumed(self, slot: int) -> None:
        log.exception("worker %d: the session in slot %d cannot be taken up again", self._number, slot)

    def _on_abort(self, request: Message) -> None:
        self._prepared.pop(int(request["generation"]), None)

    def _on_gates(self, request: Message) -> Message:
        """A page of the gates."""
        self._locate()
        shown = gates_of(Choice.of(request), self._keeper.gates.values(), self._keeper.recent)
        for gate in shown.entries:
            if gate.lasting and not gate.closed_s:
                self._kernel.gates.count(gate, time.time())
        return {
            "entries": [shown_gate(gate) for gate in shown.entries], "matched": shown.matched, "beyond": shown.beyond
        }  # fmt: skip

    def _on_sessions(self, request: Message) -> Message:
        """A page of the control sessions."""
        shown = sessions_of(Choice.of(request), self._engine.live())
        return {
            "entries": [shown_session(session) for session in shown.entries],
            "matched": shown.matched,
            "beyond": shown.beyond,
        }

    def _on_alg_lists(self, request: Message) -> Message:
        """A page of what the sessions of an ALG know together: ("after" lists entries of all lists) name of the list,
        entry. What a page tells of is as it was when the first one was asked for."""
        alg, after, count = str(request["alg"]), int(request.get("after", 0)), int(request["count"])
        if not after:
            shared = self._engine.shared.get(alg)
            lists = shared.listing() if shared is not None else {}
            self._listed[alg] = [(name, entry) for name, entries in lists.items() for entry in entries]
        listed = self._listed.get(alg, [])
        more = len(listed) > after + count
        if not more:
            self._listed.pop(alg, None)
        return {"entries": listed[after : after + count], "more": more}

    def _on_admitting(self, request: Message) -> Message:
        """The gates that may have admitted these data sessions."""
        flows = [
            (packed(peer), Endpoint(packed(sent), int(to)), Endpoint(packed(arrived), int(at)))
            for peer, sent, to, arrived, at in request["flows"]
        ]
        self._locate()
        gates = [*self._keeper.gates.values(), *self._keeper.recent]
        return {"gates": [shown_gate(gate) for gate in admitting(gates, flows)]}

    def _on_resources(self, _: Message) -> Message:
        """Of what has a limit: how much is in use, the most that was, and the limit (null: not known yet)."""
        used = self._used()
        limits = {
            "control-sessions": min(self._engine.session_limit, self._engine.checkpoint.slots),
            "gates": self._keeper.limits.total,
            "ports": self._ports.offered or None,
        }
        return {"used": used, "peaks": self._peaks(), "limits": limits}

    def _used(self) -> dict[str, int]:
        return {
            "control-sessions": self._engine.under_way,
            "gates": len(self._keeper.gates),
            "ports": self._ports.used,
        }

    def _peaks(self) -> dict[str, int]:
        return {"control-sessions": self._engine.most, "gates": self._keeper.most, "ports": self._ports.most}

    def _on_clear_peaks(self, _: Message) -> None:
        used = self._used()
        self._engine.most, self._keeper.most, self._ports.most = (
            used["control-sessions"], used["gates"], used["ports"],
        )  # fmt: skip

    def _locate(self) -> None:
        """Find out what the kernel has entered for the gates that it opened itself."""
        for gate in self._keeper.gates.values():
            session = self._engine.sessions[gate.session] if gate.awaited else None
            if session is not None:
                session.locate(gate)

    def _on_close_gate(self, request: Message) -> Message:
        """Close one gate by number; "found" says whether it was here, "gate" what it was."""
        number = int(request["gate"])
        gate = self._keeper.gates.get(number)
        if gate is None:
            return {"found": False}
        session = self._engine.sessions[gate.session]
        if session is not None:
            session.locate(gate)
        shown = shown_gate(gate)
        if session is not None:
            self._engine.close(session, [gate], time.time())
        return {"found": True, "gate": shown}

    def _on_entered(self, request: Message) -> Message:
        """The indices of the interfaces where sessions entered, by slot; those that are not here are left out."""
        found = ((slot, self._engine.session(slot)) for slot in request["slots"])
        return {"entered": [[slot, session.control.incoming] for slot, session in found if session is not None]}

    def _on_end_session(self, request: Message) -> Message:
        """Close a session's gates and delete its conntrack entry: both ends are reset with their next segment."""
        session = self._engine.session(int(request["slot"]))
        gates = len(session.gates) if session is not None else 0
        if session is not None:
            self._engine.abandon(session, time.time())
        return {"found": session is not None, "gates": gates}

    def _on_reopen(self, _: Message) -> None:
        """Write the open gates into a gates table that was made anew. Raises DataplaneError."""
        used = {
            (entry.translation.original.source.address, entry.translation.original.destination)
            for entry in self._kernel.conntrack.data_sessions()
        }
        self._locate()
        gates = [
            gate for gate in self._keeper.gates.values() if not (gate.one_shot and (gate.peer, gate.outside) in used)
        ]
        for start in range(0, len(gates), REOPENED):
            if not self._kernel.exchange(gates[start : start + REOPENED], (), time.time()):
                raise DataplaneError("gates", "the kernel does not take them again")

    def _on_stop(self, _: Message) -> Message:
        """End in order, with what waits in the queue answered first; how much the next worker has to take up."""
        if self._queue is not None:
            self._queue.drain()
            while (packet := self._beginnings.take(time.time())) is not None:
                self._handle(packet, time.time())
        self._running = False
        return self._used()


def _outside(original: Any) -> tuple[bytes, int, int]:
    return original.destination.address, original.protocol, original.destination.port


def run_worker(process: WorkerProcess) -> None:
    """The body of a forked worker; never returns."""
    status = 1
    try:
        die_with_parent()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        process.run()
        status = 0
    except Exception:
        log.exception("worker ends")
    finally:
        os._exit(status)
