"""`applications`: configured ones, joined with the predefined."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import inf
from typing import Any

from applianced.config.catalogue import PREDEFINED
from applianced.config.decode.memo import Memo
from applianced.config.decode.node import MISSING, Node, fail, parse_ports, parse_protocol, quoted
from applianced.config.ports import PROTOCOLS
from applianced.config.schema import Application, Applications, PortRange, Term
from applianced.config.sets import Members, flatten
from applianced.errors import ConfigError

ROOT = "applianced-applications:applications"
_LIST = f"/{ROOT}/application"

_ports = lru_cache(maxsize=65536)(parse_ports)
_protocol = lru_cache(maxsize=512)(parse_protocol)


def decode_applications(
    data: Mapping[str, Any], memo: Memo[Application] | None, faults: list[ConfigError]
) -> Applications:
    """The predefined catalogue with what is configured. memo: of earlier ones. faults: takes members of sets that are
    not there. Raises ConfigError."""
    root = Node(data).child(ROOT)
    own = (memo or Memo()).decoded(root.data.get("application", ()), _application)
    applications = PREDEFINED.applications | {application.name: application for application in own}
    return Applications(applications=applications, sets={**PREDEFINED.sets, **_sets(root, applications, faults)})


def _sets(root: Node, known: Mapping[str, Application], faults: list[ConfigError]) -> dict[str, tuple[str, ...]]:
    own = {
        entry.text("name"): Members(
            names=tuple(_member(member, known, faults) for member in entry.entries("application")),
            sets=tuple(member.text("name") for member in entry.entries("application-set")),
            path=entry.path,
            nested="application-set",
        )
        for entry in root.entries("application-set")
    }
    return flatten(own, PREDEFINED.sets, faults)


def _member(member: Node, known: Mapping[str, Application], faults: list[ConfigError]) -> str:
    name = member.text("name")
    if name not in known:
        message = f"there is no application '{name}'; define it or remove it from the set"
        faults.append(ConfigError(member.path, message, **MISSING))
    return name


def _application(entry: Mapping[str, Any]) -> Application:
    """One entry. Paths are made only for a fault: there may be ten thousand entries."""
    terms = entry.get("term")
    if not terms:
        return Application(name=_name(entry, _LIST), terms=(_term(entry, "", "application-protocol", _LIST),))
    path = f"{_LIST}[name={quoted(str(entry.get('name')))}]/term"
    return Application(
        name=_name(entry, _LIST), terms=tuple(_term(term, _name(term, path), "alg", path) for term in terms)
    )


def _name(entry: Mapping[str, Any], path: str) -> str:
    name = entry.get("name")
    return name if isinstance(name, str) else fail(path, "an entry has no name")


def _term(entry: Mapping[str, Any], name: str, alg: str, path: str) -> Term:
    try:
        return _parsed(entry, name, alg)
    except _PortsError as error:
        fail(f"{path}[name={quoted(str(entry.get('name')))}]/{error.leaf}", str(error))
    except (TypeError, ValueError) as error:
        fail(f"{path}[name={quoted(str(entry.get('name')))}]", f"this cannot be read: {error}")


def _parsed(entry: Mapping[str, Any], name: str, alg: str) -> Term:
    get = entry.get
    protocol = get("protocol")
    timeout = get("inactivity-timeout")
    six = protocol is not None and _protocol(str(protocol)) == PROTOCOLS["icmp6"]
    return Term(
        name=name,
        protocol=None if protocol is None else _protocol(str(protocol)),
        source_ports=_optional_ports(entry, "source-port"),
        destination_ports=_optional_ports(entry, "destination-port"),
        icmp_type=get("icmp6-type" if six else "icmp-type"),
        icmp_code=get("icmp6-code" if six else "icmp-code"),
        alg=get(alg, "").rpartition(":")[2],
        inactivity_timeout_s=None if timeout is None else inf if timeout == "never" else float(timeout),
        uuid=get("uuid", "").lower(),
        rpc_program=get("rpc-program-number", ""),
    )


class _PortsError(ValueError):
    """leaf: the one that holds no range of ports."""

    def __init__(self, leaf: str, message: str) -> None:
        super().__init__(message)
        self.leaf = leaf


def _optional_ports(entry: Mapping[str, Any], leaf: str) -> PortRange | None:
    text = entry.get(leaf)
    try:
        return None if text is None else _ports(str(text))
    except ValueError as error:
        raise _PortsError(leaf, str(error)) from None
