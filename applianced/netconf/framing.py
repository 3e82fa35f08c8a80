"""Framing of NETCONF messages on a stream (RFC 6242 section 4), sans I/O.

Strict: whatever the grammar does not allow ends the session, as 4.2 demands. The first message is accepted in either
framing, because some clients have switched before their hello leaves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum

from applianced.errors import ProtocolError

MESSAGE_MAX = 32 * 1024 * 1024
"""Octets of one message; ten times a configuration of 100,000 entries is more than anybody sends at once."""
LONG_FROM = 32 * 1024
"""Octets from which on a message is left in pieces: putting them together, and reading them, keeps everybody
waiting."""
_PIECE = 64 * 1024
STEPS_MAX = 256
"""Chunks and messages that are taken apart in one go: a client may send a million in each megabyte."""
_END = b"]]>]]>"
_HEADER = re.compile(rb"\n#(?:([1-9][0-9]{0,9})|#)\n")
_HEADER_MAX = 13
_CHUNK_MAX = 4294967295


class Framing(Enum):
    """END_OF_MESSAGE: base:1.0. CHUNKED: base:1.1. UNDECIDED: before the first message."""

    UNDECIDED = 0
    END_OF_MESSAGE = 1
    CHUNKED = 2


class LongMessage:
    """A message of LONG_FROM octets and more. pieces: one behind the other."""

    __slots__ = ("_octets", "pieces")

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces = pieces
        self._octets = sum(map(len, pieces))

    def __len__(self) -> int:
        return self._octets

    def joined(self) -> bytes:
        return b"".join(self.pieces)


Message = bytes | LongMessage


class _Gathered:
    """The part of a message that has arrived; in large pieces, whatever it arrived in."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._last = bytearray()
        self.octets = 0

    def add(self, octets: bytearray, count: int) -> None:
        """Move so many octets from the start of a buffer here."""
        with memoryview(octets) as view:
            self._last += view[:count]
        del octets[:count]
        self.octets += count
        if len(self._last) >= _PIECE:
            self._pieces.append(bytes(self._last))
            self._last.clear()

    def take(self) -> Message:
        """All of it, which is then gone from here."""
        pieces = [*self._pieces, bytes(self._last)]
        octets = self.octets
        self.clear()
        return LongMessage(pieces) if octets >= LONG_FROM else b"".join(pieces)

    def clear(self) -> None:
        self._pieces.clear()
        self._last.clear()
        self.octets = 0


