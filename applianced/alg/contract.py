"""The contract between an ALG and the engine that drives it.

An ALG is an object with one life: one control session. It takes the octets of one direction in order and yields
*actions*; some have a reply, so the code reads straight down:

    outside = yield Bind(direction, inside)
    opened = yield OpenGate(direction, inside, outside, reason)
    yield Rewrite(len(line), before + encode(outside) + after)

It consumes from the front: every octet is passed, rewritten or dropped exactly once. What the generator leaves
when it ends is offered again, with more behind it. So lost or doubled octets are impossible by construction, and
any split of the stream gives the same result. Before it is asked for actions it may take what needs none (`plain`).

A protocol over datagrams has the same actions, asked for by one whole datagram at a time (`DatagramAlg`): what its
generator leaves passes as it is, with the datagram, and is not offered again. An ALG that has both forms, as DNS does,
names one for each transport in its descriptor.

Order is part of the contract: a binding and a gate are in the kernel before the octets that announce them leave.

Rule: nothing in this package performs I/O, reads a clock or logs. A fault of the peer is `ProtocolError` or a
`Note`; no other exception leaves an ALG.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from applianced.model.sessions import ControlSession
from applianced.model.tuples import TCP, UDP, Direction, Endpoint


class Pass(NamedTuple):
    """Release this many octets from the front, unchanged."""

    octets: int


class Drop(NamedTuple):
    """Swallow this many octets from the front. A length change like any other: see Rewrite."""

    octets: int


class Rewrite(NamedTuple):
    """Release `replacement` in place of this many octets from the front.

    In a stream whose session is not translated by NAT the replacement must have the same length; the engine refuses
    and counts one that has not. A datagram may change its length anywhere.
    """

    octets: int
    replacement: bytes


class Bind(NamedTuple):
    """Which endpoint must the other party be told, so that it reaches `endpoint` of the speaker?

    protocol: of the session that it will reach it with; 0 for that of the control session.
    Reply: the endpoint (equal to the one asked for where nothing translates the speaker), or None when refused
    (no port left, limit reached; the engine has counted it). For the speaker's own end of the control session it is
    what NAT has made of that: no port is taken. While the first datagram of a session is judged NAT has not decided how
    its sender is known, so nothing can be bound yet where it translates sources: None, counted as `bindings-unknown`.
    """

    speaker: Direction
    endpoint: Endpoint
    protocol: int = 0


class OpenGate(NamedTuple):
    """Admit the data session that the other party will open to `inside` of the speaker.

    outside: what Bind answered. reason: the message that asks, for the state and the logs.
    any_port: every port of the speaker (only for sessions that can no longer be read).
    one_shot: a single connection. lifetime_s: how long a gate for every port stays open; others have `gate-timeout`.
    peer: packed address that the data session comes from, where the protocol says that it is not the other party's own
    (media of a proxied call); b"" for the other party.
    Reply: the gate's number, or None when refused (counted by the engine).
    """

    speaker: Direction
    inside: Endpoint
    outside: Endpoint
    reason: str
    protocol: int = TCP
    lifetime_s: float = 30.0
    one_shot: bool = True
    any_port: bool = False
    peer: bytes = b""


class AwaitAnswer(NamedTuple):
    """Admit one session from any port of the server to the client's own end of the control session.

    Of a datagram that the client sends: NAT decides how the client is known outside when the first one leaves, so
    nothing can be bound before; the kernel itself opens the gate as the datagram goes. A session has one such gate.
    Asked for again, its time begins anew, and it admits once more.
    reason: as for OpenGate. Reply: the gate's number, or None when refused (counted by the engine).
    """

    reason: str


class CloseGate(NamedTuple):
    """The data session of this gate is over, or will not come."""

    gate: int


class Note(NamedTuple):
    """A named, countable event; `event` is one of the descriptor's events.

    detail: short text for the trace, without payload beyond the command itself and without secrets.
    """

    event: str
    detail: str = ""


class HandOver(NamedTuple):
    """Stop reading this session, both directions, for good: it passes untouched from here (TLS)."""


class Refuse(NamedTuple):
    """What is being judged must not arrive: a datagram is dropped, whatever was asked for it before; the session of a
    stream is reset. A Note says why."""


class Over(NamedTuple):
    """The session has done what it was for, and ends unless another datagram comes at once. Of datagrams alone."""


Action = Pass | Drop | Rewrite | Bind | OpenGate | AwaitAnswer | CloseGate | Note | HandOver | Refuse | Over
Reply = Endpoint | int | None
Actions = Generator[Action, Reply, None]


class StreamAlg(Protocol):
    """An ALG over a stream (TCP)."""

    def plain(self, direction: Direction, data: bytes) -> int:
        """How many octets from the front of `data` pass unchanged with nothing else to do: they count as judged, and
        `octets` is asked about the rest only. For what most packets carry; 0 is always a right answer."""
        ...

    def octets(self, direction: Direction, data: bytes) -> Actions:
        """Judge `data`, the octets of one direction that were not consumed so far, oldest first."""
        ...

    def end(self, direction: Direction, data: bytes) -> Actions:
        """The speaker has closed; `data` is what was left. What is not consumed here is released as it is."""
        ...

    def urge(self, direction: Direction, data: bytes) -> int:
        """The speaker will send no more until something of `data`, which was left, is acknowledged: how many octets
        from its front leave unchanged now. The rest of the message is offered without them. 0: none can."""
        ...

    def snapshot(self) -> tuple[Any, ...]:
        """The state as numbers, octets, strings and tuples of them: what a restarted worker needs to go on."""
        ...

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        """Take up the state that `snapshot` gave."""
        ...


class DatagramAlg(Protocol):
    """An ALG over datagrams (UDP)."""

    def plain(self, direction: Direction, data: bytes) -> bool:
        """Whether this datagram passes unchanged with nothing else to do: it counts as judged. For what most datagrams
        are; False is always a right answer."""
        ...

    def datagram(self, direction: Direction, data: bytes) -> Actions:
        """Judge one whole datagram: its payload, without the UDP header."""
        ...

    def snapshot(self) -> tuple[Any, ...]:
        """As `StreamAlg.snapshot`."""
        ...

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        """As `StreamAlg.restore`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds that belong to the protocol.

    gates: open at once per session. lowest_port: of a data session.
    silence_s: a session of datagrams ends when for so long none came and no gate of it is open.
    """

    gates: int = 8
    lowest_port: int = 1024
    silence_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """Everything the rest of the project knows of an ALG.

    name: the YANG identity and the container under `security alg`.
    ports: (protocol number, port) that classify it without an application.
    streams, datagrams: (settings, session) -> the ALG of one control session over TCP, over UDP; None where the
    protocol has no such form. Every transport in `ports` has one.
    settings: frozen dataclass; each field is a leaf of the container, with `_` for `-` and the names of containers in
    between before it, so a new leaf needs no decoder. A field `static_nat` is filled by the compiler.
    kept: its sessions outlive their worker. One that is over with the next answer may as well begin anew.
    events: name -> description of every counter; the state tree shows them all, also at zero.
    violations: those of the events that break the protocol or are refused: the security log tells of them.
    """

    name: str
    ports: tuple[tuple[int, int], ...]
    settings: type[Any]
    events: dict[str, str]
    streams: Callable[[Any, ControlSession], StreamAlg] | None = None
    datagrams: Callable[[Any, ControlSession], DatagramAlg] | None = None
    kept: bool = True
    violations: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        forms = {TCP: self.streams, UDP: self.datagrams}
        missing = [protocol for protocol, _ in self.ports if forms.get(protocol) is None]
        if missing:
            raise ValueError(f"{self.name}: no form for IP protocol {missing[0]}")
