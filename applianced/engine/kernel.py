"""What the engine needs of the kernel, as a shape: the dataplane fits it, replay and tests stand in for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from applianced.model.gates import Gate
from applianced.model.media import MediaGate
from applianced.model.tuples import Direction, Endpoint, FlowTuple


class Translation(NamedTuple):
    """Both tuples of a session as conntrack has them.

    original: as its first packet arrived. reply: as answers arrive. offsets: sums of the length changes that the
    kernel knows, by direction. offload: it was admitted under `services-offload`.
    """

    original: FlowTuple
    reply: FlowTuple
    offsets: tuple[int, int] = (0, 0)
    offload: bool = False

    @property
    def translated(self) -> bool:
        """NAT changes the session's own tuple: only then does the kernel shift sequence numbers."""
        return self.original != self.reply.reversed

    @property
    def turned(self) -> Translation:
        """The same session, taken for one that the other party has opened."""
        return Translation(self.reply, self.original, (self.offsets[1], self.offsets[0]), self.offload)

    def outside(self, speaker: Direction) -> bytes:
        """The address by which the other party knows the speaker."""
        return self.reply.destination.address if speaker is Direction.ORIGINAL else self.original.destination.address

    def outside_endpoint(self, speaker: Direction) -> Endpoint:
        """The speaker's end of the session as the other party knows it."""
        return self.reply.destination if speaker is Direction.ORIGINAL else self.original.destination

    def inside(self, speaker: Direction) -> bytes:
        """The speaker's own address."""
        return self.original.source.address if speaker is Direction.ORIGINAL else self.reply.source.address


class Kernel(Protocol):
    """Everything that has an effect outside the worker."""

    def translation(self, flow: FlowTuple, mark: int) -> Translation | None:
        """The conntrack entry of a session, by its original direction in the forward path; None when it is gone."""
        ...

    def announce(
        self, session: Translation, direction: Direction, position: int, before: int, after: int, *, first: bool
    ) -> bool:
        """Tell the kernel of a length change; False when it does not hold. first: none of this session has held yet."""
        ...

    nat_decides_late: bool
    """Whether the forward path sees a session's first packet before source NAT has treated it."""

    def exchange(self, opened: Sequence[Gate], closed: Sequence[Gate], now: float) -> bool:
        """Open and close gates in one transaction; False when the kernel refused, and nothing changed. The sessions of
        media that close end with them, those between the announced endpoints at once."""
        ...

    def adopt(self, gate: Gate) -> None:
        """A gate that is open in the kernel since before this worker."""
        ...

    def packets(self, media: Sequence[MediaGate]) -> list[int]:
        """How many packets of each the sessions under way have had, 0 where none is."""
        ...

    def tidy(self) -> None:
        """About once a second: end the sessions of closed media that `exchange` did not know of."""
        ...

    def published(self, flow: FlowTuple) -> Endpoint:
        """Where a session's first packet was sent to, of which the forward path shows this flow, while that packet
        waits behind NAT; the flow's own destination where nothing translates that."""
        ...

    def holds(self, session: Translation) -> bool:
        """Whether conntrack has a session with just this translation."""
        ...

    def keep(self, session: Translation, seconds: int) -> None:
        """Have a session last at least so long from now without a packet; of one that is gone nothing is kept."""
        ...

    def count(self, gate: Gate, now: float) -> None:
        """Enter into a lasting gate what went through it so far."""
        ...

    def acknowledge(self, flow: FlowTuple, sequence: int, acknowledgement: int) -> bool:
        """Send a bare acknowledgement from the flow's source to its destination, past conntrack and NAT; whether it
        was sent."""
        ...

    def alive(self, flow: FlowTuple, mark: int) -> bool:
        """Whether conntrack still holds the session, and not as one that has closed."""
        ...

    def forget(self, flow: FlowTuple, mark: int) -> None:
        """Delete the session's conntrack entry: its next segment is answered with a reset."""
        ...


class Ports(Protocol):
    """Who hands out the outside ports of bindings."""

    def take(self, address: bytes, protocol: int) -> int | None:
        """A free port of this outside address, or None when all are bound."""
        ...

    def take_pair(self, address: bytes, protocol: int) -> int | None:
        """An even port that is free, and the next one too, or None when there is no such pair."""
        ...

    def hold(self, address: bytes, protocol: int, port: int) -> None:
        """A port that is bound since before this worker."""
        ...

    def give(self, address: bytes, protocol: int, port: int, *, over: bool) -> None:
        """Give a port back. over: its data session is known to have ended; else it rests until that is so."""
        ...
