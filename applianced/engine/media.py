"""What the actions of protocols with several parties do: held bindings, media both ways, further control sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from applianced.alg.actions import (
    Bind,
    CloseGates,
    Keep,
    Medium,
    OpenControl,
    OpenMedia,
    Reply,
    Resolve,
    Unbind,
)
from applianced.compiler.marks import (
    ALG_NUMBERS,
    DATA,
    DSCP_SET,
    DSCP_SHIFT,
    OPENING,
    SLOT_SHIFT,
    UNEXPECTED,
    UNTOUCHED,
)
from applianced.model.gates import Gate
from applianced.model.media import ControlGate, MediaGate, inside_of
from applianced.model.tuples import ORIGINAL, REPLY, Endpoint

if TYPE_CHECKING:
    from applianced.engine.gatekeeper import GateKeeper
    from applianced.engine.sessions import Session

LEAST_IDLE_S = 1.0
_FRESH = ~(OPENING | UNTOUCHED | -1 << SLOT_SHIFT)


def hold(session: Session, asked: Bind, address: bytes, protocol: int) -> Endpoint | None:
    """A binding that stays: one of this session for the same endpoint, or a new one."""
    known = session.held.get((protocol, asked.endpoint))
    if known is not None and known.pair >= asked.pair:
        return known.outside
    keeper, source = session.keeper, asked.endpoint.address
    if known is None and _holds_enough(keeper, source):
        # One host alone must not take every port of an outside address.
        session.count("bindings-refused-source")
        session.reporter.gate_refused(session, f"too many outside ports are held for {asked.endpoint}")
        return None
    made = keeper.bindings.take(address, protocol, asked.endpoint, pair=asked.pair, session=session.slot)
    if made is None:
        session.count("bindings-refused")
        session.reporter.gate_refused(session, f"no outside port left for {asked.endpoint}")
        return None
    if known is not None:
        session.keeper.bindings.release(known.outside, protocol)
    session.held[protocol, asked.endpoint] = made
    session.count("bindings-held")
    return made.outside


def _holds_enough(keeper: GateKeeper, source: bytes) -> bool:
    limits = keeper.limits
    return keeper.bindings.of_source(source) >= (limits.bindings_per_source or limits.per_source)


def unbind(session: Session, asked: Unbind) -> None:
    """Let go of a binding, whichever session of this ALG holds it."""
    held = session.keeper.bindings.release(asked.outside, asked.protocol)
    if held is not None:
        owner = session.neighbour(held.session)
        if owner is not None:
            owner.held.pop((held.protocol, held.inside), None)


def resolve(session: Session, asked: Resolve) -> Endpoint | None:
    """The endpoint behind an outside one."""
    # Asked for once: where conntrack has lost the session, looking for it walks through all of them.
    translation = session.translation if session.looked_up else session.known_translation()
    if translation is not None and asked.protocol == session.control.tuple.protocol:
        for speaker in (ORIGINAL, REPLY):
            outside, inside = translation.outside_endpoint(speaker), session.control.party(speaker)
            if asked.outside == outside != inside:
                return inside
    return session.keeper.bindings.inside(asked.outside, asked.protocol)


def open_media(session: Session, asked: OpenMedia) -> tuple[int, ...] | None:
    """Put media into books and kernel; their numbers."""
    gates = [_medium(session, asked, medium) for medium in asked.media if _fit(medium)]
    if len(gates) < len(asked.media) or not gates:
        session.count("gates-refused-ends")
        session.reporter.gate_refused(session, asked.reason)
        return None
    own = session.keeper.limits.own_addresses
    if any(end is not None and end.address in own for gate in gates for end in gate.own):
        session.count("gates-refused-self")
        session.reporter.gate_refused(session, asked.reason)
        return None
    if not _entered(session, gates, asked.reason):
        return None
    for gate in gates:
        session.count("media-opened")
        if None in gate.own:
            session.count("gates-any-peer")
    return tuple(gate.number for gate in gates)


def _fit(medium: Medium) -> bool:
    """Whether one end at least is known, and what is known is of one address family."""
    own = [end for end in medium.own if end is not None]
    known = [end for place, end in enumerate(medium.known) if end is not None or medium.own[place] is not None]
    ends = [*own, *known]
    return bool(own) and None not in ends and len({len(end.address) for end in ends if end}) == 1


def _medium(session: Session, asked: OpenMedia, medium: Medium) -> MediaGate:
    side = inside_of(medium.own, medium.known)
    inside, outside, other = medium.own[side], medium.known[side], medium.own[side.opposite]
    assert inside is not None
    assert outside is not None
    now, idle_s = session.last_s, max(LEAST_IDLE_S, asked.idle_s)
    mark = DATA | ALG_NUMBERS[session.descriptor.name]
    if asked.dscp >= 0:
        mark |= DSCP_SET | asked.dscp << DSCP_SHIFT
    return MediaGate(
        number=0,
        alg=session.descriptor.name,
        session=session.slot,
        protocol=asked.protocol,
        peer=other.address if other is not None else b"",
        inside=inside,
        outside=outside,
        one_shot=False,
        source=b"",
        reason=asked.reason,
        created_s=now,
        expires_s=now + idle_s,
        own=medium.own,
        known=medium.known,
        mark=mark | UNEXPECTED,
        idle_s=idle_s,
        learn=asked.learn,
        heard_s=now,
        entered_s=now,
    )


def open_control(session: Session, asked: OpenControl) -> int | None:
    """Put a gate for control sessions of this ALG into books and kernel; its number."""
    now, unused = session.last_s, session.unused
    bound = unused is not None and unused.endpoint == asked.outside
    gate = ControlGate(
        number=0,
        alg=session.descriptor.name,
        session=session.slot,
        protocol=session.control.tuple.protocol,
        peer=session.control.party(asked.speaker.opposite).address if asked.peer == b"" else asked.peer or b"",
        inside=asked.inside,
        outside=asked.outside,
        one_shot=False,
        source=b"",
        reason=asked.reason,
        created_s=now,
        expires_s=now + asked.lifetime_s,
        bound=bound,
        mark=session.base_mark & _FRESH,
    )
    if not _entered(session, [gate], asked.reason):
        return None
    if bound:
        session.unused = None
    if asked.peer is None:
        session.count("gates-any-peer")
    return gate.number


def _entered(session: Session, gates: list[Any], reason: str) -> bool:
    """Whether the books and the kernel have taken all of these."""
    if not session.keeper.open_all(gates, session.closing, len(session.gates), session.count):
        session.reporter.gate_refused(session, reason)
        return False
    for gate in gates:
        session.take(gate)
        session.reporter.gate_opened(session, gate)
    return True


def close_gates(session: Session, asked: CloseGates) -> None:
    """Strike gates of this ALG, whichever session opened them; they leave the kernel together."""
    for number in asked.gates:
        gate: Gate | None = session.keeper.gates.get(number)
        if gate is None or gate.alg != session.descriptor.name:
            continue
        owner = session.neighbour(gate.session)
        if owner is not None:
            owner.strike(number, over=True, closing=session.closing)


def keep(session: Session, asked: Keep) -> None:
    """The session lives so long."""
    session.keep(asked.seconds)


PERFORM: dict[type, Callable[[Any, Any], Reply]] = {
    Unbind: unbind,
    Resolve: resolve,
    OpenMedia: open_media,
    OpenControl: open_control,
    CloseGates: close_gates,
    Keep: keep,
}
"""As actions.PERFORM, which has these too."""
