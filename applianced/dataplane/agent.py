"""The dataplane agent: owns the kernel's side of a namespace and answers management over a UNIX socket.

    watchdog --fork--> agent --fork--> worker 0, worker 1, ...
                         |  socketpair to each worker: settings in two steps, state, events
                         +- UNIX socket: management (checked by its peer credentials)

It has CAP_NET_ADMIN and CAP_NET_RAW and nothing else. It keeps the last plan that was applied, so forwarding and ALGs
go on while management restarts. A worker that dies is forked again, with back-off, and takes up the sessions that its
predecessor left in shared memory; an agent that dies is forked again by the watchdog and adopts the kernel's tables; an
agent whose watchdog dies leaves everything in place and becomes the watchdog of the next one.

Workers are forked, not executed: they need no right to any file. For that reason the agent has no threads.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import socket
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import partial
from pathlib import Path
from struct import Struct

from applianced import __version__
from applianced.alg.contract import Descriptor
from applianced.compiler.marks import CONTROL, DATA, GATES_TABLE, POLICY_TABLE
from applianced.dataplane import nft
from applianced.dataplane.alglog import AlgLog
from applianced.dataplane.books import Books, Operation
from applianced.dataplane.channel import FOLLOW, Decoder, Message, arrived, encode
from applianced.dataplane.conntrack import Conntrack
from applianced.dataplane.eventlog import EventLog
from applianced.dataplane.fastpath import FastPath, Wanted
from applianced.dataplane.interfaces import Interfaces
from applianced.dataplane.listings import Listings
from applianced.dataplane.memory import Memory
from applianced.dataplane.netlink import Netlink
from applianced.dataplane.sessionlog import SessionLog
from applianced.dataplane.supplies import Supplies
from applianced.dataplane.sysctls import Sysctls
from applianced.dataplane.tables import Tables
from applianced.dataplane.upkeep import Upkeep
from applianced.dataplane.worker import WorkerProcess, run_worker
from applianced.dataplane.worker_settings import settings_of, traced
from applianced.dataplane.workers import Worker, Workers
from applianced.errors import DataplaneError

CALL_S = 5.0
"""Management that does not take an answer for so long is let go of."""

STOPPING = frozenset({signal.SIGTERM, signal.SIGINT})
"""Signals that shut the dataplane down."""

_CREDENTIALS = Struct("=iII")
log = logging.getLogger("applianced.agent")


class Ending(Enum):
    """Why an agent has ended."""

    SHUT_DOWN = "everything made here is removed"
    ORPHANED = "the watchdog is gone; everything is in place for the next agent"


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
        lifeline: int,
        lock: socket.socket,
        queue_file: int,
    ) -> None:
        """lifeline: a descriptor that is at its end as soon as the watchdog is gone. lock: held for the namespace.
        queue_file: of depths.open_depths()."""
        self._lock = lock
        self._queue_file = queue_file
        self._listener = listener
        self._lifeline = lifeline
        self._memory = list(memory)
        self._descriptors = descriptors
        self._management_uid = management_uid
        self._namespace = namespace
        self._netlink = Netlink()
        self._conntrack = Conntrack(self._netlink)
        self._sysctls = Sysctls(state_dir)
        self._interfaces = Interfaces(state_dir)
        self._events = EventLog(state_dir)
        self._selector = selectors.DefaultSelector()
        self._algs = AlgLog(self._events, self._conntrack)
        self._sessions = SessionLog(self._events, self._conntrack, self._selector)
        self._clients: dict[socket.socket, Decoder] = {}
        self._workers = Workers(
            len(memory), become=self._become_worker, hear=self._algs.take, selector=self._selector, events=self._events
        )
        self._tables = Tables(self._netlink, self._workers, self._events)
        self._fast_path = FastPath(self._netlink, self._conntrack)
        self._books = Books(self._conntrack, self._workers, [each.counters() for each in memory], self._fast_path)
        self._supplies = Supplies(self._workers, queue_file)
        upkeep = Upkeep(
            self._conntrack,
            self._workers,
            state_dir,
            lambda: self._applied,
            lambda: map(self._settings, self._prepared.values()),
        )
        self._operations: dict[str, Operation] = {
            "hello": self._hello,
            "prepare": self._prepare,
            "apply": self._apply,
            "verify": self._verify,
            "revert": self._revert,
            "abort": self._abort,
            "finish": self._finish,
            "shutdown": self._shutdown,
            FOLLOW: lambda _: None,
            **self._books.operations,
            **Listings(self._conntrack, self._workers).operations,
            **self._supplies.operations,
            **self._fast_path.operations,
            **upkeep.operations,
        }
        self._applied: Message | None = None
        self._before: Message | None = None
        self._prepared: dict[int, Message] = {}
        self._generation = 0
        self._ending: Ending | None = None
        self._wakers: tuple[socket.socket, ...] = ()

    # ----- life

    def run(self) -> Ending:
        """Until told to shut down, by management or by SIGTERM, or until the watchdog is gone.

        STOPPING may be blocked when this is called, and is when this returns.
        """
        self._wake_on_signals()
        self._sysctls.take()
        self._interfaces.take(after_crash=nft.has_table(GATES_TABLE))
        nft.make_gates_table(self._netlink)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._lifeline, selectors.EVENT_READ, partial(self._end, Ending.ORPHANED))
        self._restore()
        while self._ending is None:
            for key, _ in self._selector.select(self._workers.pause()):
                key.data()
            self._sessions.tick()
            self._events.feed.tick()
            self._workers.reap()
            self._tables.tick(self._applied)
            self._supplies.tick()
            self._fast_path.tick()
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        if self._ending is Ending.ORPHANED:
            self._step_back()
        else:
            self._remove()
        return self._ending

    def _wake_on_signals(self) -> None:
        self._wakers = woken, wake = socket.socketpair()
        for end in self._wakers:
            end.setblocking(False)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        for number in STOPPING:
            signal.signal(number, lambda *_: self._end(Ending.SHUT_DOWN))
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        self._selector.register(woken, selectors.EVENT_READ, partial(arrived, woken))

    def _end(self, ending: Ending) -> None:
        """End when what is at hand is done. To shut down outweighs the rest."""
        if self._ending is not Ending.SHUT_DOWN:
            self._ending = ending

    def _restore(self) -> None:
        """After another agent's end: the plan that was in force is in a file, and in the kernel."""
        plan = self._sysctls.kept_plan() if nft.has_table(POLICY_TABLE) else None
        if plan is not None:
            self._in_force(plan)
            self._before = self._sysctls.kept_plan_before()
            self._generation = int(plan["generation"])
            self._log_as(plan)
            self._fast_path.take(plan)
            self._workers.start()

    def _remove(self) -> None:
        """Nothing that was made here is left."""
        self._workers.end()
        self._fast_path.take(None)
        with contextlib.suppress(DataplaneError):
            nft.remove_tables()
        ours = [*self._conntrack.marked(CONTROL, CONTROL), *self._conntrack.marked(DATA, DATA)]
        self._fast_path.end(ours)
        self._interfaces.release()
        self._sysctls.release()
        self._events.close()

    def _step_back(self) -> None:
        """This process is an agent no longer; kernel and files stay as they are."""
        self._workers.end()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._let_go()

    def _become_worker(self, number: int, control: socket.socket) -> None:
        """In the child: keep only the control socket; never returns."""
        signal.set_wakeup_fd(-1)
        self._let_go()
        self._listener.close()
        self._lock.close()
        os.close(self._lifeline)
        if self._queue_file >= 0:
            os.close(self._queue_file)
        memory = self._memory[number]
        memory.make_ready()
        run_worker(
            WorkerProcess(
                number,
                len(self._memory),
                self._descriptors,
                control=control,
                counters=memory.counters(),
                checkpoint=memory.checkpoint(),
                ledger=memory.ledger(),
                board=memory.board(),
                others=[other.board() for place, other in enumerate(self._memory) if place != number],
            )
        )

    def _let_go(self) -> None:
        """Close what an agent has open, besides what it was started with and its workers' sockets."""
        for each in (*self._clients, *self._wakers):
            each.close()
        self._selector.close()
        self._events.close()
        self._sessions.abandon()
        self._fast_path.close()
        self._netlink.close()

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
        self._selector.register(client, selectors.EVENT_READ, partial(self._readable, client))

    def _readable(self, client: socket.socket) -> None:
        octets = arrived(client)
        if octets is None:
            return
        if not octets:
            self._forget(client)
            return
        try:
            for request in self._clients[client].feed(octets):
                client.sendall(encode(self._answer(request)))
                if request.get("op") == FOLLOW:
                    self._events.feed.follow(client)
        except (OSError, DataplaneError, ValueError) as error:
            log.warning("management connection: %s", error)
            self._forget(client)

    def _forget(self, client: socket.socket) -> None:
        self._selector.unregister(client)
        del self._clients[client]
        self._events.feed.forget(client)
        client.close()

    def _answer(self, request: Message) -> Message:
        name = str(request.get("op"))
        operation = self._operations.get(name)
        if operation is None:
            return {"ok": False, "what": name, "detail": "unknown operation"}
        try:
            answer = operation(request)
        except DataplaneError as error:
            return {"ok": False, "what": error.what, "detail": error.detail, "path": error.path}
        except Exception as error:
            log.exception("operation %s", name)
            return {"ok": False, "what": name, "detail": repr(error)}
        return {"ok": True, **(answer or {})}

    def _hello(self, _: Message) -> Message:
        return {
            "version": __version__,
            "namespace": self._namespace,
            "workers": len(self._workers),
            "generation": self._generation,
            "configured": self._applied is not None,
        }

    def _shutdown(self, _: Message) -> None:
        self._end(Ending.SHUT_DOWN)

    # ----- commit

    def _prepare(self, request: Message) -> Message:
        """Check a plan with the kernel and give it to the workers; nothing changes yet."""
        plan = request["plan"]
        generation = self._generation + 1 + len(self._prepared)
        prepared = {**plan, "generation": generation}
        self._tables.mend(self._applied)
        if not nft.holds(self._netlink, plan, self._applied):
            nft.check(plan["ruleset"])
        self._interfaces.check(plan["interfaces"])
        self._sysctls.stage_plan(prepared)
        done: list[Worker] = []
        try:
            for worker in self._workers.running():
                self._workers.tell(worker, {"op": "prepare", **self._settings(prepared)})
                done.append(worker)
        except DataplaneError:
            self._forget_generation(done, generation)
            raise
        self._prepared[generation] = prepared
        return {"generation": generation}

    def _settings(self, plan: Message) -> Message:
        """What a worker is told of a plan. Raises DataplaneError."""
        return settings_of(plan, self._interfaces.own_addresses())

    def _apply(self, request: Message) -> None:
        """Put a prepared plan in force: one nft transaction, then the workers' switch."""
        generation = int(request["generation"])
        plan = self._prepared[generation]
        # First, so that an agent that comes after a death in here knows what may be half in force.
        self._sysctls.keep_plan()
        try:
            # Each run of nft takes some 20 ms, whatever it has to do.
            if not nft.holds(self._netlink, plan, self._applied):
                nft.load(plan["ruleset"])
        except DataplaneError:
            self._sysctls.keep_plan_before()
            raise
        del self._prepared[generation]
        self._before = self._applied
        try:
            self._take(plan)
        except Exception as error:
            try:
                self._revert({})
            except DataplaneError as second:
                raise DataplaneError("apply", f"{error}; and putting the old state back: {second}") from error
            raise

    def _take(self, plan: Message) -> None:
        """A plan whose ruleset is loaded becomes the applied one."""
        self._in_force(plan)
        self._generation = max(self._generation, int(plan["generation"]))
        self._interfaces.apply(plan["interfaces"])
        self._sysctls.timeouts(plan["flow"], Wanted.of(plan).silent_s)
        self._fast_path.take(plan)
        self._log_as(plan)
        for worker in self._workers.running():
            self._workers.tell(worker, {"op": "switch", "generation": plan["generation"]})
        self._workers.start()

    def _in_force(self, plan: Message | None) -> None:
        """Workers forked from here on work by this plan."""
        self._applied = plan
        self._workers.settings = partial(self._settings, plan) if plan is not None else None

    def _log_as(self, plan: Message) -> None:
        """Logs and traces as a plan has them. Raises DataplaneError."""
        self._events.configure(plan["log"], plan["trace"], traced(plan), plan.get("notified"))
        self._algs.configure(plan)
        self._sessions.configure(plan)

    def _verify(self, _: Message) -> None:
        """Every chain of the plan is in the kernel with its rules, and every worker runs."""
        assert self._applied is not None
        nft.verify_chains(self._netlink, self._applied["chains"])
        if missing := self._workers.missing():
            raise DataplaneError("verify", f"workers {missing} do not run")

    def _revert(self, _: Message) -> None:
        """The plan before the last apply again."""
        before, self._before = self._before, None
        self._sysctls.keep_plan_before()
        if before is None:
            nft.load(f"table inet {POLICY_TABLE} {{ }}\ndelete table inet {POLICY_TABLE}\n")
            self._fast_path.take(None)
            self._in_force(None)
            return
        nft.load(before["ruleset"])
        plan = {**before, "generation": self._generation + 1}
        for worker in self._workers.running():
            # One that fails is gone, and the one after it starts with this plan.
            with contextlib.suppress(DataplaneError):
                self._workers.tell(worker, {"op": "prepare", **self._settings(plan)})
        self._take(plan)

    def _abort(self, request: Message) -> None:
        """A generation is not to come into force; one that did when an agent died in its midst is taken back."""
        generation = int(request["generation"])
        if self._prepared.pop(generation, None) is not None:
            self._forget_generation(self._workers.running(), generation)
        elif self._applied is not None and self._applied["generation"] == generation and self._before is not None:
            self._revert(request)

    def _forget_generation(self, workers: Sequence[Worker], generation: int) -> None:
        for worker in workers:
            with contextlib.suppress(DataplaneError):
                self._workers.tell(worker, {"op": "abort", "generation": generation})

    def _finish(self, _: Message) -> None:
        """There is no way back from the last apply any more."""
        self._before = None
        self._sysctls.forget_plan_before()
