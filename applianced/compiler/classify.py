"""The ruleset's decision on one session, made in Python: for replay, and to hold the ruleset against in tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from applianced.alg.contract import Descriptor
from applianced.alg.registry import REGISTRY
from applianced.compiler.applications import InForce, Line, lines, named_terms
from applianced.compiler.deciding import view
from applianced.compiler.policies import DEFAULT, Numbered, numbered
from applianced.config.schema import Applications, Config, Network, Policy
from applianced.model.tuples import FlowTuple


class Classified(NamedTuple):
    """What becomes of a session.

    action: "permit", "deny" or "reject". number: the policy's, 0 for the default policy.
    application: the one that matched, "" for any. alg: the ALG that reads it, "" for none.
    timeout_s: inactivity timeout, 0 for the protocol's own.
    """

    action: str
    policy: str
    number: int
    application: str = ""
    alg: str = ""
    timeout_s: int = 0


NO_TRANSIT = Classified("deny", "", DEFAULT)
"""For a session between interfaces that no zones claim: no policy is asked."""


def classify(
    config: Config,
    flow: FlowTuple,
    from_zone: str,
    to_zone: str,
    *,
    registry: Mapping[str, Descriptor] = REGISTRY,
) -> Classified:
    """Judge the first packet of a session.

    flow: its tuple in the forward path, after destination NAT and before source NAT. The destination port of ICMP
    holds type * 256 + code, as conntrack's tuple does not. Raises ConfigError as compile_plan does.
    """
    zones = [config.zones.get(name) for name in (from_zone, to_zone)]
    if any(zone is None or zone.functional for zone in zones):
        return NO_TRANSIT
    algs = view(config, registry, from_zone)
    entries = numbered((*config.policies, *config.global_policies))
    count = len(config.policies)
    for place, entry in enumerate(entries):
        pair = (entry.policy.from_zone, entry.policy.to_zone)
        if (place >= count or pair == (from_zone, to_zone)) and (
            found := _judge(entry, flow, config.applications, algs)
        ):
            return found
    action = "permit" if config.default_policy.startswith("permit") else "deny"
    last = Policy(name="default-policy", from_zone="", to_zone="", action=action)
    return _judge(Numbered(DEFAULT, last), flow, config.applications, algs) or NO_TRANSIT


def _judge(entry: Numbered, flow: FlowTuple, applications: Applications, algs: InForce) -> Classified | None:
    policy = entry.policy
    source, destination = flow.source.address, flow.destination.address
    if not (
        _covered(source, policy.sources, policy.source_excluded)
        and _covered(destination, policy.destinations, policy.destination_excluded)
    ):
        return None
    for line in lines(named_terms(policy.applications, applications), algs):
        if _matches(line, flow):
            outcome = line.outcome if policy.action == "permit" else None
            alg, timeout_s = (outcome.alg, outcome.timeout_s) if outcome else ("", 0)
            return Classified(policy.action, policy.name, entry.number, line.application, alg, timeout_s)
    return None


def _covered(address: bytes, networks: Sequence[Network], excluded: bool) -> bool:
    host = ip_address(address)
    return (not networks or any(host in network for network in networks)) is not excluded


def _matches(line: Line, flow: FlowTuple) -> bool:
    if line.protocol is None:
        return True
    if line.protocol != flow.protocol:
        return False
    if line.icmp_type is not None:
        kind, code = divmod(flow.destination.port, 256)
        return line.icmp_type == kind and line.icmp_code in (None, code)
    source = line.source_ports or (0, 65535)
    return line.ports[0] <= flow.destination.port <= line.ports[1] and source[0] <= flow.source.port <= source[1]
