"""Packets and octets of policies that have `count`: found again by the policy's number in the label.

The first packet of a session is counted where its policy is; the later ones come here. A chain per distinguishing
bit keeps the number of comparisons near the logarithm of the number of such policies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from applianced.compiler.marks import POLICY_LABEL_BITS
from applianced.compiler.policies import label_bits, traffic_counter
from applianced.compiler.ruleset import Chain, Do, Rule, identifier

ROOT = "counted"


def chains(numbers: Sequence[int]) -> Iterator[Chain]:
    """Chains that count a packet of an established session; the first one is ROOT. Nothing for no numbers."""
    if numbers:
        yield from _chain(ROOT, sorted(numbers), POLICY_LABEL_BITS - 1)


def _chain(name: str, numbers: list[int], bit: int) -> Iterator[Chain]:
    """The chain that tells `numbers` apart, which agree in all bits above `bit`."""
    rules: list[Rule] = []
    below: list[Chain] = []
    while len(numbers) > 1:
        ones = [number for number in numbers if number >> bit & 1]
        numbers = [number for number in numbers if not number >> bit & 1]
        if ones and numbers:
            side = identifier(ROOT, f"{ones[0]}-{ones[-1]}")
            rules.append((Do(f"ct label {bit}"), Do(f"goto {side}")))
            below.extend(_chain(side, ones, bit - 1))
        numbers = numbers or ones
        bit -= 1
    rules.append(_leaf(numbers[0]))
    yield Chain(name=name, rules=tuple(rules))
    yield from below


def _leaf(number: int) -> Rule:
    """Another policy's session may end up here: only the whole number decides."""
    mask = "|".join(str(bit) for bit in range(POLICY_LABEL_BITS))
    wanted = "|".join(str(bit) for bit in label_bits(number))
    return (Do(f"ct label & ({mask}) == {wanted}"), Do(f'counter name "{traffic_counter(number)}"'))
