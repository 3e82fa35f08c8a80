"""The forward path: what needs no policy, then one chain per pair of zones, then global and default policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from applianced.compiler import counting, policies, untracked
from applianced.compiler.deciding import Views
from applianced.compiler.marks import CONTROL, DATA
from applianced.compiler.policies import DEFAULT_CHAIN, GLOBAL_CHAIN, Compiled, Numbered
from applianced.compiler.ruleset import Chain, Choice, Do, Hook, Match, Rule, identifier, quoted
from applianced.config.schema import Config, Zone

FORWARD = Hook(kind="filter", name="forward", priority=0, policy="drop")

Pair = tuple[str, str]
Rests = Mapping[str, str]
"""Zone where a session enters -> the chain that is asked after the policies of its pair of zones."""


def transit(config: Config) -> tuple[Zone, ...]:
    """The zones that traffic may pass between, by name. A functional zone is not one of them."""
    return tuple(zone for _, zone in sorted(config.zones.items()) if not zone.functional)


def compiled(config: Config, numbers: Sequence[Numbered], views: Views) -> Compiled:
    """Every chain of the forward path; `rules` is empty. numbers: policies of zone pairs, then the global ones."""
    whole = Compiled()
    apps = config.applications
    of_pair: dict[Pair, list[Numbered]] = {}
    for entry in numbers[: len(config.policies)]:
        of_pair.setdefault((entry.policy.from_zone, entry.policy.to_zone), []).append(entry)
    last = _last(config, numbers[len(config.policies) :], views)
    rests = {zone.name: last.names[views.first(zone.name)] for zone in transit(config)}
    for pair in sorted(of_pair):
        rest = last.names[views.first(pair[0])]
        part = policies.chain_of(rest, of_pair[pair], apps, views.of(pair[0]), config.flow)
        _take(whole, identifier("pair", *pair), part)
    for name, part in last.parts:
        _take(whole, name, part)
    counted = [entry.number for entry in numbers if entry.policy.count and entry.policy.action == "permit"]
    counters = tuple(counting.chains(counted))
    forward = Chain(name="forward", rules=tuple(_forward(config, of_pair, rests, bool(counters))), hook=FORWARD)
    whole.chains[:0] = [forward, *counters]
    return whole


class _Last(NamedTuple):
    """What is asked after the policies of a pair of zones. names: which of the parts, by `Views.first` of the zone
    where a session enters."""

    parts: list[tuple[str, Compiled]]
    names: Mapping[str, str]


def _last(config: Config, entries: Sequence[Numbered], views: Views) -> _Last:
    """Global policies and the default policy. A zone has them for itself only where its ALGs make a difference."""
    permit = config.default_policy.startswith("permit")
    last = _named(DEFAULT_CHAIN, {zone: policies.default_chain(permit, algs) for zone, algs in views.algs.items()})
    if not config.global_policies:
        return last
    found: dict[str, Compiled] = {}
    for zone, algs in views.algs.items():
        rest = last.names[zone]
        found[zone] = policies.chain_of(rest, entries, config.applications, algs, config.flow)
        if found[zone] != found[""]:
            found[zone] = policies.chain_of(rest, entries, config.applications, algs, config.flow, zone=zone)
    first = _named(GLOBAL_CHAIN, found)
    return _Last(first.parts + last.parts, first.names)


def _named(name: str, found: Mapping[str, Compiled]) -> _Last:
    """Each part that differs from that of "" under a name of its own. Chains that two have alike come once."""
    parts: list[tuple[str, Compiled]] = []
    names: dict[str, str] = {}
    known: set[str] = set()
    for zone, part in found.items():
        if zone and part == found[""]:
            names[zone] = name
            continue
        names[zone] = identifier(name, zone) if zone else name
        parts.append((names[zone], replace(part, chains=[each for each in part.chains if each.name not in known])))
        known.update(each.name for each in part.chains)
    return _Last(parts, names)


def _take(whole: Compiled, name: str, part: Compiled) -> None:
    whole.chains.append(Chain(name=name, rules=tuple(part.rules)))
    whole.chains.extend(part.chains)
    whole.outcomes.update(part.outcomes)
    whole.lines.extend(part.lines)


def _forward(config: Config, of_pair: Mapping[Pair, object], rests: Rests, counted: bool) -> Iterator[Rule]:
    yield (Do("ct state invalid"), Do("counter"), Do("drop"))
    if counted:
        yield (Do("ct state established,related"), Do(f"jump {counting.ROOT}"))
    yield (Do("ct state established,related"), Do("accept"))
    yield (Do(f"ct mark & {DATA:#x} == {DATA:#x}"), Do("counter"), Do("accept"))
    yield untracked.ADMITTED
    # A repeated SYN of a control session: classified again it would lose its place in its worker's books.
    yield (Do(f"ct mark & {CONTROL:#x} == {CONTROL:#x}"), Do("accept"))
    # A session that was deleted must end, not be picked up again in its middle.
    yield (
        Match("meta l4proto", ("tcp",)),
        Do("tcp flags & (fin | syn | rst | ack) != syn"),
        Do("counter"),
        Do("reject with tcp reset"),
    )
    elements = tuple(_dispatch(config, of_pair, rests))
    if elements:
        yield (Choice("iifname . oifname", elements),)
    yield (Do("counter"), Do("drop"))


def _dispatch(config: Config, of_pair: Mapping[Pair, object], rests: Rests) -> Iterator[tuple[str, str]]:
    zones = transit(config)
    for source in zones:
        for target in zones:
            pair = (source.name, target.name)
            verdict = f"goto {identifier('pair', *pair)}" if pair in of_pair else f"goto {rests[source.name]}"
            for incoming in sorted(source.interfaces):
                for outgoing in sorted(target.interfaces):
                    yield f"{quoted(incoming)} . {quoted(outgoing)}", verdict