class Deframer:
    """Octets in, messages out."""

    def __init__(self, framing: Framing = Framing.UNDECIDED, limit: int = MESSAGE_MAX) -> None:
        self.framing = framing
        self.limit = limit
        self._buffer = bytearray()
        self._searched = 0
        self._chunk_left = 0
        self._gathered = _Gathered()
        self._size = 0
        self._steps = 0
        self.unread = False
        """`next` has stopped though there may be more: it is to be called again when others have had their turn."""

    @property
    def amid(self) -> bool:
        """A message has begun and not ended."""
        # Line ends that clients put between messages of base:1.0 begin nothing.
        begun = len(self._buffer) > _HEADER_MAX or bool(self._buffer.strip())
        return begun or bool(self._gathered.octets or self._chunk_left)

    @property
    def held(self) -> int:
        """Octets that wait for the end of their message."""
        return len(self._buffer) + self._gathered.octets

    def drop(self) -> None:
        """Forget what has arrived, for a stream that ends: megabytes must not wait for the garbage collector."""
        self._buffer.clear()
        self._gathered.clear()
        self._searched = self._chunk_left = self._size = 0
        self.unread = False

    def feed(self, data: bytes) -> None:
        """Take octets from the stream."""
        self._steps = 0
        self._buffer += data

    def next(self) -> Message | None:
        """The next whole message, None when it is not all there yet, or as `unread` says.

        Raises ProtocolError "bad-framing" or "message-too-big"; the stream is lost then.
        """
        if self.framing is Framing.UNDECIDED:
            self._decide()
        self.unread = self._steps >= STEPS_MAX
        if self.unread:
            self._steps = 0
            return None
        match self.framing:
            case Framing.END_OF_MESSAGE:
                return self._next_by_end()
            case Framing.CHUNKED:
                return self._next_by_chunks()
            case Framing.UNDECIDED:
                return None

    def _decide(self) -> None:
        if len(self._buffer) >= 2:
            chunked = self._buffer.startswith(b"\n#")
            self.framing = Framing.CHUNKED if chunked else Framing.END_OF_MESSAGE

    def _next_by_end(self) -> Message | None:
        at = self._buffer.find(_END, max(0, self._searched - len(_END) + 1))
        if self._gathered.octets + (len(self._buffer) if at < 0 else at) > self.limit:
            raise ProtocolError("message-too-big", f"a message may have {self.limit} octets: send it in parts")
        if at < 0:
            # The end of the message may have begun in the last octets.
            if len(self._buffer) > _PIECE:
                self._gathered.add(self._buffer, len(self._buffer) - len(_END) + 1)
            self._searched = len(self._buffer)
            return None
        self._gathered.add(self._buffer, at)
        del self._buffer[: len(_END)]
        self._searched = 0
        self._steps += 1
        return self._gathered.take()

    def _next_by_chunks(self) -> Message | None:
        while not self.unread:
            if self._chunk_left:
                self._take_chunk()
                if self._chunk_left:
                    return None
            header = self._take_header()
            if header is None:
                return None
            if header == 0:
                return self._finish()
            self._chunk_left = header
            self._steps += 1
            self.unread = self._steps >= STEPS_MAX
        self._steps = 0
        return None

    def _take_chunk(self) -> None:
        count = min(self._chunk_left, len(self._buffer))
        self._gathered.add(self._buffer, count)
        self._chunk_left -= count

    def _take_header(self) -> int | None:
        """Size of the next chunk, 0 for the end of the message, None when there is more to come."""
        found = _HEADER.match(self._buffer)
        if not found:
            if len(self._buffer) >= _HEADER_MAX or not _may_become_header(self._buffer):
                raise ProtocolError("bad-framing", "the octets after a chunk are no chunk header (RFC 6242 4.2)")
            return None
        # The match looks into the buffer: read it before the buffer changes.
        digits, end = found[1], found.end()
        del self._buffer[:end]
        if digits is None:
            if not self._size:
                raise ProtocolError("bad-framing", "a message needs at least one chunk (RFC 6242 4.2)")
            return 0
        return self._checked(int(digits))

    def _checked(self, size: int) -> int:
        if size > _CHUNK_MAX:
            raise ProtocolError("bad-framing", "a chunk has at most 4294967295 octets (RFC 6242 4.2)")
        self._size += size
        if self._size > self.limit:
            raise ProtocolError("message-too-big", f"a message may have {self.limit} octets: send it in parts")
        return size

    def _finish(self) -> Message:
        self._size = 0
        self._steps += 1
        return self._gathered.take()


_PARTIAL = re.compile(rb"\n(?:#(?:#|[1-9][0-9]{0,9})?)?")


def _may_become_header(start: bytearray) -> bool:
    return not start or _PARTIAL.fullmatch(start) is not None


def frame(message: bytes, framing: Framing) -> bytes:
    """A message as it goes on the stream."""
    return b"".join(frame_parts((message,), framing))


def frame_parts(message: Sequence[bytes], framing: Framing) -> Sequence[bytes]:
    """As `frame`, of a message in parts; a long one stays in parts, copying it keeps everybody waiting."""
    octets = sum(map(len, message))
    head, tail = (b"\n#%d\n" % octets, b"\n##\n") if framing is Framing.CHUNKED else (b"", _END)
    parts = head, *message, tail
    return parts if octets >= LONG_FROM else (b"".join(parts),)
