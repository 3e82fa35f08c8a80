"""Binding a session to an ALG and a worker: the constant that its conntrack mark becomes.

The worker is chosen by the inside host's address, so that all sessions of one host meet the same one: by the
destination where NAT has given the session that destination, else by the source. An ALG may ask for the other party's.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from applianced.compiler.addresses import FAMILIES, NFPROTO
from applianced.compiler.marks import ALG_NUMBERS, CONTROL, FAIL_OPEN, HASH_SEED, QUEUE_SHIFT, QUEUES
from applianced.compiler.ruleset import Chain, Do, Rule, identifier


def chain_name(alg: str) -> str:
    return identifier("alg", alg)


def chains(algs: Iterable[str], queues: int, fail_open: bool, by_peer: Container[str] = frozenset()) -> Iterator[Chain]:
    """One chain per ALG, which marks the session and accepts it. queues: 1 to 16. Raises ValueError.

    by_peer: those whose sessions are read together that have the same host on the far side.
    """
    if not 1 <= queues <= QUEUES:
        raise ValueError(f"{queues} queues; there can be 1 to {QUEUES}")
    for alg in sorted(algs):
        base = mark(alg, 0, fail_open)
        yield Chain(name=chain_name(alg), rules=tuple(_rules(base, queues, far=alg in by_peer)))


def mark(alg: str, queue: int, fail_open: bool) -> int:
    """The ct mark of a control session."""
    return ALG_NUMBERS[alg] | queue << QUEUE_SHIFT | CONTROL | (FAIL_OPEN if fail_open else 0)


def _rules(base: int, queues: int, *, far: bool) -> Iterator[Rule]:
    if queues == 1:
        yield (Do(f"ct mark set {base:#x}"), Do("accept"))
        return
    marks = ", ".join(f"{queue} : {base | queue << QUEUE_SHIFT:#x}" for queue in range(queues))
    inward, outward = ("saddr", "daddr") if far else ("daddr", "saddr")
    for condition, field in (((Do("ct status dnat"),), inward), ((), outward)):
        for version, family in FAMILIES.items():
            choose = f"jhash {family} {field} mod {queues} seed {HASH_SEED:#x} map {{ {marks} }}"
            yield (NFPROTO[version], *condition, Do(f"ct mark set {choose}"), Do("accept"))
