"""Packets and octets of policies that have `count`.

The first packet of a session is counted where its policy is; the later ones come here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from applianced.compiler import by_policy
from applianced.compiler.policies import traffic_counter
from applianced.compiler.ruleset import Chain, Do

ROOT = "counted"


def chains(numbers: Sequence[int]) -> Iterator[Chain]:
    """Chains that count a packet of an established session; the first one is ROOT. Nothing for no numbers."""
    return by_policy.chains(ROOT, numbers, lambda number: Do(f'counter name "{traffic_counter(number)}"'))
