"""Which module of the collection configures which part of the model, and the example that its documentation shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Part:
    """path: names from the top, without modules. argument: its name in `config`, "" when it is all of `config`.
    without: children that another module configures."""

    path: tuple[str, ...]
    argument: str = ""
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resource:
    """name: of the module. subject: what it configures, for its documentation.

    needs: configuration (RFC 7951) that must be there before the examples. example: `config` as one writes it.
    other: another one, which replaces it. removal: what `deleted` names.
    """

    name: str
    subject: str
    parts: tuple[Part, ...]
    example: Any
    other: Any
    removal: Any
    needs: Mapping[str, Any] = field(default_factory=dict)


_ZONES = {
    "applianced-security:security": {
        "zones": {"security-zone": [{"name": "trust"}, {"name": "untrust"}]},
    }
}
_APPLICATION = {"name": "ftp-2121", "protocol": "tcp", "destination_port": "2121", "application_protocol": "ftp"}


def _policy(name: str, action: str, *applications: str) -> dict[str, Any]:
    match = {"source_address": ["any"], "destination_address": ["any"], "application": list(applications)}
    return {"name": name, "match": match, "then": {action: True}}


def _between(*policies: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"from_zone_name": "trust", "to_zone_name": "untrust", "policy": list(policies)}]


def _from_trust(name: str, *rules: dict[str, Any], to: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "from": {"zone": ["trust"]},
        **({"to": {"zone": ["untrust"]}} if to else {}),
        "rule": list(rules),
    }


def _static(name: str, outside: str, inside: str) -> dict[str, Any]:
    to = {"static_nat": {"prefix": {"addr_prefix": inside}}}
    return {"name": name, "match": {"destination_address": outside}, "then": to}


def _pooled(name: str, kind: str, pool: str, **match: Any) -> dict[str, Any]:
    return {"name": name, "match": match, "then": {kind: {"pool": {"pool_name": pool}}}}


RESOURCES = (
    Resource(
        name="alg",
        subject="the settings of the application layer gateways",
        parts=(Part(("security", "alg"), without=("policies",)),),
        example={"ftp": {"ftps_extension": True}, "tftp": {"disable": True}},
        other={"ftp": {"line_break_extension": True}},
        removal={"ftp": {}},
    ),
    Resource(
        name="alg_policy",
        subject="ALG policies: which ALGs are on, what else they read, and which role may see and change them",
        parts=(Part(("security", "alg", "policies", "policy")),),
        example=[
            {
                "name": "branch-base",
                "description": "What every branch has",
                "tag": ["branch"],
                "alg": [{"name": "ftp", "service": ["ftp-2121"]}, {"name": "sip", "disable": True}],
                "permissions": {"enterprise_operator": "hide"},
            },
            {"name": "closed", "alg": [{"name": "ftp", "disable": True}]},
        ],
        other=[{"name": "branch-base", "alg": [{"name": "tftp"}]}],
        removal=[{"name": "closed"}],
        needs={
            "applianced-applications:applications": {
                "application": [{"name": "ftp-2121", "protocol": "tcp", "destination-port": "2121"}]
            }
        },
    ),
    Resource(
        name="applications",
        subject="applications: protocols and ports that policies and ALGs go by",
        parts=(Part(("applications", "application")),),
        example=[
            _APPLICATION,
            {
                "name": "files",
                "term": [{"name": "control", "protocol": "tcp", "destination_port": "8021", "alg": "ftp"}],
            },
        ],
        other=[{"name": "ftp-2121", "protocol": "tcp", "destination_port": "2122", "inactivity_timeout": "never"}],
        removal=[{"name": "files"}],
    ),
    Resource(
        name="application_sets",
        subject="named sets of applications",
        parts=(Part(("applications", "application-set")),),
        example=[
            {"name": "transfers", "application": [{"name": "junos-ftp"}, {"name": "junos-tftp"}]},
            {"name": "office", "description": "What an office uses", "application_set": [{"name": "transfers"}]},
        ],
        other=[{"name": "transfers", "application": [{"name": "junos-ftp"}]}],
        removal=[{"name": "office"}],
    ),
    Resource(
        name="zones",
        subject="security zones: interfaces, what the appliance itself answers there, and the ALG policy of each",
        parts=(Part(("security", "zones")),),
        example={
            "security_zone": [
                {
                    "name": "trust",
                    "interfaces": [{"name": "lan0"}],
                    "host_inbound_traffic": {"system_services": [{"name": "ping"}]},
                },
                {"name": "dmz", "interfaces": [{"name": "dmz0"}]},
            ]
        },
        other={"security_zone": [{"name": "trust", "description": "The office", "interfaces": [{"name": "lan1"}]}]},
        removal={"security_zone": [{"name": "dmz"}]},
    ),
    Resource(
        name="address_book",
        subject="address books: names of addresses and of sets of them",
        parts=(Part(("security", "address-book")),),
        example=[
            {
                "name": "global",
                "address": [
                    {"name": "office", "ip_prefix": "10.71.0.0/16"},
                    {"name": "dc", "ip_prefix": "10.72.0.0/16"},
                ],
                "address_set": [{"name": "sites", "address": [{"name": "office"}, {"name": "dc"}]}],
            },
            {"name": "hosts", "address": [{"name": "www", "ip_prefix": "203.0.113.80/32"}]},
        ],
        other=[{"name": "global", "address": [{"name": "office", "ip_prefix": "10.73.0.0/16"}]}],
        removal=[{"name": "hosts"}],
    ),
    Resource(
        name="policies",
        subject="security policies: between zones, global, and the default",
        parts=(Part(("security", "policies")),),
        example={
            "policy": _between(_policy("files", "permit", "junos-ftp", "junos-tftp"), _policy("rest", "deny", "any")),
            "default_policy": {"deny_all": True},
        },
        other={
            "policy": _between(
                _policy("rest", "deny", "any"),
                _policy("web", "permit", "junos-http"),
                _policy("files", "reject", "junos-ftp"),
            )
        },
        removal={"default_policy": {}},
        needs=_ZONES,
    ),
    Resource(
        name="nat_source",
        subject="source NAT: pools, rule sets, and the ports that are kept for ALGs",
        parts=(Part(("security", "nat", "source")),),
        example={
            "pool": [{"name": "outside", "address": [{"name": "203.0.113.1/32"}]}],
            "rule_set": [
                _from_trust(
                    "out",
                    _pooled("office", "source_nat", "outside", source_address=["10.71.0.0/16"]),
                    {"name": "rest", "match": {"source_address": ["0.0.0.0/0"]}, "then": {"source_nat": {"off": True}}},
                    to=True,
                )
            ],
        },
        other={
            "rule_set": [
                _from_trust("out", _pooled("all", "source_nat", "outside", source_address=["0.0.0.0/0"]), to=True)
            ]
        },
        removal={"rule_set": [{"name": "out"}]},
        needs=_ZONES,
    ),
    Resource(
        name="nat_static",
        subject="static NAT: one outside prefix for one inside prefix, both ways",
        parts=(Part(("security", "nat", "static")),),
        example={
            "rule_set": [
                _from_trust("in", _static("www", "203.0.113.80/32", "10.71.0.80/32")),
                _from_trust("more", _static("mail", "203.0.113.25/32", "10.71.0.25/32")),
            ]
        },
        other={"rule_set": [_from_trust("in", _static("www", "203.0.113.80/32", "10.71.0.81/32"))]},
        removal={"rule_set": [{"name": "more"}]},
        needs=_ZONES,
    ),
    Resource(
        name="nat_destination",
        subject="destination NAT: pools of inside servers and the rules that lead to them",
        parts=(Part(("security", "nat", "destination")),),
        example={
            "pool": [{"name": "www", "address": {"ip_prefix": "10.71.0.80/32", "port": 8080}}],
            "rule_set": [
                _from_trust(
                    "in",
                    _pooled(
                        "web",
                        "destination_nat",
                        "www",
                        destination_address=["203.0.113.1/32"],
                        destination_port=["80"],
                        protocol=["tcp"],
                    ),
                )
            ],
        },
        other={"pool": [{"name": "www", "address": {"ip_prefix": "10.71.0.81/32"}}]},
        removal={"rule_set": [{"name": "in"}]},
        needs=_ZONES,
    ),
    Resource(
        name="system",
        subject="the system: host name, platform profile, and the services of management",
        parts=(Part(("system",), without=("login",)),),
        example={"host_name": "gw7.example.net", "services": {"netconf": {"idle_timeout": 3600}}},
        other={"host_name": "gw8.example.net"},
        removal={"services": {}},
    ),
    Resource(
        name="users_roles",
        subject="users, what a failed login costs, and access control (RFC 8341)",
        parts=(Part(("system", "login"), argument="login"), Part(("nacm",), argument="nacm")),
        example={
            "login": {"user": [{"name": "olga", "authentication": {"ssh_public_key": ["{key}"]}}]},
            "nacm": {
                "groups": {"group": [{"name": "enterprise-operator", "user_name": ["olga"]}]},
                "rule_list": [
                    {
                        "name": "operators",
                        "group": ["enterprise-operator"],
                        "rule": [
                            {"name": "read-state", "module_name": "*", "access_operations": "read", "action": "permit"}
                        ],
                    }
                ],
            },
        },
        other={"nacm": {"groups": {"group": [{"name": "enterprise-operator", "user_name": ["olga", "otto"]}]}}},
        removal={"nacm": {"rule_list": [{"name": "operators"}]}},
    ),
)
