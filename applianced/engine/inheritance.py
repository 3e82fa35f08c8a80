"""What a worker before this one has left in the ledger: shared knowledge, gates kept apart, held bindings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from applianced.engine.bindings import Held
from applianced.engine.gatekeeper import GateKeeper
from applianced.engine.ledger import Ledger
from applianced.model.gates import Gate
from applianced.model.media import MediaGate, gate_of

if TYPE_CHECKING:
    from applianced.engine.sessions import Session


class Inheritance(NamedTuple):
    """shared: ALG -> what its sessions knew together."""

    shared: dict[str, dict[str, tuple[Any, ...]]]
    gates: list[Gate]
    struck: list[Gate]
    """Those that the worker could not close."""
    bindings: list[Held]

    def hand_out(self, find: Callable[[int], Session | None], keeper: GateKeeper, now: float) -> None:
        """Give gates and bindings to the sessions that they belong to; what belongs to nobody any more is closed."""
        if self.bindings:
            keeper.bindings.begin()
        for held in self.bindings:
            session = find(held.session)
            if session is None:
                keeper.bindings.forget(held)
                continue
            keeper.bindings.adopt(held)
            session.held[held.protocol, held.inside] = held
        for gate in (*self.gates, *self.struck):
            keeper.kernel.adopt(gate)
        for gate in self._owned(find, keeper, now):
            if isinstance(gate, MediaGate):
                gate.entered_s = now - gate.entered_for_s  # nobody knows when it was
                gate.heard(now)
            keeper.adopt(gate)

    def _owned(self, find: Callable[[int], Session | None], keeper: GateKeeper, now: float) -> Iterable[Gate]:
        lost = list(self.struck)
        for gate in self.gates:
            session = find(gate.session)
            if session is None or session.descriptor.name != gate.alg:
                lost.append(gate)
                continue
            session.gates[gate.number] = gate
            yield gate
        keeper.shut(lost, now)


def inherit(ledger: Ledger) -> Inheritance:
    """Read a ledger."""
    found = Inheritance({}, [], [], [])
    for (kind, *rest), values in ledger.load().items():
        if kind == "shared":
            name, key = rest
            found.shared.setdefault(name, {})[key] = values
        elif kind == "gate":
            found.gates.append(gate_of(values))
        elif kind == "struck":
            found.struck.append(gate_of(values))
        elif kind == "binding":
            found.bindings.append(Held.of(values))
    return found
