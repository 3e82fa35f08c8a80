"""Rules that YANG cannot say: one pure function per rule, each fault with its instance path and what to do.

What YANG says (references to zones and pools, ranges, names, ports that need a protocol) is not repeated here.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from applianced.config.alg_policy_checks import ALG_POLICY_RULES, unbuilt_services
from applianced.config.catalogue import PREDEFINED
from applianced.config.identities import APPLICATION_PROTOCOLS, TRANSPORTS
from applianced.config.instances import (
    APPLICATIONS,
    SECURITY,
    alg_path,
    application_path,
    every_policy,
    every_rule,
    set_path,
    term_path,
)
from applianced.config.logins import unusable_keys
from applianced.config.nat_checks import NAT_RULES
from applianced.config.schema import Application, Config, Term
from applianced.config.urls import unusable_certificates
from applianced.errors import ConfigError

RESERVED_PREFIX = "junos-"
RESERVED_NAMES = frozenset(("any",))


def check(config: Config, built: frozenset[str], passed: Config | None = None) -> list[ConfigError]:
    """Every fault of a configuration, none when it can be compiled.

    built: ALGs that exist in this release, named as their containers.
    passed: one without faults; an application that is the very same object there is not looked at again.
    """
    fresh = _fresh(config, passed) if passed else config
    rest = (fault for rule in RULES for fault in rule(fresh if rule in OWN_RULES else config))
    return [*unbuilt_algs(fresh, built), *unbuilt_services(config, built), *rest]


def _fresh(config: Config, passed: Config) -> Config:
    """The configuration without those applications that it has in common with another."""
    known, applications = passed.applications.applications, config.applications
    own = {name: one for name, one in applications.applications.items() if known.get(name) is not one}
    return replace(config, applications=replace(applications, applications=own))


def _own(config: Config) -> Iterator[Application]:
    return (one for one in config.applications.applications.values() if not one.predefined)


def unbuilt_algs(config: Config, built: frozenset[str]) -> Iterator[ConfigError]:
    """An application that needs an ALG which does not exist would silently go unread."""
    for application in _own(config):
        for term in application.terms:
            alg = APPLICATION_PROTOCOLS.get(term.alg, "")
            if alg and alg not in built:
                yield ConfigError(
                    alg_path(application, term),
                    f"'{term.alg}' needs the {alg} ALG, which is not implemented in this release; "
                    "remove the leaf, or use 'ignore' to let the traffic pass unread",
                    tag="operation-not-supported",
                )


def alg_transports(config: Config) -> Iterator[ConfigError]:
    """An ALG reads the transport that its protocol runs on, and no other."""
    for application in _own(config):
        for term in application.terms:
            transports = TRANSPORTS.get(APPLICATION_PROTOCOLS.get(term.alg, ""))
            if transports and term.protocol not in transports:
                names = " or ".join("tcp" if one == 6 else "udp" for one in sorted(transports))
                yield ConfigError(
                    alg_path(application, term), f"'{term.alg}' runs over {names}; set 'protocol' accordingly"
                )


def rpc_selectors(config: Config) -> Iterator[ConfigError]:
    """`uuid` and `rpc-program-number` say what an ALG admits: without that ALG they would match nothing."""
    for application in _own(config):
        for term in application.terms:
            for leaf, value, alg, name in (
                ("uuid", term.uuid, "msrpc", "ms-rpc"),
                ("rpc-program-number", term.rpc_program, "sunrpc", "sun-rpc"),
            ):
                if value and APPLICATION_PROTOCOLS.get(term.alg) != alg:
                    path = f"{term_path(application, term)}/{leaf}"
                    yield ConfigError(path, f"'{leaf}' is for the {alg} ALG; name it with '{name}'")


def reserved_names(config: Config) -> Iterator[ConfigError]:
    """Predefined applications mean the same on every appliance."""
    message = f"names with '{RESERVED_PREFIX}' and 'any' are predefined; choose another name"
    for application in _own(config):
        if _is_reserved(application.name):
            yield ConfigError(f"{application_path(application.name)}/name", message)
    for name, members in config.applications.sets.items():
        if _is_reserved(name) and PREDEFINED.sets.get(name) != members:
            yield ConfigError(f"{set_path(name)}/name", message)


def _is_reserved(name: str) -> bool:
    return name.startswith(RESERVED_PREFIX) or name in RESERVED_NAMES


def shared_names(config: Config) -> Iterator[ConfigError]:
    """A policy names applications and sets in one leaf-list."""
    for name in config.applications.sets:
        if name in config.applications.applications:
            yield ConfigError(f"{set_path(name)}/name", f"an application is named '{name}', too; rename one of them")


def missing_applications(config: Config) -> Iterator[ConfigError]:
    """A policy or NAT rule names applications or sets that exist."""
    applications, sets = config.applications.applications, config.applications.sets
    named = (
        *((f"{path}/match", policy.applications) for path, policy in every_policy(config)),
        *((f"{path}/match", rule.match.applications) for path, _, rule in every_rule(config)),
    )
    for path, names in named:
        for name in names:
            if name not in applications and name not in sets:
                message = f"there is no application or application-set '{name}'; define it under {APPLICATIONS}"
                where = f"{path}/application[.='{name}']"
                yield ConfigError(where, message, tag="data-missing", app_tag="instance-required")


def duplicate_terms(config: Config) -> Iterator[ConfigError]:
    """A term that matches what an earlier one matches never decides."""
    for application in _own(config):
        seen: dict[tuple[object, ...], str] = {}
        for term in application.terms if len(application.terms) > 1 else ():
            first = seen.setdefault(_matched(term), term.name)
            if first != term.name:
                message = f"it matches the same as term '{first}' and never decides; remove it"
                yield ConfigError(term_path(application, term), message)


def _matched(term: Term) -> tuple[object, ...]:
    return (
        *(term.protocol, term.source_ports, term.destination_ports, term.icmp_type, term.icmp_code),
        *(term.uuid, term.rpc_program),
    )


def shared_interfaces(config: Config) -> Iterator[ConfigError]:
    """An interface belongs to one zone."""
    owner: dict[str, str] = {}
    for zone in config.zones.values():
        place = "functional-zone/management" if zone.functional else f"security-zone[name='{zone.name}']"
        for interface in zone.interfaces:
            first = owner.setdefault(interface, zone.name)
            if first != zone.name:
                path = f"{SECURITY}/zones/{place}/interfaces[name='{interface}']"
                yield ConfigError(path, f"'{interface}' is in zone '{first}' already; remove it from one of them")


def shared_books(config: Config) -> Iterator[ConfigError]:
    """A zone has one address book besides `global`, or a name could mean two things."""
    owner: dict[str, str] = {}
    for book in config.address_books:
        for zone in book.zones:
            first = owner.setdefault(zone, book.name)
            if first != book.name:
                path = f"{SECURITY}/address-book[name='{book.name}']/attach/zone[name='{zone}']"
                yield ConfigError(path, f"zone '{zone}' uses address book '{first}' already; detach one of them")


def excluded_any(config: Config) -> Iterator[ConfigError]:
    """Everything but everything is nothing."""
    for path, policy in every_policy(config):
        for leaf, excluded, networks in (
            ("source-address-excluded", policy.source_excluded, policy.sources),
            ("destination-address-excluded", policy.destination_excluded, policy.destinations),
        ):
            if excluded and not networks:
                yield ConfigError(f"{path}/match/{leaf}", "'any' excluded matches nothing; name addresses instead")


def trace_match(config: Config) -> Iterator[ConfigError]:
    """The trace's regular expression compiles."""
    try:
        re.compile(config.trace.match)
    except (re.error, OverflowError, RecursionError) as error:
        path = f"{SECURITY}/applianced-alg:alg/traceoptions/file/match"
        yield ConfigError(path, f"this is not a regular expression: {error}")


OWN_RULES = frozenset((alg_transports, rpc_selectors, reserved_names, duplicate_terms))
"""Those that look at one application after the other, and at nothing else but sets."""

RULES: Iterable[Callable[[Config], Iterator[ConfigError]]] = (
    alg_transports,
    rpc_selectors,
    reserved_names,
    shared_names,
    missing_applications,
    duplicate_terms,
    shared_interfaces,
    shared_books,
    excluded_any,
    trace_match,
    unusable_keys,
    *ALG_POLICY_RULES,
    unusable_certificates,
    *NAT_RULES,
)
