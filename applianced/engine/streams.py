"""One direction of a TCP session as an octet stream: what is held, what was changed, what may leave.

Real senders cut messages anywhere, put several into one segment, and repack what they repeat; packets are lost on
both sides of the queue. So nothing here trusts the shape of a segment:

* Octets are judged once, in order, from their first copy; a later copy that differs changes nothing.
* What lies beyond a gap is dropped: its sender repeats it.
* A segment leaves when every octet of it has been judged. One that ends inside a message is held; with the rest of
  the message it leaves, merged into one when the message was changed.
* When the sender repeats the held segment (its window has shrunk to one segment: it will send nothing more), the part
  that has been judged leaves alone; without one, what the ALG can spare of the message; without that, the octets are
  acknowledged to their sender here and kept until their message is complete.
* A change of length is announced to conntrack, and the next one waits until the receiver has acknowledged it: the
  kernel has one correction point per direction.
* A repeat is answered by range: a changed range whole and identical, never announced again; a repeat that runs into a
  changed range, or beyond what has left, is cut there. Ranges are remembered beyond their acknowledgement, which can
  still be lost on its way to the sender. The kernel shifts everything before its correction point by one offset, also
  what lies before an older change: such a repeat is placed so that the shift takes it where it belongs.
* A segment that would outgrow the path leaves in part; its sender repeats the rest.

Sequence numbers are the sender's own, acknowledgements the receiver's: that is how the forward path shows them.
Rule: no I/O here; packets are let go through the `Carrier` they came in, the rest through `Judge`.
"""

from __future__ import annotations

from collections import deque

from applianced.engine.judge import Carrier, Judge, StreamError, Verdicts
from applianced.engine.ranges import Changed, Held, Range, StreamSnapshot
from applianced.model.tuples import Direction
from applianced.packet.segment import FIN, SYN, Segment
from applianced.packet.sequence import advance, distance

REMEMBERED = 64
"""Changed ranges kept for repeats; a control session's sender has far fewer octets in flight."""
KEPT = 16
"""Ranges kept although their receiver has acknowledged them: so many acknowledgements in a row may be lost behind."""
REPEATS = 15
"""Repeats of a held segment that has no judged part before the session is reset: as many as TCP itself makes, since
acknowledgements made here may be lost too."""
CARRIERS = 64
"""Segments held at once; more wait at their sender."""


