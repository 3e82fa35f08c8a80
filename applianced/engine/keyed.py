"""Protocols without ports whose packets say nothing but a key (ESP: the SPI): what is awaited, admitted, and led.

Rule: no I/O here; effects go through `Kernel`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from applianced.alg.actions import AwaitKey, LeadKey, OpenKey, Proceed, Reply, Wait
from applianced.compiler.marks import DATA
from applianced.engine.idleness import entered_for_s
from applianced.engine.kernel import Translation
from applianced.engine.waiting import Held
from applianced.model.gates import Gate
from applianced.model.tuples import ORIGINAL, REPLY, UDP, Direction, Endpoint
from applianced.packet.esp import redirected, spi_flow

if TYPE_CHECKING:
    from applianced.engine.datagram_sessions import DatagramSession
    from applianced.engine.sessions import Session
    from applianced.engine.worker import Engine, Queued


def _known(session: Session) -> Translation | None:
    translation = session.known_translation()
    if translation is None:
        session.count("bindings-unknown")
    return translation


def _gate(session: Session, speaker: Direction, translation: Translation, number: int, **more: Any) -> Gate:
    """A gate for what the speaker sends to the other party. number: what stands for a port, 0 for any."""
    listener = speaker.opposite
    control = session.control
    known = translation.outside(speaker)
    return Gate(
        number=0,
        alg=session.descriptor.name,
        session=session.slot,
        peer=control.party(speaker).address,
        inside=Endpoint(control.party(listener).address, number),
        outside=Endpoint(translation.outside(listener), number),
        one_shot=False,
        source=b"" if known == translation.inside(speaker) else known,
        created_s=session.last_s,
        account=control.party(ORIGINAL).address,
        **more,
    )


def _open(session: Session, gate: Gate) -> int | None:
    if not session.keeper.open(gate, session.closing, len(session.gates), session.count):
        session.reporter.gate_refused(session, gate.reason)
        return None
    session.take(gate)
    session.reporter.gate_opened(session, gate)
    return gate.number


def await_key(session: Session, asked: AwaitKey) -> int | None:
    """Have packets of unknown keys brought here; the number of the gate."""
    translation = _known(session)
    if translation is None:
        return None
    expires_s = session.last_s + asked.lifetime_s
    before = awaiting(session, asked.speaker)
    if before is None:
        # Without the bits of a verdict that is under way.
        mark, more = session.base_mark, {"protocol": asked.protocol, "reason": asked.reason}
        return _open(session, _gate(session, asked.speaker, translation, 0, expires_s=expires_s, awaits=mark, **more))
    renewed_from, before.expires_s = before.expires_s, expires_s
    if not session.keeper.kernel.exchange((before,), (), session.last_s):
        before.expires_s = renewed_from
        session.count("gates-refused-kernel")
        return None
    before.reason = asked.reason
    session.take(before)
    session.count("gates-renewed")
    return before.number


def awaiting(session: Session, speaker: Direction) -> Gate | None:
    """The gate by which the first packets of a speaker come here."""
    peer = session.control.party(speaker).address
    return next((gate for gate in session.gates.values() if gate.awaits and gate.peer == peer), None)


def open_key(session: Session, asked: OpenKey) -> int | None:
    """Admit packets of a key; the number of the gate."""
    translation = _known(session)
    if translation is None:
        return None
    gate = _gate(
        session, asked.speaker, translation, asked.key, protocol=asked.protocol, reason=asked.reason,
        expires_s=session.last_s + entered_for_s(asked.idle_s), lasting=True, quiet_s=asked.idle_s,
        packets=1, octets=session.first_octets,
    )  # fmt: skip
    return _open(session, gate)


def lead_key(session: Session, asked: LeadKey) -> int | None:
    """Lead datagrams to another control session; the number of the gate."""
    gate = Gate(
        number=0,
        alg=session.descriptor.name,
        session=session.slot,
        protocol=UDP,
        peer=session.control.party(asked.speaker).address,
        inside=session.control.party(asked.speaker.opposite),
        outside=asked.outside,
        one_shot=False,
        source=b"",
        reason=asked.reason,
        created_s=session.last_s,
        expires_s=session.last_s + asked.lifetime_s,
        key=asked.key,
    )
    return _open(session, gate)


PERFORM: dict[type, Callable[[Any, Any], Reply]] = {
    AwaitKey: await_key,
    OpenKey: open_key,
    LeadKey: lead_key,
    Wait: lambda session, _: session.wait(),
    Proceed: lambda session, _: session.proceed(),
}
"""By the type of the action: what it does to the session, and its reply."""


class First:
    """A packet of a key that nobody has admitted yet, on its way. Raises ProtocolError when it has no key."""

    __slots__ = ("destination", "key", "queued", "source")

    def __init__(self, queued: Queued) -> None:
        self.queued = queued
        _, (self.source, _), (self.destination, self.key) = spi_flow(queued.raw)

    def speaker(self, session: Session) -> Direction | None:
        """Who has sent it, if the session awaits it."""
        for speaker in (ORIGINAL, REPLY):
            gate = awaiting(session, speaker)
            if gate is not None and (gate.peer, gate.outside.address) == (self.source, self.destination):
                return speaker
        return None

    def gate(self, session: Session) -> Gate | None:
        """What admits it by now."""
        known = (self.source, Endpoint(self.destination, self.key))
        return next((gate for gate in session.gates.values() if (gate.peer, gate.outside) == known), None)

    def release(self, gate: Gate) -> None:
        """Send it on as the kernel does with the next ones."""
        self.queued.release(redirected(self.queued.raw, gate.inside.address), DATA)


def handle(engine: Engine, session: DatagramSession | None, queued: Queued, now: float, *, since: float = 0.0) -> None:
    """A packet of an unknown key. session: which its mark names. since: when it began to wait, 0 for now.

    Raises ProtocolError.
    """
    first = First(queued)
    if session is None or session.over:
        engine.count(queued.mark, "sessions-unknown")
        queued.drop()
        return
    # Others of the same key may have waited behind the first.
    gate = first.gate(session) or _judged(engine, session, first, now)
    if session.waiting:
        session.waiting = False
        engine.waiting.enter(Held(session, ORIGINAL, queued, first.key, since or now))
    elif gate is None:
        queued.drop()
    else:
        first.release(gate)
    engine.proceed(session, now)


def _judged(engine: Engine, session: DatagramSession, first: First, now: float) -> Gate | None:
    """Have the ALG judge the packet: the gate that it has opened."""
    speaker = first.speaker(session)
    if speaker is None:
        session.count("sessions-unknown")
        return None
    last_s, session.last_s = session.last_s, now
    session.judge_first(speaker, first.key, len(first.queued.raw))
    session.save(engine.checkpoint)
    gate = first.gate(session)
    if gate is None:
        session.last_s = last_s
    return gate
