"""The agent's books: what is under way, from conntrack, the workers and the counters; and ending what must not go on.

A control session is known by slot and worker, which its ct mark holds; a data session by its tuple alone, and belongs
to the gate that it came through.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

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


class Place(NamedTuple):
    """Where a control session is kept."""

    slot: int
    worker: int


class Books:
    """Operations of management on sessions, gates and counters."""

    def __init__(self, conntrack: Conntrack, workers: Workers, counters: Sequence[Counters]) -> None:
        self._conntrack = conntrack
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
            "close-gate": self._close_gate,
            "clear-counters": self._clear_counters,
        }

    # ----- what is under way

    def state(self, request: Message) -> Message:
        """Sessions, gates (with "recent" also those lately closed), counters and hits; one look at conntrack."""
        controls = {_place(entry.mark): entry for entry in self._conntrack.marked(CONTROL, CONTROL)}
        data = self._conntrack.data_sessions()
        uses = Uses(data)
        sessions: list[Message] = []
        gates: list[Message] = []
        # One that does not answer is being replaced; what the others know is worth more than an error.
        for worker, state in self._workers.tell_all({"op": "state", "recent": bool(request.get("recent"))}):
            for session in state["sessions"]:
                entry = controls.get(Place(session["id"], worker.number))
                sessions.append({**session, **(_entry(entry) if entry else {}), "worker": worker.number})
            gates += [uses.of({**gate, "worker": worker.number}) for gate in state["gates"]]
        return {
            "sessions": sessions,
            "gates": gates,
            "data-sessions": [_entry(entry) for entry in data],
            "counters": self._sums(),
            "hits": _hits(),
        }

    def _sums(self) -> dict[str, dict[str, int]]:
        """ALG -> event -> how often, over all workers."""
        total: dict[str, dict[str, int]] = {}
        for counters in self._counters:
            for alg, events in counters.values().items():
                sums = total.setdefault(alg, dict.fromkeys(events, 0))
                for event, value in events.items():
                    sums[event] += value
        return total

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

    # ----- ends

    def _end_sessions(self, request: Message) -> Message:
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
        for place in controls:
            self._end(place)
        return {"ended": sum(self._conntrack.delete(entry.translation.original) == 0 for entry in over)}

    def _end_session(self, request: Message) -> Message:
        """End one control session by the number under which it is shown."""
        worker, slot = divmod(int(request["session"]), SLOTS)
        place = Place(slot, worker)
        for entry in self._announced_by({place}):
            self._conntrack.delete(entry.translation.original)
        return {"found": self._end(place)}

    def _end(self, place: Place) -> bool:
        """Have a worker end a control session, with its gates; whether it knew it."""
        worker = next((each for each in self._workers.running() if each.number == place.worker), None)
        if worker is None:
            return False
        return bool(self._workers.tell(worker, {"op": "end-session", "slot": place.slot})["found"])

    def _announced_by(self, controls: set[Place]) -> list[Entry]:
        """The data sessions of these control sessions, as far as the books go back."""
        gates = []
        for worker in self._workers.running():
            with contextlib.suppress(DataplaneError):
                state = self._workers.tell(worker, {"op": "state", "recent": True})
                gates += [gate for gate in state["gates"] if Place(gate["session"], worker.number) in controls]
        data = self._conntrack.data_sessions()
        uses = Uses(data)
        places = {place for gate in gates for place in uses.of(gate)["data"]}
        return [data[place] for place in sorted(places)]

    def _close_gate(self, request: Message) -> Message:
        """Close one gate by number, whichever worker has it."""
        found = any(self._workers.tell(worker, request)["found"] for worker in self._workers.running())
        return {"found": found}


def _hits() -> dict[str, list[int]]:
    """Packets and octets by named counter of the policy table; none before the first plan."""
    try:
        return nft.counters()
    except DataplaneError:
        return {}


def _place(mark: int) -> Place:
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
