"""What a worker tells the agent about its sessions: what a stream or the trace wants, and so much a second."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from applianced.dataplane.channel import Message, plain_flow
from applianced.dataplane.coupling import Coupling
from applianced.dataplane.eventlog import KINDS, traces
from applianced.engine.sessions import Session
from applianced.model.gates import Gate
from applianced.model.tuples import ESP, Direction, text

EVENTS_PER_TICK = 200
"""Events told to the agent per second; the rest is counted as lost, and is in the counters."""


class EventReporter:
    """engine.reporter.Reporter: collects events until `take`, and lets `coupling` know of gates."""

    def __init__(self, coupling: Coupling) -> None:
        self._coupling = coupling
        self._events: list[Message] = []
        self._lost = 0
        self._heard: frozenset[str] = frozenset()
        """Kinds of events that somebody hears of, whichever ALG they are of."""
        self._traced: dict[str, frozenset[str]] = {}
        self._few = True
        """Nobody hears of what the ALGs note in passing, nor of what they rewrite."""

    def configure(self, *, streamed: bool, traced: Mapping[str, str], notified: Collection[str] = ()) -> None:
        """streamed: a syslog stream takes ALG events. traced: ALGs that are traced -> one of LEVELS. notified: kinds of
        events that management is told of."""
        self._heard = frozenset(notified) | {kind for kind in KINDS if streamed and KINDS[kind].streamed}
        self._traced = {alg: frozenset(kind for kind in KINDS if traces(kind, level)) for alg, level in traced.items()}
        self._few = not self._traced and self._heard.isdisjoint(("noted", "rewritten"))

    def take(self) -> Message | None:
        """What was collected, with how many were left out; None when there is nothing to tell."""
        if not self._events and not self._lost:
            return None
        events, self._events = self._events, []
        lost, self._lost = self._lost, 0
        return {"events": events, "lost": lost}

    def noted(self, session: Session, event: str, detail: str) -> None:
        descriptor = session.descriptor
        if self._few and event in descriptor.events and event not in descriptor.violations:
            return
        # What is not the ALG's own is the engine's word that a session could not go on.
        fault = event in descriptor.violations or event not in descriptor.events
        kind = "violation" if fault else "noted"
        if self._wanted(kind, session):
            self._add(kind, session, event=event, description=descriptor.events.get(event, ""), detail=detail)

    def rewritten(self, session: Session, direction: Direction, before: bytes, after: bytes) -> None:
        if not self._few and self._wanted("rewritten", session):
            shown = {name: each.decode("ascii", "backslashreplace") for name, each in
                     (("before", before), ("after", after))}  # fmt: skip
            self._add("rewritten", session, direction=direction.name.lower(), **shown)

    def gate_opened(self, session: Session, gate: Gate) -> None:
        self._coupling.opened(session, gate)
        if self._wanted("gate-opened", session):
            self._add("gate-opened", session, **_gate(gate))

    def gate_closed(self, session: Session, gate: Gate) -> None:
        if self._wanted("gate-closed", session):
            self._add("gate-closed", session, **_gate(gate))

    def gate_refused(self, session: Session, reason: str) -> None:
        if self._wanted("gate-refused", session):
            self._add("gate-refused", session, reason=reason)

    def _wanted(self, kind: str, session: Session) -> bool:
        if kind in self._heard:
            return True
        return bool(self._traced) and kind in self._traced.get(session.descriptor.name, ())

    def _add(self, kind: str, session: Session, **more: Any) -> None:
        if len(self._events) >= EVENTS_PER_TICK:
            self._lost += 1
            return
        self._events.append(
            {
                "event": kind,
                "time": session.last_s,
                "alg": session.descriptor.name,
                "flow": plain_flow(session.control.tuple),
                "more": more,
            }
        )


def _gate(gate: Gate) -> dict[str, Any]:
    return {
        "gate": gate.number,
        "reason": gate.reason,
        "gate-protocol-id": gate.protocol,
        "peer-address": text(gate.peer) if gate.peer else "any",
        "inside-address": text(gate.inside.address),
        "outside-address": text(gate.outside.address),
        **_ports(gate),
    }


def _ports(gate: Gate) -> dict[str, Any]:
    if gate.protocol == ESP:
        return {"spi": gate.inside.port} if gate.inside.port else {}
    return {"inside-port": gate.inside.port, "outside-port": gate.outside.port}
