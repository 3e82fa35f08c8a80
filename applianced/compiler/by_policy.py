"""What becomes of a packet by the policy that admitted its session: found again by the number in the label.

A chain per distinguishing bit keeps the number of comparisons near the logarithm of the number of policies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from applianced.compiler.marks import POLICY_LABEL_BITS
from applianced.compiler.policies import label_bits
from applianced.compiler.ruleset import Chain, Do, Rule, identifier


def chains(root: str, numbers: Iterable[int], what: Callable[[int], Do]) -> Iterator[Chain]:
    """Chains that do `what` with a packet of a session of one of these policies, and nothing with others. The first
    one is `root`. Nothing for no numbers."""
    found = sorted(numbers)
    if found:
        yield from _chain(root, root, found, POLICY_LABEL_BITS - 1, what)


def _chain(root: str, name: str, numbers: list[int], bit: int, what: Callable[[int], Do]) -> Iterator[Chain]:
    """The chain that tells `numbers` apart, which agree in all bits above `bit`."""
    rules: list[Rule] = []
    below: list[Chain] = []
    while len(numbers) > 1:
        ones = [number for number in numbers if number >> bit & 1]
        numbers = [number for number in numbers if not number >> bit & 1]
        if ones and numbers:
            side = identifier(root, f"{ones[0]}-{ones[-1]}")
            rules.append((Do(f"ct label {bit}"), Do(f"goto {side}")))
            below.extend(_chain(root, side, ones, bit - 1, what))
        numbers = numbers or ones
        bit -= 1
    rules.append((_has(numbers[0]), what(numbers[0])))
    yield Chain(name=name, rules=tuple(rules))
    yield from below


def _has(number: int) -> Do:
    """Another policy's session may end up here: only the whole number decides."""
    mask = "|".join(str(bit) for bit in range(POLICY_LABEL_BITS))
    wanted = "|".join(str(bit) for bit in label_bits(number))
    return Do(f"ct label & ({mask}) == {wanted}")
