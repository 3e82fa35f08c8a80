"""The forward path: what needs no policy, then one chain per pair of zones, then global and default policies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from applianced.compiler import counting, policies
from applianced.compiler.applications import InForce
from applianced.compiler.marks import CONTROL, DATA
from applianced.compiler.policies import DEFAULT_CHAIN, GLOBAL_CHAIN, Compiled, Numbered
from applianced.compiler.ruleset import Chain, Choice, Do, Hook, Match, Rule, identifier, quoted
from applianced.config.schema import Config, Zone

FORWARD = Hook(kind="filter", name="forward", priority=0, policy="drop")

Pair = tuple[str, str]


def transit(config: Config) -> tuple[Zone, ...]:
    """The zones that traffic may pass between, by name. A functional zone is not one of them."""
    return tuple(zone for _, zone in sorted(config.zones.items()) if not zone.functional)


def compiled(config: Config, numbers: Sequence[Numbered], algs: InForce) -> Compiled:
    """Every chain of the forward path; `rules` is empty. numbers: policies of zone pairs, then the global ones."""
    whole = Compiled()
    apps = config.applications
    of_pair: dict[Pair, list[Numbered]] = {}
    for entry in numbers[: len(config.policies)]:
        of_pair.setdefault((entry.policy.from_zone, entry.policy.to_zone), []).append(entry)
    rest = GLOBAL_CHAIN if config.global_policies else DEFAULT_CHAIN
    for pair in sorted(of_pair):
        _take(whole, identifier("pair", *pair), policies.chain_of(rest, of_pair[pair], apps, algs))
    if config.global_policies:
        last = policies.chain_of(DEFAULT_CHAIN, numbers[len(config.policies) :], apps, algs)
        _take(whole, GLOBAL_CHAIN, last)
    _take(whole, DEFAULT_CHAIN, policies.default_chain(config.default_policy.startswith("permit"), algs))
    counted = [entry.number for entry in numbers if entry.policy.count and entry.policy.action == "permit"]
    counters = tuple(counting.chains(counted))
    forward = Chain(name="forward", rules=tuple(_forward(config, of_pair, rest, bool(counters))), hook=FORWARD)
    whole.chains[:0] = [forward, *counters]
    return whole


def _take(whole: Compiled, name: str, part: Compiled) -> None:
    whole.chains.append(Chain(name=name, rules=tuple(part.rules)))
    whole.chains.extend(part.chains)
    whole.outcomes.update(part.outcomes)
    whole.lines.extend(part.lines)


def _forward(config: Config, of_pair: dict[Pair, list[Numbered]], rest: str, counted: bool) -> Iterator[Rule]:
    yield (Do("ct state invalid"), Do("counter"), Do("drop"))
    if counted:
        yield (Do("ct state established,related"), Do(f"jump {counting.ROOT}"))
    yield (Do("ct state established,related"), Do("accept"))
    yield (Do(f"ct mark & {DATA:#x} == {DATA:#x}"), Do("counter"), Do("accept"))
    # A repeated SYN of a control session: classified again it would lose its place in its worker's books.
    yield (Do(f"ct mark & {CONTROL:#x} == {CONTROL:#x}"), Do("accept"))
    # A session that was deleted must end, not be picked up again in its middle.
    yield (
        Match("meta l4proto", ("tcp",)),
        Do("tcp flags & (fin | syn | rst | ack) != syn"),
        Do("counter"),
        Do("reject with tcp reset"),
    )
    elements = tuple(_dispatch(config, of_pair, rest))
    if elements:
        yield (Choice("iifname . oifname", elements),)
    yield (Do("counter"), Do("drop"))


def _dispatch(config: Config, of_pair: dict[Pair, list[Numbered]], rest: str) -> Iterator[tuple[str, str]]:
    zones = transit(config)
    for source in zones:
        for target in zones:
            pair = (source.name, target.name)
            verdict = f"goto {identifier('pair', *pair)}" if pair in of_pair else f"goto {rest}"
            for incoming in sorted(source.interfaces):
                for outgoing in sorted(target.interfaces):
                    yield f"{quoted(incoming)} . {quoted(outgoing)}", verdict
