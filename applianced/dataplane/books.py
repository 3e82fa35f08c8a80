"""The agent's books: what is under way, from conntrack, the workers and the counters; and ending what must not go on.

A control session is known by slot and worker, which its ct mark holds; a data session by its tuple alone, and belongs
to the gate that it came through.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from applianced.compiler.marks import ALG_MASK, CONTROL, QUEUE_MASK, QUEUE_SHIFT, SLOT_SHIFT, SLOTS
from applianced.dataplane import nft
from applianced.dataplane.channel import Message, flow_of, plain_flow
from applianced.dataplane.conntrack import Conntrack, Entry
from applianced.dataplane.uses import Uses
from applianced.dataplane.workers import Workers
from applianced.engine.counters import Counters
from applianced.errors import DataplaneError
from applianced.model.tuples import PROTOCOL_NAMES, FlowTuple, text

Operation = Callable[[Message], Message | None]
"""A request of management; what its answer holds beside "ok". Raises DataplaneError when it is refused."""

log = logging.getLogger("applianced.agent")


class SessionEnder(Protocol):
    """Who ends sessions, whatever the kernel does with them; see fastpath.py."""

    def end(self, entries: Sequence[Entry]) -> list[bool]:
        """Delete sessions; of each, whether it was there."""
        ...

    def renew(self) -> None:
        """Every session meets the rules again."""
        ...


class Place(NamedTuple):
    """Where a control session is kept."""

    slot: int
    worker: int


class Books:
    """Operations of management that end sessions and gates, on counters, and on the sessions of policies."""

    def __init__(
        self, conntrack: Conntrack, workers: Workers, counters: Sequence[Counters], ender: SessionEnder
    ) -> None:
        self._conntrack = conntrack
        self._ender = ender
        self._workers = workers
        self._counters = counters

    @property
    def operations(self) -> Mapping[str, Operation]:
        """Operations by name."""
        return {
            "policy-sessions": self._policy_sessions,
            "relabel": self._relabel,
            "end-sessions": self._end_sessions,
            "end-session": self._end_session,
            "end-data-session": self._end_data_session,
            "close-gate": self._close_gate,
            "counters": self._values,
            "clear-counters": self._clear_counters,
            "hits": lambda _: {"hits": _hits()},
        }

    # ----- what is under way

    def _values(self, _: Message) -> Message:
        """Of each worker: ALG -> event -> how often."""
        return {"workers": [counters.values() for counters in self._counters]}

    def _clear_counters(self, request: Message) -> None:
        for counters in self._counters:
            counters.clear(str(request.get("alg", "")))

    def _policy_sessions(self, request: Message) -> Message:
        """The sessions that these policies (by number) admitted: the number, the tuple as conntrack names it, and the
        one in the forward path."""
        policies = set(request["policies"])
        found = [entry for entry in self._conntrack.marked(0, 0) if entry.policy in policies]
        return {"sessions": [_of_policy(entry) for entry in found]}

    def _relabel(self, request: Message) -> None:
        """Sessions, by their original tuples, that another policy admits from now on."""
        for plain in request["originals"]:
            self._conntrack.relabel(flow_of(plain), int(request["policy"]))
        # Whether they may be offloaded is for the other policy to say.
        self._ender.renew()

    # ----- ends

    def _end_sessions(self, request: Message) -> Message:
        """Delete the sessions that these policies (by number) admitted or ALGs (by number in ct mark) read, those of
        a policy that an ALG read ("silenced", see _silenced), and those with these original tuples; of control sessions
        among them the gates too, and the data sessions that came through those."""
        policies, algs = set(request.get("policies", ())), set(request.get("algs", ()))
        originals = {flow_of(plain) for plain in request.get("originals", ())} | self._silenced(request)
        over = [
            entry
            for entry in self._conntrack.marked(0, 0)
            if entry.policy in policies
            or (entry.mark & CONTROL and entry.mark & ALG_MASK in algs)
            or entry.translation.original in originals
        ]
        controls = {place_of(entry.mark) for entry in over if entry.mark & CONTROL}
        announced = self._announced_by(controls)
        gates = [self._end(place)["gates"] for place in controls]
        # A worker that ends its session has deleted the entry already.
        deleted = self._ender.end((*announced, *over))
        return {
            "control-sessions": len(controls),
            "gates": sum(gates),
            "data-sessions": sum(deleted[: len(announced)]),
            "ended": sum(deleted),
        }

    def _silenced(self, request: Message) -> set[FlowTuple]:
        """The original tuples of the control sessions that an ALG read of a policy and that entered by one of some
        interfaces.

        request: "silenced" has the numbers of ALG and policy and the names of the interfaces, [] for any. A session of
        which nobody knows where it entered is among them.
        """
        asked = {(alg, policy): interfaces for alg, policy, interfaces in request.get("silenced", ())}
        if not asked:
            return set()
        entries = [(entry, (entry.mark & ALG_MASK, entry.policy)) for entry in self._conntrack.marked(CONTROL, CONTROL)]
        entered = self._entered([place_of(entry.mark) for entry, key in entries if asked.get(key)])
        return {
            entry.translation.original
            for entry, key in entries
            if key in asked and (not asked[key] or entered.get(place_of(entry.mark), asked[key][0]) in asked[key])
        }

    def _entered(self, places: Sequence[Place]) -> dict[Place, str]:
        """The interfaces where these control sessions entered, as far as workers know and they are still there."""
        found: dict[Place, str] = {}
        for worker in self._workers.running():
            slots = [place.slot for place in places if place.worker == worker.number]
            if slots:
                with contextlib.suppress(DataplaneError):
                    for slot, index in self._workers.tell(worker, {"op": "entered", "slots": slots})["entered"]:
                        with contextlib.suppress(OSError):
                            found[Place(slot, worker.number)] = socket.if_indextoname(index)
        return found

    def _end_session(self, request: Message) -> Message:
        """End one control session by the number under which it is shown."""
        worker, slot = divmod(int(request["session"]), SLOTS)
        place = Place(slot, worker)
        self._ender.end(self._announced_by({place}))
        return {"found": self._end(place)["found"]}

    def _end(self, place: Place) -> Message:
        """Have a worker end a control session: whether it knew it ("found"), and how many "gates" it had."""
        worker = next((each for each in self._workers.running() if each.number == place.worker), None)
        if worker is None:
            return {"found": False, "gates": 0}
        return self._workers.tell(worker, {"op": "end-session", "slot": place.slot})

    def _end_data_session(self, request: Message) -> Message:
        """End one data session by the kernel's number of it."""
        wanted = int(request["session"])
        found = [entry for entry in self._conntrack.data_sessions() if entry.id == wanted]
        return {"found": any(self._ender.end(found))}

    def _announced_by(self, controls: set[Place]) -> list[Entry]:
        """The data sessions of these control sessions, as far as the books go back."""
        if not controls:
            return []
        gates = []
        for worker in self._workers.running():
            slots = [place.slot for place in controls if place.worker == worker.number]
            if slots:
                with contextlib.suppress(DataplaneError):
                    gates += self._workers.tell(worker, {"op": "gates", "slots": slots, "state": "all"})["entries"]
        return [entry for entry, _ in Uses(gates).of(self._conntrack.data_sessions())]

    def _close_gate(self, request: Message) -> Message:
        """Close one gate by number, whichever worker has it, and end the data sessions that it admitted."""
        for worker in self._workers.running():
            answer = self._workers.tell(worker, request)
            if answer["found"]:
                admitted = [entry for entry, _ in Uses([answer["gate"]]).of(self._conntrack.data_sessions())]
                return {"found": True, "data-sessions": sum(self._ender.end(admitted))}
        return {"found": False}


