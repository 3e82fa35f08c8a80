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

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from applianced.alg.actions import Actions, Over
from applianced.model.tuples import TCP, UDP, Direction


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

    def plain(self, direction: Direction, data: bytes) -> bool | Over:
        """Whether this datagram passes unchanged with nothing else to do: it counts as judged. For what most datagrams
        are; False is always a right answer. `Over()`, which counts as false: it passes, and the session has done what
        it was for."""
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


class Timed(Protocol):
    """What an ALG has beside, whose descriptor says `timed`. Actions asked for here belong to no octets: what consumes
    is not among them. `Now` is the time of the tick."""

    def tick(self, now: float) -> Actions:
        """About once a second, also when the session is not read any further."""
        ...

    def gone(self, gate: int) -> Actions:
        """A gate of this session has ended by itself: its time is over, or its medium has fallen silent."""
        ...


class Keyed(Protocol):
    """What an ALG has beside that asks for `AwaitKey`. Actions asked for here are about the packet: `Refuse` and `Wait`
    too, while nothing of it can be consumed."""

    def first(self, direction: Direction, key: int) -> Actions:
        """A packet of a key for which no gate is open. It is released if one is then."""
        ...


@runtime_checkable
class Closing(Protocol):
    """What an ALG has beside that shares something with others which must not outlive its session."""

    def closed(self) -> None:
        """The session has ended."""
        ...


class Shared(Protocol):
    """What the sessions of one ALG in one worker know together, as the calls that several of them speak of.

    All sessions of one inside host are read by the same worker.
    """

    def listing(self) -> dict[str, list[dict[str, Any]]]:
        """What the state shows, by the name of its YANG list: an entry for each, its leaves by name, as RFC 7951 has
        values. The lists stand in the container of the ALG, `security alg NAME` of module applianced-alg-NAME, and in
        one below it that their name says: "calls/call". Every worker has its own entries, and their keys are unique
        among all: they name a party, say."""
        ...

    def changes(self) -> list[tuple[str, tuple[Any, ...] | None]]:
        """What has changed since this was asked last: key -> plain values, None for what is no more. For the worker
        that would take over."""
        ...

    def restore(self, entries: dict[str, tuple[Any, ...]]) -> None:
        """Take up what the worker before it knew."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds that belong to the protocol.

    gates: open at once per session; 0: as many as `security flow alg-gates-per-session` says, which is meant for
    protocols where each party has a session of its own. lowest_port: of a data session.
    silence_s: a session of datagrams ends when for so long none came and no gate of it is open.
    """

    gates: int = 0
    lowest_port: int = 1024
    silence_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """Everything the rest of the project knows of an ALG.

    name: the YANG identity and the container under `security alg`.
    ports: (protocol number, port) that classify it without an application.
    streams, datagrams: (settings, ControlSession[, shared]) -> the ALG of one control session over TCP, over UDP; None
    where the protocol has no such form. Every transport in `ports` has one.
    settings: frozen dataclass; each field is a leaf of the container, with `_` for `-` and the names of containers in
    between before it, so a new leaf needs no decoder. A field `static_nat` is filled by the compiler.
    shared: makes what its sessions in one worker share; they then get it as third argument.
    by_peer: all sessions with one host of the far side are read by the same worker; otherwise, with one of the near
    side.
    timed: its forms are `Timed` too. after_nat: the first datagram of a session is judged when NAT has decided how its
    sender is known, so `Bind` always has an answer.
    kept: its sessions outlive their worker. One that is over with the next answer may as well begin anew.
    begins: of a datagram, whether it asks for something new, as an INVITE does: it waits while others are there, and is
    dropped unread when there is no time for it. Its sender must repeat it; no answer, however wrong, does harm.
    events: name -> description of every counter; the state tree shows them all, also at zero.
    violations: those of the events that break the protocol or are refused: the security log tells of them.
    """

    name: str
    ports: tuple[tuple[int, int], ...]
    settings: type[Any]
    events: dict[str, str]
    streams: Callable[..., StreamAlg] | None = None
    datagrams: Callable[..., DatagramAlg] | None = None
    shared: Callable[[], Shared] | None = None
    by_peer: bool = False
    timed: bool = False
    after_nat: bool = False
    kept: bool = True
    begins: Callable[[bytes], bool] | None = None
    violations: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        forms = {TCP: self.streams, UDP: self.datagrams}
        missing = [protocol for protocol, _ in self.ports if forms.get(protocol) is None]
        if missing:
            raise ValueError(f"{self.name}: no form for IP protocol {missing[0]}")
