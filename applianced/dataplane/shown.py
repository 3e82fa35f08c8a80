"""Gates and sessions of a worker as the agent is told of them."""

from __future__ import annotations

from typing import Any

from applianced.dataplane.channel import Message
from applianced.engine.sessions import Session
from applianced.model.gates import Gate
from applianced.model.media import ControlGate, MediaGate
from applianced.model.tuples import PROTOCOL_NAMES, Endpoint, text


def _endpoint(endpoint: Endpoint) -> list[Any]:
    return [text(endpoint.address), endpoint.port]


def shown_session(session: Session) -> Message:
    """A control session."""
    flow = session.control.tuple
    return {
        "id": session.slot,
        "alg": session.descriptor.name,
        "protocol": PROTOCOL_NAMES[flow.protocol],
        "source": _endpoint(flow.source),
        "destination": _endpoint(flow.destination),
        "created": session.created_s,
        "last": session.last_s,
        "mark": session.base_mark,
        "untouched": session.untouched,
        "gates": len(session.gates),
        "messages": session.messages,
        "rewrites": session.rewrites,
    }


def shown_gate(gate: Gate) -> Message:
    """A gate of any kind: \"ways\" are those of model.gates."""
    return {
        "number": gate.number,
        "alg": gate.alg,
        "session": gate.session,
        "protocol": gate.protocol,
        "kind": _kind(gate),
        "peer": _host(gate.peer),
        "ways": [[_host(peer), _endpoint(outside), _endpoint(inside)] for peer, outside, inside in gate.ways],
        "inside": _endpoint(gate.inside),
        "outside": _endpoint(gate.outside),
        "one-shot": gate.one_shot,
        "reason": gate.reason,
        "created": gate.created_s,
        "expires": gate.expires_s,
        "closed": gate.closed_s,
        "used": gate.used_s,
        "packets": gate.packets,
        "octets": gate.octets,
        **(_medium(gate) if isinstance(gate, MediaGate) else {}),
    }


def _medium(gate: MediaGate) -> Message:
    far = gate.own[1] if gate.inside == gate.own[0] else gate.own[0]
    # While it is open, its sessions are counted in connection tracking.
    packets = gate.packets if gate.closed_s else 0
    return {"far": None if far is None else _endpoint(far), "idle": gate.idle_s, "packets": packets}


def _host(address: bytes) -> str:
    return text(address) if address else ""


def _kind(gate: Gate) -> str:
    if isinstance(gate, ControlGate):
        return "control"
    return "media" if gate.media else "data"