def _hits() -> dict[str, list[int]]:
    """Packets and octets by named counter of the policy table; none before the first plan."""
    try:
        return nft.counters()
    except DataplaneError:
        return {}


def place_of(mark: int) -> Place:
    """Where the control session with this ct mark is kept."""
    return Place(mark >> SLOT_SHIFT, (mark & QUEUE_MASK) >> QUEUE_SHIFT)


def _of_policy(entry: Entry) -> list[Any]:
    original, reply = entry.translation.original, entry.translation.reply
    forwarded = FlowTuple(original.protocol, original.source, reply.source)
    return [entry.policy, plain_flow(original), plain_flow(forwarded)]


def _endpoints(flow: FlowTuple) -> Message:
    return {
        "source": [text(flow.source.address), flow.source.port],
        "destination": [text(flow.destination.address), flow.destination.port],
    }


def plain_entry(entry: Entry) -> Message:
    """A session as connection tracking has it, for a message."""
    return {
        "id": entry.id,
        "protocol": PROTOCOL_NAMES.get(entry.translation.original.protocol, ""),
        "original": _endpoints(entry.translation.original),
        "reply": _endpoints(entry.translation.reply),
        "policy": entry.policy,
        "state": entry.state,
        "packets": entry.packets,
        "octets": entry.octets,
        "timeout": entry.timeout_s,
        "started": entry.started_s,
        "offloaded": entry.offloaded,
    }
