"""Gates and sessions under way as lists, a page at a time: the workers' books beside what conntrack knows.

The number under which a control session is shown is its slot, with the worker's number above; a data session has the
kernel's number.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from applianced.compiler.marks import CONTROL, SLOTS
from applianced.dataplane.books import Operation, Place, place_of, plain_entry
from applianced.dataplane.channel import Message, flow_of
from applianced.dataplane.conntrack import Conntrack, Entry
from applianced.dataplane.selection import Prefix
from applianced.dataplane.uses import Uses, with_use
from applianced.dataplane.workers import Worker, Workers
from applianced.errors import DataplaneError
from applianced.model.tuples import PROTOCOL_NAMES, FlowTuple, text

_NUMBERS = {name: number for number, name in PROTOCOL_NAMES.items()}


class Listings:
    """Requests: "alg", "address" (a prefix), "policies" (numbers of those that may have admitted the control session),
    "session" (number of the control session), "after" and "count" (the page); what is absent does not filter."""

    def __init__(self, conntrack: Conntrack, workers: Workers) -> None:
        self._conntrack = conntrack
        self._workers = workers

    @property
    def operations(self) -> Mapping[str, Operation]:
        """Operations by name."""
        return {
            "gates": self._gates,
            "sessions": self._sessions,
            "data-sessions": self._data_sessions,
            "alg-lists": self._alg_lists,
        }

    def _gates(self, request: Message) -> Message:
        """A page of gates; "state": open, closed or all.

        A worker that does not answer is being replaced; what the others know is worth more than an error."""
        places = self._places(request)
        answers = self._workers.tell_each(
            lambda worker: {**_plain(request), "op": "gates", "slots": _slots(places, worker)}
        )
        found = _merged(answers, request, lambda entry: int(entry["number"]))
        with_use(found["entries"], self._conntrack.data_sessions())
        return found

    def _sessions(self, request: Message) -> Message:
        """A page of control sessions, with what conntrack has of them."""
        places = self._places(request)
        after = int(request.get("after", -1))

        def asked(worker: Worker) -> Message:
            behind = after - worker.number * SLOTS
            return {**_plain(request), "op": "sessions", "slots": _slots(places, worker), "after": behind}

        found = _merged(
            self._workers.tell_each(asked), request, lambda entry: entry["worker"] * SLOTS + int(entry["id"])
        )
        self._add_tracked(found["entries"])
        return found

    def _add_tracked(self, sessions: Sequence[Message]) -> None:
        """Enter into control sessions what conntrack has of them; nothing into those that are over there."""
        entries = [self._conntrack.lookup(_tuple(session)) for session in sessions]
        by_place: dict[Place, Entry] = {}
        if None in entries:
            # Where both ends are translated only the mark tells: one walk through the table for all of these.
            by_place = {place_of(entry.mark): entry for entry in self._conntrack.marked(CONTROL, CONTROL)}
        for session, looked_up in zip(sessions, entries, strict=True):
            entry = looked_up or by_place.get(Place(session["id"], session["worker"]))
            if entry is not None:
                # The slot, by which the list goes, and not the kernel's number.
                session |= {**plain_entry(entry), "id": session["id"]}

    def _data_sessions(self, request: Message) -> Message:
        """A page of data sessions, each with its gate where the books still have that. "gate": only those of it."""
        address = request.get("address")
        prefix = Prefix.of(address) if address else None
        data = [entry for entry in self._conntrack.data_sessions() if prefix is None or _here(prefix, entry)]
        data.sort(key=lambda entry: entry.id)
        by_owner = any(request.get(name) not in (None, "") for name in ("alg", "policies", "session", "gate"))
        owners: Mapping[int, Message] = {}
        if by_owner:
            owners = self._owners(data)
            places = self._places(request)
            data = [entry for entry in data if _owned(owners.get(entry.id), request, places)]
        after, count = int(request.get("after", -1)), int(request.get("count", len(data)))
        behind = [entry for entry in data if entry.id > after]
        shown = behind[:count]
        if not by_owner:
            owners = self._owners(shown)
        entries = [{**plain_entry(entry), "gate": owners.get(entry.id)} for entry in shown]
        return {"entries": entries, "matched": len(data), "more": len(behind) > count}

    def _alg_lists(self, request: Message) -> Message:
        """A page of what the sessions of an ALG know together, of one worker ("worker"): "entries", each with the name
        of its list, and whether there is "more" of this worker; "workers": how many there are. A worker that does not
        run has none."""
        number = int(request["worker"])
        found: Message = {"entries": [], "more": False}
        for worker in self._workers.running():
            if worker.number == number:
                asked: Message = {name: request[name] for name in ("alg", "after", "count") if name in request}
                with contextlib.suppress(DataplaneError):
                    found = self._workers.tell(worker, {"op": "alg-lists", **asked})
        return {"entries": found["entries"], "more": found["more"], "workers": len(self._workers)}

    def _owners(self, data: Sequence[Entry]) -> Mapping[int, Message]:
        """Number of a data session -> its gate."""
        if not data:
            return {}
        request = {"op": "admitting", "flows": [_flow(entry) for entry in data]}
        gates = [
            {**gate, "worker": worker.number}
            for worker, answer in self._workers.tell_all(request)
            for gate in answer["gates"]
        ]
        return {entry.id: gate for entry, gate in Uses(gates).of(data)}

    def _places(self, request: Message) -> set[Place] | None:
        """Where the control sessions are that a request is about; None when it is about all."""
        session, policies = request.get("session"), request.get("policies")
        places: set[Place] | None = None
        if session is not None:
            worker, slot = divmod(int(session), SLOTS)
            places = {Place(slot, worker)}
        if policies is not None:
            among = set(policies)
            controls = self._conntrack.marked(CONTROL, CONTROL)
            admitted = {place_of(entry.mark) for entry in controls if entry.policy in among}
            places = admitted if places is None else places & admitted
        return places


def _plain(request: Message) -> Message:
    """What a worker is told of a request, beside whose gates or sessions."""
    return {name: request[name] for name in ("alg", "address", "state", "after", "count") if name in request}


def _slots(places: set[Place] | None, worker: Worker) -> list[int] | None:
    return None if places is None else [place.slot for place in places if place.worker == worker.number]


def _merged(answers: Sequence[tuple[Worker, Message]], request: Message, number: Callable[[Message], int]) -> Message:
    """The page of all workers, from the pages of each."""
    entries = [{**entry, "worker": worker.number} for worker, answer in answers for entry in answer["entries"]]
    entries.sort(key=number)
    beyond = sum(answer["beyond"] for _, answer in answers)
    shown = entries[: int(request.get("count", len(entries)))]
    return {"entries": shown, "matched": sum(a["matched"] for _, a in answers), "more": beyond > len(shown)}


def _tuple(session: Message) -> FlowTuple:
    """The tuple of a control session, as its worker describes it."""
    return flow_of([_NUMBERS[session["protocol"]], *session["source"], *session["destination"]])


def _here(prefix: Prefix, entry: Entry) -> bool:
    flows = (entry.translation.original, entry.translation.reply)
    return any(prefix.holds(end.address) for flow in flows for end in (flow.source, flow.destination))


def _owned(gate: Message | None, request: Message, places: set[Place] | None) -> bool:
    """Whether a data session with this gate is asked for."""
    return (
        gate is not None
        and request.get("alg") in (None, "", gate["alg"])
        and request.get("gate") in (None, gate["number"])
        and (places is None or Place(gate["session"], gate["worker"]) in places)
    )


def _flow(entry: Entry) -> list[Any]:
    original, reply = entry.translation.original, entry.translation.reply
    sent, arrived = original.destination, reply.source
    return [text(original.source.address), text(sent.address), sent.port, text(arrived.address), arrived.port]
