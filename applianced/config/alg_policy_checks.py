"""Rules about `security alg policies` that YANG cannot say.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import NamedTuple

from applianced.config.alg_policies import AlgPolicy
from applianced.config.identities import APPLICATION_PROTOCOLS, KEEP_OFF, TRANSPORTS
from applianced.config.instances import APPLICATIONS, SECURITY
from applianced.config.schema import Config, PortRange, Term
from applianced.errors import ConfigError

POLICIES = f"{SECURITY}/applianced-alg:alg/applianced-alg-policies:policies"
_ALL_PORTS: PortRange = (0, 65535)


class _Service(NamedTuple):
    """One term of an application that an ALG policy names. path: of the leaf-list's entry."""

    path: str
    alg: str
    application: str
    term: Term


def policy_path(name: str) -> str:
    """The instance path of an ALG policy."""
    return f"{POLICIES}/policy[name='{name}']"


def unbuilt_services(config: Config, built: frozenset[str]) -> Iterator[ConfigError]:
    """Services of an ALG that does not exist would silently go unread. built: those that exist, by name."""
    for policy in config.alg_policies.policies.values():
        for path, alg, _ in _named(policy):
            if alg not in built:
                message = f"the {alg} ALG is not implemented in this release and reads no service; remove the service"
                yield ConfigError(path, message, tag="operation-not-supported")


def missing_services(config: Config) -> Iterator[ConfigError]:
    """A service is an application or set that exists."""
    applications, sets = config.applications.applications, config.applications.sets
    for policy in config.alg_policies.policies.values():
        for path, _, name in _named(policy):
            if name not in applications and name not in sets:
                message = f"there is no application or application-set '{name}'; define it under {APPLICATIONS}"
                yield ConfigError(path, message, tag="data-missing", app_tag="instance-required")


def unreadable_services(config: Config) -> Iterator[ConfigError]:
    """A service says which ports of which protocol, that protocol carries the ALG's own, and nothing contradicts."""
    for policy in config.alg_policies.policies.values():
        blamed: set[str] = set()
        for service in _terms(config, policy):
            if service.path not in blamed and (message := _unreadable(service)):
                blamed.add(service.path)
                yield ConfigError(service.path, message)


def shared_services(config: Config) -> Iterator[ConfigError]:
    """Two ALGs of a policy cannot read the same destination ports."""
    for policy in config.alg_policies.policies.values():
        faults = ((service.path, _shared(service, other)) for service, other in _sharing(_terms(config, policy)))
        yield from dict(faults).values()


def _sharing(services: Iterable[_Service]) -> Iterator[tuple[_Service, _Service]]:
    """Services that have destination ports of another ALG's, each with one of those."""
    spans = [(each.term.protocol or 0, *(each.term.destination_ports or _ALL_PORTS), each) for each in services]
    widest: dict[tuple[int, str], tuple[int, _Service]] = {}
    for protocol, low, high, service in sorted(spans, key=itemgetter(0, 1)):
        for (of_protocol, alg), (reach, other) in widest.items():
            if of_protocol == protocol and alg != service.alg and reach >= low:
                yield service, other
        known = widest.get((protocol, service.alg))
        if known is None or known[0] < high:
            widest[protocol, service.alg] = high, service


def _shared(service: _Service, other: _Service) -> ConfigError:
    message = f"application '{service.application}' has ports of '{other.application}', a service of {other.alg}"
    return ConfigError(service.path, f"{message}; leave them to one ALG")


def _named(policy: AlgPolicy) -> Iterator[tuple[str, str, str]]:
    """(path, ALG, service) of each entry."""
    for alg, said in policy.algs.items():
        for name in said.services:
            yield f"{policy_path(policy.name)}/alg[name='{alg}']/service[.='{name}']", alg, name


def _terms(config: Config, policy: AlgPolicy) -> Iterator[_Service]:
    """What the services consist of; those that do not exist are left to missing_services."""
    for path, alg, name in _named(policy):
        try:
            members = config.applications.members(name)
        except KeyError:
            continue
        for application in members:
            for term in application.terms:
                yield _Service(path, alg, application.name, term)


def _unreadable(service: _Service) -> str:
    """Why an ALG cannot read it; "" when it can."""
    _, alg, application, term = service
    transports = TRANSPORTS.get(alg, frozenset())
    if term.protocol not in transports:
        names = " or ".join("tcp" if one == 6 else "udp" for one in sorted(transports))
        return f"application '{application}' has another protocol than {alg}; name one of {names}"
    if term.destination_ports is None:
        return f"application '{application}' has no destination-port: {alg} would read all ports; set one"
    if term.alg in KEEP_OFF:
        return f"application '{application}' says '{term.alg}', which keeps every ALG off; name another"
    own = APPLICATION_PROTOCOLS.get(term.alg, "")
    if own and own != alg:
        return f"application '{application}' is read by {own}; name one that is not"
    return ""


ALG_POLICY_RULES = (missing_services, unreadable_services, shared_services)