class Stream:
    """One direction. limit: octets of a message that may wait; room: payload that fits into a packet."""

    __slots__ = (
        "arrivals",
        "before",
        "buffer",
        "changed",
        "direction",
        "held",
        "judge",
        "judged",
        "limit",
        "next",
        "offset",
        "pending",
        "position",
        "probing",
        "promised",
        "repeats",
        "room",
        "seen",
        "unacked",
        "version",
    )

    def __init__(self, direction: Direction, judge: Judge, *, limit: int, room: int) -> None:
        self.direction = direction
        self.judge = judge
        self.limit = limit
        self.room = room
        self.next = -1
        """First octet that has not left."""
        self.judged = -1
        """First octet that has not been judged."""
        self.buffer = b""
        """First copies of the octets from `next` on."""
        self.pending: deque[Range] = deque()
        self.held: list[Held] = []
        self.changed: deque[Changed] = deque(maxlen=REMEMBERED)
        self.offset = 0
        self.position = 0
        """The kernel's correction point: start of the last length change."""
        self.before = 0
        """What the kernel adds up to there; beyond, it adds `offset`."""
        self.unacked = -1
        """End of the last length change in the receiver's numbering, or -1."""
        self.seen = -1
        """The last acknowledgement of the receiver that passed here."""
        self.promised = -1
        """Octets before this were acknowledged to their sender although they have not left; -1: none."""
        self.probing = False
        """The receiver was asked where it is."""
        self.arrivals = 0
        """How often a segment has come that begins where the sender's next octets are expected."""
        self.repeats = 0
        self.version = 0
        """Counts changes of what a repeat or an acknowledgement is answered from."""

    def take(self, carrier: Carrier) -> None:
        """A segment of this direction. Raises StreamError when the session must be reset."""
        segment = carrier.segment
        payload = segment.payload
        if segment.sequence == self.next and not self.held and not self.buffer and payload:
            return self._in_order(carrier, segment, payload)
        if segment.flags & SYN:
            return self._syn(carrier, segment)
        if not payload and not segment.flags & FIN:
            return carrier.accept(None)
        if self.next < 0:
            raise StreamError("stream-without-start")
        if distance(segment.sequence, self.next) < 0:
            return self._repeat(carrier, segment)
        return self._hold(carrier, segment)

    def acked(self, acknowledgement: int) -> None:
        """The receiver's acknowledgement, seen in a packet of the other direction."""
        self.seen = acknowledgement
        if self.probing:
            self.probing = False
            if self.buffer and self.judged == self.next and self._arrived():
                self._promise()
        if self.unacked >= 0 and distance(acknowledgement, self.unacked) >= 0:
            self.unacked = -1
            self.version += 1
            if self.held:
                self._flush(repeated=False)

    def _syn(self, carrier: Carrier, segment: Segment) -> None:
        if self.next < 0:
            return self._open(carrier, segment)
        # A repeat, or a stray one, which its receiver answers with a challenge (RFC 9293 3.10.7.4): it moves nothing
        # here, or it would make the octets that follow look like repeats.
        self.judge.count("syn-again")
        return carrier.accept(segment.changed(b"") if segment.payload else None)

    def _open(self, carrier: Carrier, segment: Segment) -> None:
        self.next = self.judged = advance(segment.sequence, 1)
        # Data on a SYN (RFC 7413) would be read before it is known to be wanted: its sender repeats it after the
        # handshake.
        carrier.accept(segment.changed(b"") if segment.payload else None)

    def _in_order(self, carrier: Carrier, segment: Segment, payload: bytes) -> None:
        """Nothing waits, and the segment begins where the last one ended."""
        fin = bool(segment.flags & FIN)
        self.enter(carrier, payload, self.judge.judge(self.direction, payload, fin), fin=fin)

    def enter(self, carrier: Carrier, payload: bytes, verdicts: Verdicts, *, fin: bool = False) -> None:
        """Take the next segment of a stream in which nothing waits, with its verdicts."""
        if not fin and self._whole(carrier, payload, verdicts):
            return
        self.buffer = payload
        self.arrivals = 1
        self.held.append(Held(carrier, self.next, advance(self.next, len(payload))))
        self._settle(verdicts, fin)
        self._flush(repeated=False)

    def _whole(self, carrier: Carrier, payload: bytes, verdicts: Verdicts) -> bool:
        """Let a segment go that was judged to its end and still fits; False when it must wait or be cut."""
        at, pieces = 0, []
        for octets, replacement in verdicts:
            pieces.append(payload[at : at + octets] if replacement is None else replacement)
            at += octets
        octets_out = b"".join(pieces)
        growth = len(octets_out) - at
        if at != len(payload) or (growth and self.unacked >= 0) or len(octets_out) > max(self.room, at):
            return False
        self._record(advance(self.next, at), octets_out, growth)
        self.judged = self.next
        carrier.accept(carrier.segment.changed(octets_out))
        return True

    def _record(self, end: int, octets: bytes, growth: int) -> None:
        """[next, end) leaves changed: remember it for repeats, and announce a change of length."""
        start = self.next
        confirmed = advance(end, self.offset + growth)
        self.changed.append(Changed(start, end, octets, confirmed))
        while len(self.changed) > KEPT and self.seen >= 0 and distance(self.seen, self.changed[0].confirmed) >= 0:
            self.changed.popleft()
        self.version += 1
        if growth:
            self.judge.announce(self.direction, start, self.offset, self.offset + growth)
            self.position, self.before = start, self.offset
            self.offset += growth
            self.unacked = advance(end, self.offset)
        self.next = end

    def _settle(self, verdict: Verdicts, fin: bool) -> None:
        """Enter judged octets into `pending`; at the end of the stream what nobody wanted leaves as it is."""
        at = self.judged
        for octets, replacement in verdict:
            end = advance(at, octets)
            self.pending.append(Range(at, end, replacement))
            at = end
        if fin:
            tip = advance(self.next, len(self.buffer))
            if at != tip:
                self.pending.append(Range(at, tip, None))
                at = tip
        self.judged = at
        if distance(advance(self.next, len(self.buffer)), at) > self.limit:
            raise StreamError("message-too-long")

    def _hold(self, carrier: Carrier, segment: Segment) -> None:
        """A segment at or beyond `next` that is not the plain next one."""
        start = segment.sequence
        end = advance(start, len(segment.payload))
        if distance(start, self._edge()) > 0 or len(self.held) >= CARRIERS:
            self.judge.count("beyond-gap")
            return carrier.drop()
        front = self.next if self.promised < 0 else self.promised
        if start == front:
            self.arrivals += 1
        again = start == front and self.arrivals > 1
        self._drop_covered(start, end)
        edge = self._edge()
        if not self._of_use(segment, start, end, edge):
            self.judge.count("covered")
            carrier.drop()
            if self.promised >= 0 and not self.held:
                self.judge.acknowledge(self.direction, self.promised)
            return self._flush(repeated=again)
        self.held.append(Held(carrier, start, end))
        self._extend(segment, start, end)
        return self._flush(repeated=again)

    def _edge(self) -> int:
        """Where the next octets of use begin: behind what is held, or was promised, or has left."""
        if self.held:
            return self.held[-1].end
        return self.next if self.promised < 0 else self.promised

    def _of_use(self, segment: Segment, start: int, end: int, edge: int) -> bool:
        """Whether a segment carries something on from the edge; before it may lie what was promised."""
        if start == edge:
            return True
        beyond = distance(end, edge)
        return not self.held and (beyond > 0 or (beyond == 0 and bool(segment.flags & FIN)))

    def _drop_covered(self, start: int, end: int) -> None:
        """A newer, longer copy replaces the held packets that it covers."""
        keep = []
        for held in self.held:
            if distance(held.start, start) >= 0 and distance(held.end, end) <= 0:
                self.judge.count("covered")
                held.carrier.drop()
            else:
                keep.append(held)
        self.held = keep

    def _extend(self, segment: Segment, start: int, end: int) -> None:
        """Take the octets that nobody has seen yet, and have them judged."""
        tip = advance(self.next, len(self.buffer))
        fin = bool(segment.flags & FIN)
        fresh = distance(end, tip)
        if fresh > 0:
            self.repeats = 0
            self.buffer += segment.payload[len(segment.payload) - fresh :]
        if fresh > 0 or (fin and fresh == 0):
            waiting = self.buffer[distance(self.judged, self.next) :]
            verdict = self.judge.judge(self.direction, waiting, fin) if waiting else []
            self._settle(verdict, fin)

    def _flush(self, *, repeated: bool) -> None:
        """Let go what may go, carrier by carrier."""
        while self.held:
            first = self.held[0]
            whole = distance(self.judged, first.end) >= 0
            if not whole:
                if not repeated:
                    return
                if self.judged == self.next and not self._urged():
                    return
            if not self._release(first, partial=not whole):
                return
            repeated = False

    def _urged(self) -> bool:
        """The sender repeats a segment of which nothing can leave: perhaps the beginning of a message can.

        Raises StreamError when that has been so too often.
        """
        octets = self.judge.urge(self.direction, self.buffer)
        if octets:
            self.judged = advance(self.judged, octets)
            self.pending.append(Range(self.next, self.judged, None))
            self.judge.count("urged")
            return True
        self.repeats += 1
        if self.repeats >= REPEATS:
            raise StreamError("starved")
        self._promise()
        return False

    def _promise(self) -> None:
        """Acknowledge what is held, so that its sender goes on; ask first whether the receiver has all that left.

        The octets are kept here, and leave with the end of their message, which its sender still owes: as long as that
        is not acknowledged by the receiver its repeats bring the whole range again. What left before them would never
        be repeated once they are acknowledged, so it must have arrived. Pure acknowledgements are seen only when asked
        for: an empty segment before the window makes the receiver say where it is (RFC 9293 3.10.7.4).
        """
        if not self._arrived():
            self.probing = True
            self._drop_held(spare=1)
            if self.held:
                probe = self.held.pop().carrier
                placed = self._placed(advance(self.next, -1))
                probe.accept(probe.segment.changed(b"", sequence=placed, fin=False))
            return
        tip = advance(self.next, len(self.buffer))
        if self.judge.acknowledge(self.direction, tip):
            self.promised = tip
            self.arrivals = self.repeats = 0
            self.version += 1
            self.judge.count("promised")
            self._drop_held()

    def _arrived(self) -> bool:
        """Whether the receiver is known to have everything that left."""
        return self.seen >= 0 and distance(self.seen, advance(self.next, self.offset)) >= 0

    def _drop_held(self, *, spare: int = 0) -> None:
        for held in self.held[spare:]:
            held.carrier.drop()
        del self.held[spare:]

    def _release(self, first: Held, *, partial: bool) -> bool:
        """Fill the first carrier from what is pending; False when a length change must wait."""
        pieces: list[bytes] = []
        taken: list[Range] = []
        size = 0
        room = max(self.room, distance(first.end, first.start))
        at = self.next
        changed = False
        for piece in self.pending:
            stop = piece.end
            if piece.octets is None:
                if distance(stop, first.end) > 0:
                    stop = first.end
                octets = self.buffer[distance(at, self.next) : distance(stop, self.next)]
            else:
                octets = piece.octets
                changed = True
            if size + len(octets) > room:
                if not pieces and piece.octets is not None:
                    raise StreamError("message-does-not-fit")
                if piece.octets is not None or not octets[: room - size]:
                    break
                octets = octets[: room - size]
                stop = advance(at, len(octets))
            pieces.append(octets)
            taken.append(Range(at, stop, piece.octets))
            size += len(octets)
            at = stop
            if distance(at, first.end) >= 0 or stop != piece.end:
                break
        return self._send(first, b"".join(pieces), at, changed=changed, partial=partial)

    def _send(self, first: Held, octets: bytes, end: int, *, changed: bool, partial: bool) -> bool:
        """Let the first carrier go with `octets` for [next, end), announce a change, and clean up behind it."""
        start = self.next
        growth = len(octets) - distance(end, start)
        if growth and self.unacked >= 0:
            self.judge.count("waited")
            return False
        cut = distance(end, first.end) < 0
        if changed or self.promised >= 0:
            self._record(end, octets, growth)
        if self.promised >= 0 and distance(end, self.promised) >= 0:
            self.promised = -1
        self.version += 1
        self._advance(start, end, cut=cut or partial)
        segment = first.carrier.segment
        if not changed and not cut and start == segment.sequence and len(octets) == len(segment.payload):
            same = octets == segment.payload
            first.carrier.accept(None if same else segment.changed(octets))
        else:
            first.carrier.accept(segment.changed(octets, sequence=start, fin=not cut))
        return True

    def _advance(self, start: int, end: int, *, cut: bool) -> None:
        """Everything from `start` to `end` has left (or leaves with the packet at hand)."""
        self.buffer = self.buffer[distance(end, start) :]
        self.next = end
        self.arrivals = self.repeats = 0
        while self.pending and distance(self.pending[0].end, end) <= 0:
            self.pending.popleft()
        if self.pending and distance(self.pending[0].start, end) < 0:
            self.pending[0] = self.pending[0]._replace(start=end)
        rest = self.held[1:]
        self.held = []
        for held in rest:
            closing = held.end == end and held.carrier.segment.flags & FIN
            if cut or (distance(held.end, end) <= 0 and not closing):
                # Merged into the packet before it, or behind octets that their sender will repeat first. One that
                # closes goes on without its octets.
                self.judge.count("cut" if cut else "merged")
                held.carrier.drop()
            else:
                self.held.append(held if distance(held.start, end) >= 0 else held._replace(start=end))

    def _repeat(self, carrier: Carrier, segment: Segment) -> None:
        """Octets that have left already come again: answer by range."""
        self.judge.count("repeat")
        start = segment.sequence
        end = advance(start, len(segment.payload))
        for changed in self.changed:
            if distance(changed.start, start) <= 0 < distance(changed.end, start):
                placed = self._placed(changed.start)
                return carrier.accept(segment.changed(changed.octets, sequence=placed, fin=changed.end == end))
            if distance(changed.start, start) > 0 and distance(changed.start, end) < 0:
                return self._cut(carrier, segment, distance(changed.start, start))
        if distance(end, self.next) > 0:
            return self._cut(carrier, segment, distance(self.next, start))
        placed = self._placed(start)
        return carrier.accept(None if placed == start else segment.changed(segment.payload, sequence=placed))

    def _cut(self, carrier: Carrier, segment: Segment, octets: int) -> None:
        """Answer a repeat with its beginning alone."""
        self.judge.count("cut")
        placed = self._placed(segment.sequence)
        carrier.accept(segment.changed(segment.payload[:octets], sequence=placed, fin=False))

    def _placed(self, sequence: int) -> int:
        """Where a repeat must be put for the kernel's shift to take it to its place at the receiver."""
        if (not self.offset and not self.before) or distance(sequence, self.position) >= 0:
            return sequence
        later = (changed for changed in self.changed if distance(changed.start, sequence) >= 0)
        growth = sum(
            len(changed.octets) - distance(changed.end, changed.start)
            for changed in later
            if distance(changed.start, self.position) < 0
        )
        return advance(sequence, -growth)

    def snapshot(self) -> StreamSnapshot:
        """What a restarted worker needs; packets in hand are lost with the process, their senders repeat them."""
        return (
            self.next,
            self.judged,
            self.promised,
            self.buffer,
            tuple((piece.start, piece.end, piece.octets) for piece in self.pending),
            tuple(tuple(changed) for changed in self.changed),  # type: ignore[misc]
            self.offset,
            self.position,
            self.before,
            self.unacked,
        )

    def restore(self, snapshot: StreamSnapshot) -> None:
        """Take up what `snapshot` gave."""
        (
            self.next,
            self.judged,
            self.promised,
            self.buffer,
            pending,
            changed,
            self.offset,
            self.position,
            self.before,
            self.unacked,
        ) = snapshot
        self.pending = deque(Range(*piece) for piece in pending)
        self.changed = deque((Changed(*piece) for piece in changed), maxlen=REMEMBERED)
