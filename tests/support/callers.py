"""A small ALG with calls: what protocols of several parties ask of an engine, in words of clear text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from applianced.alg.actions import (
    Actions,
    Bind,
    CloseGates,
    Keep,
    Medium,
    Note,
    Now,
    OpenControl,
    OpenMedia,
    Pass,
    Refuse,
    Resolve,
    Rewrite,
    Unbind,
)
from applianced.alg.contract import Descriptor, Limits
from applianced.errors import ProtocolError
from applianced.model.sessions import ControlSession
from applianced.model.tuples import ORIGINAL, REPLY, TCP, UDP, Direction, Endpoint, packed

PORT = 5060
EVENTS = {"offered": "Media offered", "silent": "Media that ended by themselves", "nonsense": "Words nobody knows"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerSettings:
    """No leaves."""


class Calls:
    """What the sessions know together: name of a call -> its gates."""

    def __init__(self) -> None:
        self.gates: dict[str, tuple[int, ...]] = {}
        self._changed: dict[str, tuple[Any, ...] | None] = {}

    def set(self, name: str, gates: tuple[int, ...]) -> None:
        self.gates[name] = gates
        self._changed[name] = (gates,)

    def pop(self, name: str) -> tuple[int, ...]:
        self._changed[name] = None
        return self.gates.pop(name, ())

    def listing(self) -> dict[str, list[dict[str, Any]]]:
        return {"call": [{"name": name, "gates": len(gates)} for name, gates in self.gates.items()]}

    def changes(self) -> list[tuple[str, tuple[Any, ...] | None]]:
        changed, self._changed = self._changed, {}
        return list(changed.items())

    def restore(self, entries: dict[str, tuple[Any, ...]]) -> None:
        self.gates = {name: gates for name, (gates,) in entries.items()}


def endpoint(word: bytes) -> Endpoint:
    """'10.0.0.1:4000' or '[2001:db8::1]:4000'."""
    host, _, port = word.decode().rpartition(":")
    return Endpoint(packed(host.strip("[]")), int(port))


def word(end: Any) -> bytes:
    """What `endpoint` reads; '-' for what is no endpoint."""
    return str(end).encode() if isinstance(end, Endpoint) else b"-"


class CallerAlg:
    """One request per datagram; what it leads to leaves in its place:

    offer <endpoint>                     holds a pair for the speaker's endpoint: 'offer <outside endpoint>'
    single <endpoint>                    the same for one port
    drop <outside endpoint>              gives it back
    open <call> <own> <known> <far> [learn] [dscp N] [idle N] [as <endpoint>]
                                         media of the speaker's <own>, known as <known>, to <far> ('-': unknown),
                                         and RTCP beside: 'open <gates>' or 'open refused'
    close <call>                         whichever session opened it
    who <outside endpoint>               'who <inside endpoint>'
    reach <own> <seconds> [any]          control sessions to the speaker's <own> from the other party, or anybody
    keep <seconds>, refuse, bad, time
    """

    def __init__(self, settings: CallerSettings, session: ControlSession, calls: Calls) -> None:
        self.session = session
        self.calls = calls
        self.ticks = 0
        self.at_tick: list[Actions] = []
        self.was_gone: list[int] = []

    def plain(self, direction: Direction, data: bytes) -> bool:
        return data.startswith(b"plain")

    def datagram(self, direction: Direction, data: bytes) -> Actions:
        name, *words = data.split()
        ask = getattr(self, "_" + name.decode(), None)
        if ask is None:
            raise ProtocolError("nonsense", name.decode())
        said = yield from ask(direction, *words)
        if said is not None:
            yield Rewrite(len(data), said)

    def _offer(self, direction: Direction, own: bytes) -> Any:
        outside = yield Bind(direction, endpoint(own), protocol=UDP, pair=True, held=True)
        yield Note("offered")
        return b"offer " + word(outside)

    def _single(self, direction: Direction, own: bytes) -> Any:
        outside = yield Bind(direction, endpoint(own), protocol=UDP, held=True)
        return b"single " + word(outside)

    def _drop(self, direction: Direction, outside: bytes) -> Any:
        yield Unbind(endpoint(outside), UDP)

    def _open(self, direction: Direction, call: bytes, own: bytes, known: bytes, far: bytes, *more: bytes) -> Any:
        extra = dict(zip(more[::2], more[1::2], strict=True))
        ends = endpoint(own), endpoint(known)
        other = None if far == b"-" else endpoint(far)
        told = endpoint(extra[b"as"]) if b"as" in extra else other
        media = []
        for step in (0, 1):
            near, shown, there, said = (
                None if end is None else Endpoint(end.address, end.port + step) for end in (*ends, other, told)
            )
            media.append(
                Medium((near, there), (shown, said)) if direction is ORIGINAL else Medium((there, near), (said, shown))
            )
        gates = yield OpenMedia(
            tuple(media),
            f"open {call.decode()}",
            float(extra.get(b"idle", 60)),
            learn=b"learn" in extra,
            dscp=int(extra.get(b"dscp", -1)),
        )
        if not isinstance(gates, tuple):
            return b"open refused"
        before = self.calls.gates.get(call.decode(), ())
        self.calls.set(call.decode(), gates)
        if before:
            yield CloseGates(before)
        return b"open " + b" ".join(b"%d" % gate for gate in gates)

    def _close(self, direction: Direction, call: bytes) -> Any:
        yield CloseGates(self.calls.pop(call.decode()))

    def _who(self, direction: Direction, outside: bytes) -> Any:
        return b"who " + word((yield Resolve(endpoint(outside), UDP)))

    def _reach(self, direction: Direction, own: bytes, seconds: bytes, *anybody: bytes) -> Any:
        outside = yield Bind(direction, endpoint(own), protocol=UDP)
        assert isinstance(outside, Endpoint)
        peer = None if anybody else b""
        gate = yield OpenControl(direction, endpoint(own), outside, "reach", float(seconds), peer)
        return b"reach " + word(outside) if gate else b"reach refused"

    def _keep(self, direction: Direction, seconds: bytes) -> Any:
        yield Keep(float(seconds))

    def _refuse(self, direction: Direction) -> Any:
        yield Refuse()

    def _time(self, direction: Direction) -> Any:
        return b"time %.1f" % (yield Now())

    def tick(self, now: float) -> Actions:
        self.ticks += 1
        for actions in self.at_tick:
            yield from actions
        self.at_tick = []

    def gone(self, gate: int) -> Actions:
        self.was_gone.append(gate)
        yield Note("silent")
        for name, gates in list(self.calls.gates.items()):
            if gate in gates:
                yield CloseGates(self.calls.pop(name))

    def snapshot(self) -> tuple[Any, ...]:
        return ()

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        assert snapshot == ()


class CallerStream(CallerAlg):
    """The same over a stream, one request per line; it leaves as it is."""

    def plain(self, direction: Direction, data: bytes) -> int:  # type: ignore[override]
        return 0

    def octets(self, direction: Direction, data: bytes) -> Actions:
        while (end := data.find(b"\n") + 1) > 0:
            line, data = data[:end], data[end:]
            name, *words = line.split()
            yield from getattr(self, "_" + name.decode())(direction, *words)
            yield Pass(len(line))

    def end(self, direction: Direction, data: bytes) -> Actions:
        yield from ()

    def urge(self, direction: Direction, data: bytes) -> int:
        return 0


DESCRIPTOR = Descriptor(
    name="sip",
    ports=((UDP, PORT), (TCP, PORT)),
    streams=CallerStream,
    datagrams=CallerAlg,
    settings=CallerSettings,
    events=EVENTS,
    shared=Calls,
    timed=True,
    after_nat=True,
    limits=Limits(gates=4096),
)

__all__ = ["DESCRIPTOR", "PORT", "REPLY", "CallerAlg", "CallerStream", "Calls"]
