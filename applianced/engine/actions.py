"""What the actions that consume nothing do: bindings, gates, notes, and how a session goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from applianced.alg.actions import AwaitAnswer, Bind, CloseGate, HandOver, OpenGate, Over, Refuse, Reply
from applianced.compiler.marks import AWAITED_S
from applianced.engine import keyed, media
from applianced.engine.gatekeeper import LASTING_S
from applianced.model.gates import Gate
from applianced.model.tuples import GRE, ORIGINAL, REPLY, TCP, Direction, Endpoint

if TYPE_CHECKING:
    from applianced.engine.sessions import Session


def bind(session: Session, asked: Bind) -> Endpoint | None:
    """The endpoint to announce; a port of the outside address where NAT stands between."""
    translation = session.known_translation()
    if translation is None:
        session.count("bindings-unknown")
        return None
    speaker, endpoint = asked.speaker, asked.endpoint
    outside = translation.outside(speaker)
    if outside == translation.inside(speaker):
        return endpoint
    control = session.control
    protocol = asked.protocol or control.tuple.protocol
    if endpoint == control.party(speaker) and protocol == control.tuple.protocol and not asked.pair:
        return translation.outside_endpoint(speaker)
    if asked.held or asked.pair:
        return media.hold(session, asked, outside, protocol)
    session.give_unused()
    bound = session.keeper.bind(outside, protocol, session.count, endpoint.port)
    if bound is None:
        session.reporter.gate_refused(session, f"no outside port left for {endpoint}")
        return None
    session.hold_unused(bound, protocol)
    return bound


def open_gate(session: Session, asked: OpenGate) -> int | None:
    """Put a gate into books and kernel; its number."""
    keeper = session.keeper
    inside, outside, lifetime = asked.inside, asked.outside, keeper.limits.lifetime_s
    if asked.any_port:
        if _published(session, asked.speaker):
            # A server that was made reachable on one port must not be opened on every other.
            session.count("gates-refused-any-port")
            return None
        inside = outside = Endpoint(inside.address, 0)
        lifetime = asked.lifetime_s
    if asked.lasting:
        lifetime = LASTING_S
    peer = asked.speaker.opposite
    now = session.last_s
    unused = session.unused
    bound = unused is not None and unused.endpoint == outside
    gate = Gate(
        number=0,
        alg=session.descriptor.name,
        session=session.slot,
        protocol=asked.protocol,
        peer=asked.peer or session.control.party(peer).address,
        inside=inside,
        outside=outside,
        one_shot=asked.one_shot,
        source=b"" if asked.peer else _source(session, peer, asked.protocol),
        reason=asked.reason,
        created_s=now,
        expires_s=now + lifetime,
        bound=bound,
        lasting=asked.lasting,
        account=session.control.party(ORIGINAL).address if asked.lasting else b"",
        offload=_offload(session, asked),
    )
    if not keeper.open(gate, session.closing, len(session.gates), session.count):
        session.reporter.gate_refused(session, asked.reason)
        return None
    if bound:
        session.unused = None
    session.take(gate)
    session.reporter.gate_opened(session, gate)
    return gate.number


def _offload(session: Session, asked: OpenGate) -> bool:
    """Whether the kernel may forward the data session past the rules: not where its worker is to end it, which not
    every kernel does while it is offloaded."""
    if asked.protocol != TCP or not asked.one_shot or asked.any_port or session.keeper.limits.coupled:
        return False
    translation = session.known_translation()
    return translation is not None and translation.offload


def _published(session: Session, speaker: Direction) -> bool:
    """Whether the speaker is a server that the other party reaches by a translated address."""
    translation = session.known_translation()
    if translation is None:
        return True
    return speaker is REPLY and translation.outside(speaker) != translation.inside(speaker)


def _source(session: Session, initiator: Direction, protocol: int) -> bytes:
    """The address a data session must leave from when its initiator is known by another than its own.

    An inside client's own sessions go through source NAT like its control session (address pooling paired); an
    inside server's do not, since only destination or static NAT made it reachable. No NAT rule sees GRE.
    """
    if initiator is ORIGINAL and protocol != GRE:
        return b""
    translation = session.known_translation()
    if translation is None or translation.outside(initiator) == translation.inside(initiator):
        return b""
    return translation.outside(initiator)


def await_answer(session: Session, asked: AwaitAnswer) -> int | None:
    """Enter the gate that the kernel opens when the datagram at hand leaves; its number."""
    keeper, now = session.keeper, session.last_s
    own = session.control.party(ORIGINAL)
    expires_s = now + min(keeper.limits.lifetime_s, AWAITED_S)
    gate = next((gate for gate in session.gates.values() if gate.awaited), None) if session.gates else None
    if gate is not None:
        gate.expires_s, gate.reason = expires_s, asked.reason
        session.count("gates-renewed")
    else:
        gate = Gate(
            number=0,
            alg=session.descriptor.name,
            session=session.slot,
            protocol=session.control.tuple.protocol,
            peer=session.control.party(REPLY).address,
            inside=own,
            outside=own,
            one_shot=True,
            source=b"",
            reason=asked.reason,
            created_s=now,
            expires_s=expires_s,
            awaited=True,
        )
        if not keeper.enter(gate, len(session.gates), session.count):
            session.reporter.gate_refused(session, asked.reason)
            return None
    session.take(gate)
    session.open_awaited()
    session.reporter.gate_opened(session, gate)
    return gate.number


PERFORM: dict[type, Callable[[Any, Any], Reply]] = {
    Bind: bind,
    OpenGate: open_gate,
    AwaitAnswer: await_answer,
    CloseGate: lambda session, action: session.strike(action.gate, over=True),
    HandOver: lambda session, _: session.hand_over(keep_gates=True),
    Refuse: lambda session, _: session.refuse(),
    Over: lambda session, _: session.done(),
    **keyed.PERFORM,
    **media.PERFORM,
}
"""By the type of the action: what it does to the session, and its reply. Those that `Session.drive` does itself are not
among them."""
