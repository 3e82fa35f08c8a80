"""Instance paths of configured objects, and the objects with their paths (RFC 7951 6.11 form).

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from collections.abc import Iterator

from applianced.config.schema import Application, Config, NatRule, NatRuleSet, Policy, Term

APPLICATIONS = "/applianced-applications:applications"
SECURITY = "/applianced-security:security"
NAT = f"{SECURITY}/applianced-nat:nat"


def application_path(name: str) -> str:
    return f"{APPLICATIONS}/application[name='{name}']"


def set_path(name: str) -> str:
    return f"{APPLICATIONS}/application-set[name='{name}']"


def term_path(application: Application, term: Term) -> str:
    """Of the term, or of the application when the term is the application's own leaves."""
    path = application_path(application.name)
    return f"{path}/term[name='{term.name}']" if term.name else path


def alg_path(application: Application, term: Term) -> str:
    """Of the leaf that names the term's ALG."""
    return f"{term_path(application, term)}/{'alg' if term.name else 'application-protocol'}"


def every_policy(config: Config) -> Iterator[tuple[str, Policy]]:
    """(path, policy) of policies between zones, then of global ones."""
    for policy in config.policies:
        pair = f"policy[from-zone-name='{policy.from_zone}'][to-zone-name='{policy.to_zone}']"
        yield f"{SECURITY}/policies/{pair}/policy[name='{policy.name}']", policy
    for policy in config.global_policies:
        yield f"{SECURITY}/policies/global/policy[name='{policy.name}']", policy


def rules_of(kind: str, rule_sets: tuple[NatRuleSet, ...]) -> Iterator[tuple[str, NatRuleSet, NatRule]]:
    """(path, rule-set, rule). kind: source, destination or static."""
    for rule_set in rule_sets:
        for rule in rule_set.rules:
            yield f"{NAT}/{kind}/rule-set[name='{rule_set.name}']/rule[name='{rule.name}']", rule_set, rule


def every_rule(config: Config) -> Iterator[tuple[str, NatRuleSet, NatRule]]:
    """(path, rule-set, rule) of all NAT."""
    yield from rules_of("source", config.nat.source)
    yield from rules_of("destination", config.nat.destination)
    yield from rules_of("static", config.nat.static)
