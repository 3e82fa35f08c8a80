"""A TCP sender and receiver around one `Stream`, with a kernel that shifts sequence numbers between them.

The sender cuts its octets anywhere, repacks what it repeats, and goes back to what was not acknowledged; the wire loses
segments on both sides of the gateway, and acknowledgements too. The kernel's part is nf_conntrack_seqadj: one
correction point per direction.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from applianced.engine.streams import Stream
from applianced.model.tuples import ORIGINAL, Direction
from applianced.packet.segment import ACK, FIN, PSH, SYN, Segment
from applianced.packet.sequence import advance, distance

HEADER = bytes.fromhex("45000028000040004006000000000000") + bytes(4)


def packet(sequence: int, payload: bytes, flags: int = ACK | PSH) -> Segment:
    """A segment from 10.0.0.1:1000 to 192.0.2.1:21."""
    ip = bytearray(HEADER)
    ip[12:20] = bytes((10, 0, 0, 1, 192, 0, 2, 1))
    ip[2:4] = (40 + len(payload)).to_bytes(2, "big")
    tcp = (
        (1000).to_bytes(2, "big") + (21).to_bytes(2, "big") + sequence.to_bytes(4, "big") + bytes(4)
        + bytes((0x50, flags)) + bytes(6)
    )  # fmt: skip
    return Segment(bytes(ip) + tcp + payload)


@dataclass
class Kernel:
    """Sequence adjustment of one direction."""

    position: int = 0
    before: int = 0
    after: int = 0

    def out(self, sequence: int) -> int:
        beyond = distance(sequence, self.position) > 0
        return advance(sequence, self.after if beyond else self.before)

    def back(self, acknowledgement: int) -> int:
        beyond = distance(advance(acknowledgement, -self.before), self.position) > 0
        return advance(acknowledgement, -(self.after if beyond else self.before))


@dataclass
class Carrier:
    segment: Segment
    world: World
    done: bool = False

    def accept(self, content: bytes | None) -> None:
        assert not self.done, "a second verdict"
        self.done = True
        self.world.leave(Segment(content) if content is not None else self.segment)

    def drop(self) -> None:
        assert not self.done, "a second verdict"
        self.done = True


@dataclass
class World:
    """Everything around one stream. judge: gets data, gives (octets, replacement or None).

    window: octets that the sender has under way at most. promises: the gateway can acknowledge by itself.
    """

    data: bytes
    rules: object
    seed: int
    loss_before: float = 0.0
    loss_after: float = 0.0
    loss_ack: float = 0.0
    most: int = 40
    repack: int = 200
    start: int = 1000
    window: int = 1 << 30
    promises: bool = True
    events: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.kernel = Kernel()
        self.stream = Stream(ORIGINAL, self, limit=65536, room=1440)
        self.received = b""
        self.early: dict[int, bytes] = {}
        self.acks: list[int] = []
        self.fin_received = False
        self.una = 0
        self.isn = advance(self.start, -1)

    # ----- streams.Judge

    def judge(self, direction: Direction, data: bytes, final: bool) -> list[tuple[int, bytes | None]]:
        return self.rules(data, final)  # type: ignore[operator,no-any-return]

    def urge(self, direction: Direction, data: bytes) -> int:
        return 0

    def acknowledge(self, direction: Direction, acknowledgement: int) -> bool:
        """The gateway speaks for the receiver, in the sender's numbering."""
        if self.promises and self.random.random() >= self.loss_ack:
            self.una = max(self.una, distance(acknowledgement, self.start))
        return self.promises

    def announce(self, direction: Direction, position: int, before: int, after: int) -> None:
        assert before == self.kernel.after, "a change announced out of turn"
        self.kernel = Kernel(position, before, after)

    def count(self, event: str) -> None:
        self.events.append(event)

    # ----- wire

    def send(self, at: int, size: int, flags: int = ACK | PSH) -> None:
        sequence = advance(self.start, at)
        if self.random.random() < self.loss_before:
            return
        self.stream.take(Carrier(packet(sequence, self.data[at : at + size], flags), self))

    def leave(self, segment: Segment) -> None:
        """A segment behind the gateway; the receiver acknowledges what it has."""
        sequence = self.kernel.out(segment.sequence)
        if segment.flags & SYN or self.random.random() < self.loss_after:
            return
        at = distance(sequence, self.start)
        if segment.payload:
            self.early[at] = max(self.early.get(at, b""), segment.payload, key=len)
        for begin in sorted(self.early):
            octets = self.early[begin]
            if begin <= len(self.received) < begin + len(octets):
                overlap = self.received[begin:]
                assert octets[: len(overlap)] == overlap[: len(octets)], "a repeat with other octets"
                self.received += octets[len(self.received) - begin :]
        end = at + len(segment.payload)
        if segment.flags & FIN and end == len(self.received):
            self.fin_received = True
        self.acks.append(advance(self.start, len(self.received) + self.fin_received))

    def deliver(self) -> None:
        """Deliver the acknowledgements under way: the gateway sees them first, the sender perhaps never."""
        acks, self.acks = self.acks, []
        for ack in acks:
            if self.random.random() < self.loss_ack:
                continue
            back = self.kernel.back(ack)
            self.stream.acked(ack)
            if self.random.random() >= self.loss_ack:
                self.una = max(self.una, distance(back, self.start))

    def run(self, rounds: int = 4000) -> bytes:
        """Send everything; what the receiver has got. Raises AssertionError when it does not get there."""
        self.stream.take(Carrier(packet(self.isn, b"", SYN), self))
        total = len(self.data)
        following = 0
        for _ in range(rounds):
            if self.una > total:
                return self.received
            window = self.random.randint(1, 5)
            while window and following < min(total, self.una + self.window):
                size = min(self.random.randint(1, self.most), total - following, self.una + self.window - following)
                flags = ACK | PSH | (FIN if following + size == total and self.random.random() < 0.5 else 0)
                self.send(following, size, flags)
                following += size
                window -= 1
            following = max(following, self.una)
            if following >= total:
                self.send(total, 0, ACK | FIN)
            self.deliver()
            if self.una < following and self.random.random() < 0.5:
                following = self.una
                size = min(self.random.randint(min(64, self.repack), self.repack), total - following, self.window)
                if size > 0:
                    self.send(following, size)
                    following += size
                self.deliver()
                following = max(following, self.una)
        raise AssertionError(f"stuck: {self.una} of {total} acknowledged, {len(self.received)} received")
