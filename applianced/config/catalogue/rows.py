"""Short constructors for the rows of the catalogue."""

from __future__ import annotations

from dataclasses import replace

from applianced.config.schema import Application, PortRange, Term

ICMP = 1
TCP = 6
UDP = 17
ICMP6 = 58
SCTP = 132


def app(name: str, *terms: Term, timeout_s: float | None = None) -> Application:
    """A predefined application, without its prefix `junos-`; several terms are named t1, t2, ..."""
    named = terms if len(terms) == 1 else tuple(replace(term, name=f"t{n}") for n, term in enumerate(terms, start=1))
    timed = tuple(replace(term, inactivity_timeout_s=timeout_s) for term in named)
    return Application(name=f"junos-{name}", terms=timed, predefined=True)


def tcp(low: int, high: int = 0, *, alg: str = "") -> Term:
    return Term(protocol=TCP, destination_ports=_ports(low, high), alg=alg)


def udp(low: int, high: int = 0, *, alg: str = "") -> Term:
    return Term(protocol=UDP, destination_ports=_ports(low, high), alg=alg)


def ip(protocol: int, *, alg: str = "") -> Term:
    return Term(protocol=protocol, alg=alg)


def icmp6(icmp_type: int, code: int | None = None) -> Term:
    """ICMPv6 (RFC 4443)."""
    return Term(protocol=ICMP6, icmp_type=icmp_type, icmp_code=code)


def interface(uuid: str, protocol: int = TCP) -> Term:
    """Data sessions of a DCE/RPC interface, whatever port the mapper gave it."""
    return Term(protocol=protocol, alg="ms-rpc", uuid=uuid)


def program(number: str, protocol: int) -> Term:
    """Data sessions of an ONC RPC program, whatever port the mapper gave it."""
    return Term(protocol=protocol, alg="sun-rpc", rpc_program=number)


def _ports(low: int, high: int) -> PortRange:
    return (low, high or low)
