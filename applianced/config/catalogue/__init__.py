"""The catalogue of predefined applications and ALG states: system data (RFC 8342), never part of running.

Names, ports and sets are those of Junos, so that a policy written for an SRX means the same here.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from typing import Any

from applianced.config.catalogue.gateways import GATEWAYS
from applianced.config.catalogue.rpc import RPC
from applianced.config.catalogue.services import ANY, SERVICES
from applianced.config.catalogue.sets import SETS
from applianced.config.ports import PROTOCOLS
from applianced.config.schema import Application, Applications, PortRange, Term

__all__ = ["ANY", "PREDEFINED", "PROFILES", "predefined_data"]

PREDEFINED = Applications(
    applications={row.name: row for row in sorted((*GATEWAYS, *RPC, *SERVICES), key=lambda row: row.name)}, sets=SETS
)
"""Every predefined application and set."""

_HIGH_END = frozenset(("dns", "ftp", "msrpc", "pptp", "sunrpc", "talk", "tftp"))

PROFILES = {
    "branch": _HIGH_END | {"h323", "mgcp", "rtsp", "sccp", "sip"},
    "high-end": _HIGH_END,
    "sdwan": frozenset(("ftp", "pptp", "sip", "tftp", "ike-esp-nat")),
}
"""`system platform-profile` -> ALGs that are on without being configured."""

_PROTOCOL_NAMES = {number: name for name, number in PROTOCOLS.items()}


def predefined_data() -> dict[str, Any]:
    """The catalogue as RFC 7951 JSON data of applianced-applications, for the system datastore."""
    return {
        "applianced-applications:applications": {
            "application": [_application(row) for row in PREDEFINED.applications.values()],
            "application-set": [
                {"name": name, "application": [{"name": member} for member in members]}
                for name, members in PREDEFINED.sets.items()
            ],
        }
    }


def _application(row: Application) -> dict[str, Any]:
    if len(row.terms) == 1:
        return {"name": row.name, **_term(row.terms[0], "application-protocol")}
    return {"name": row.name, "term": [{"name": term.name, **_term(term, "alg")} for term in row.terms]}


def _term(term: Term, alg: str) -> dict[str, Any]:
    icmp = "icmp6" if term.protocol == PROTOCOLS["icmp6"] else "icmp"
    leaves = {
        alg: f"applianced-applications:{term.alg}" if term.alg else None,
        "protocol": _protocol(term.protocol),
        "destination-port": _ports(term.destination_ports),
        f"{icmp}-type": term.icmp_type,
        f"{icmp}-code": term.icmp_code,
        "rpc-program-number": term.rpc_program or None,
        "uuid": term.uuid or None,
        "inactivity-timeout": None if term.inactivity_timeout_s is None else int(term.inactivity_timeout_s),
    }
    return {name: value for name, value in leaves.items() if value is not None}


def _protocol(number: int | None) -> str | None:
    return None if number is None else _PROTOCOL_NAMES.get(number, str(number))


def _ports(ports: PortRange | None) -> str | None:
    if ports is None:
        return None
    low, high = ports
    return str(low) if low == high else f"{low}-{high}"
