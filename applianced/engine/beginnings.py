"""What begins something new waits while there is anything else to do.

A call is worth its work only when all of its messages come through. So a worker that gets more than it can do goes on
with what has begun, and takes up as much that is new as it has time left for. The rest is dropped unread, before its
sender says it again: what is shed costs little, and the others do not wait for it.

Rule: no I/O here; packets come as `Queued`, time is an argument.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from applianced.alg.contract import Descriptor
from applianced.compiler.marks import AFTER_NAT, ALG_MASK, ALG_NUMBERS
from applianced.engine.worker import Queued
from applianced.model.tuples import UDP

LONGEST_S = 0.2
"""Who has waited so long is let go of: T1 of SIP, after which a request is said again, is half a second (RFC 3261
17.1.1.1)."""
MOST = 1024
"""That wait at once, the oldest of more is let go of: they take room in the queue."""
SHED = "beginnings-shed"


class Beginnings:
    """Those of one worker. algs: numbers of the ALGs that have such datagrams, as a packet's mark has them."""

    __slots__ = ("_asked", "_count", "_waiting", "algs")

    def __init__(self, descriptors: Mapping[str, Descriptor], count: Callable[[int, str], None]) -> None:
        """count: hears the mark of a packet, and SHED."""
        self._asked = {
            ALG_NUMBERS[name]: descriptor.begins
            for name, descriptor in descriptors.items()
            if descriptor.begins is not None
        }
        self.algs = frozenset(self._asked)
        self._count = count
        self._waiting: deque[tuple[float, Queued]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, queued: Queued, now: float) -> bool:
        """Have a packet of one of `algs` wait, if it begins something; else it is to be handled now."""
        payload = _payload(queued)
        if not payload or not self._asked[queued.mark & ALG_MASK](payload):
            return False
        if len(self._waiting) >= MOST:
            self._shed(self._waiting.popleft()[1])
        self._waiting.append((now, queued))
        return True

    def take(self, now: float) -> Queued | None:
        """The one that has waited longest, to be handled now."""
        while self._waiting:
            since_s, queued = self._waiting.popleft()
            if since_s + LONGEST_S > now:
                return queued
            self._shed(queued)
        return None

    def _shed(self, queued: Queued) -> None:
        self._count(queued.mark, SHED)
        queued.drop()


def _payload(queued: Queued) -> bytes:
    """Of a datagram without IP options that no worker has read yet; b"" of any other packet."""
    raw = queued.raw
    if queued.mark & AFTER_NAT == AFTER_NAT or len(raw) < 48:
        return b""
    if raw[0] == 0x45:
        return raw[28:] if raw[9] == UDP else b""
    return raw[48:] if raw[0] >> 4 == 6 and raw[6] == UDP else b""
