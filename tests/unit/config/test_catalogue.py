"""The predefined applications, sets and platform profiles."""

from __future__ import annotations

import pytest

from applianced.config.catalogue import PREDEFINED, PROFILES, predefined_data
from applianced.config.catalogue.rpc import INTERFACES, PROGRAMS
from applianced.config.decode import decode
from applianced.config.identities import APPLICATION_PROTOCOLS
from applianced.config.schema import Term


def _only(name: str) -> Term:
    (term,) = PREDEFINED.applications[name].terms
    return term


def test_every_name_is_there() -> None:
    # 185 of the vendor's list, where junos-stun counts as the set of two that newer releases have, and
    # junos-icmp6-packet-too-big in both its spellings.
    assert len(PREDEFINED.applications) == 187
    assert len(PREDEFINED.sets) == 24
    assert all(name == "any" or name.startswith("junos-") for name in PREDEFINED.applications)
    assert all(one.predefined and one.name == name for name, one in PREDEFINED.applications.items())


def test_names_are_of_one_kind_and_sets_are_complete() -> None:
    assert not PREDEFINED.sets.keys() & PREDEFINED.applications.keys()
    for name in PREDEFINED.sets:
        assert PREDEFINED.members(name)


def test_every_binding_is_a_known_protocol() -> None:
    terms = [term for one in PREDEFINED.applications.values() for term in one.terms]
    assert {term.alg for term in terms} - {""} <= APPLICATION_PROTOCOLS.keys()
    assert all(len(one.terms) <= 8 for one in PREDEFINED.applications.values())


@pytest.mark.parametrize(
    ("name", "protocol", "ports", "alg"),
    [
        ("junos-ftp", 6, (21, 21), "ftp"),
        ("junos-tftp", 17, (69, 69), "tftp"),
        ("junos-nsm", 17, (69, 69), "none"),
        ("junos-mgcp-ua", 17, (2427, 2427), "mgcp-ua"),
        ("junos-mgcp-ca", 17, (2727, 2727), "mgcp-ca"),
        ("junos-x-windows", 6, (6000, 6063), ""),
        ("junos-gre", 47, None, ""),
        ("any", None, None, ""),
    ],
)
def test_applications(name: str, protocol: int | None, ports: tuple[int, int] | None, alg: str) -> None:
    term = _only(name)
    assert (term.protocol, term.destination_ports, term.alg) == (protocol, ports, alg)


def test_terms_are_numbered() -> None:
    h323 = PREDEFINED.applications["junos-h323"]
    assert [(term.name, term.protocol, term.alg) for term in h323.terms[:3]] == [
        ("t1", 6, "q931"),
        ("t2", 17, "ras"),
        ("t3", 6, ""),
    ]


def test_timeouts_that_differ_from_the_protocol() -> None:
    timed = {
        name: term.inactivity_timeout_s
        for name, one in PREDEFINED.applications.items()
        for term in one.terms
        if term.inactivity_timeout_s is not None
    }
    assert timed == {"junos-http": 300, "junos-telnet": 28800}


def test_rpc_data_applications_name_what_the_alg_admits() -> None:
    for name, uuids in INTERFACES.items():
        assert tuple(term.uuid for term in PREDEFINED.applications[f"junos-ms-rpc-{name}"].terms) == uuids
    for name, numbers in PROGRAMS.items():
        terms = PREDEFINED.applications[f"junos-sun-rpc-{name}-udp"].terms
        assert tuple(term.rpc_program for term in terms) == numbers
        assert all(term.destination_ports is None and term.protocol == 17 for term in terms)


def test_a_set_bundles_control_and_data() -> None:
    assert PREDEFINED.sets["junos-sun-rpc-nfs"] == (
        "junos-sun-rpc-tcp",
        "junos-sun-rpc-udp",
        "junos-sun-rpc-portmap-tcp",
        "junos-sun-rpc-portmap-udp",
        "junos-sun-rpc-nfs-tcp",
        "junos-sun-rpc-nfs-udp",
    )


def test_the_data_decode_to_the_catalogue() -> None:
    decoded = decode(predefined_data()).applications
    assert decoded.sets == PREDEFINED.sets
    for name, one in PREDEFINED.applications.items():
        assert decoded.applications[name].terms == one.terms


def test_profiles() -> None:
    assert {name: len(algs) for name, algs in PROFILES.items()} == {"branch": 12, "high-end": 7, "sdwan": 5}
    assert all("ftp" in algs for algs in PROFILES.values())
    assert "ike-esp-nat" in PROFILES["sdwan"]
