"""What replies that clients have not read take of memory, and whose reply goes when it is too much.

A reply is kept whole until its last octet has left; one that many have asked for is kept once. A client that is read to
as fast as it takes has nothing to fear: it counts how long a reply has waited for its client, not for us.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

PATIENCE_S = 5.0
"""A reply has waited for its client for so long, all in all, before it goes for the memory of others."""
_UTTERMOST = 2
"""So many times what all may take there is no patience."""

_T = TypeVar("_T")


class Unread(NamedTuple):
    """What one client has not read. texts: octets of each text that is kept for it, by identity. waited_s: how long all
    of it has waited for the client."""

    texts: Mapping[int, int]
    waited_s: float

    @property
    def octets(self) -> int:
        return sum(self.texts.values())

    @property
    def cost(self) -> tuple[float, int]:
        """Of those that have not waited the largest costs the most."""
        return self.octets * self.waited_s, self.octets


def bounded(unread: Mapping[_T, Unread], limit: int) -> tuple[list[_T], bool]:
    """Whose replies go, the costliest first, and whether the others are within the limit, in octets, then. One that is
    larger by itself stays while it is the only one."""
    kept = {who: each for who, each in unread.items() if each.texts}
    keepers = Counter(text for each in kept.values() for text in each.texts)
    held = sum({text: octets for each in kept.values() for text, octets in each.texts.items()}.values())
    gone: list[_T] = []
    while held > limit and len(kept) > 1:
        costliest = max(kept, key=lambda who: kept[who].cost)
        each = kept.pop(costliest)
        if held <= _UTTERMOST * limit and each.waited_s < PATIENCE_S:
            return gone, False
        gone.append(costliest)
        keepers.subtract(each.texts.keys())
        held -= sum(octets for text, octets in each.texts.items() if not keepers[text])
    return gone, True
