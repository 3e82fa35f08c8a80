"""Who decides about an ALG, and what is in force then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from applianced.alg.registry import REGISTRY
from applianced.compiler import settings
from applianced.compiler.applications import UDP, Claim
from applianced.compiler.classify import classify
from applianced.compiler.compile import compile_plan
from applianced.compiler.deciding import By, Decided, decided, views
from applianced.config.alg_policies import AlgPolicies, AlgPolicy, PolicyAlg
from applianced.config.schema import AlgConfig, Application, Config, Policy, System, Term, Zone
from applianced.errors import ConfigError
from applianced.model.tuples import TCP, Endpoint, FlowTuple, packed
from tests.compiler.configurations import known

OFF = PolicyAlg(enabled=False)
ODD = Application(name="odd", terms=(Term(protocol=TCP, destination_ports=(2100, 2121)),))
FROM_20 = Application(name="from-20", terms=(Term(protocol=TCP, source_ports=(20, 20), destination_ports=(9, 9)),))
IGNORED = Application(name="ignored", terms=(Term(protocol=TCP, destination_ports=(2110, 2110), alg="ignore"),))
EVERYTHING = Policy(name="all", from_zone="", to_zone="", action="permit")


def policies(device: str = "", **said: PolicyAlg) -> AlgPolicies:
    """ALG policies, each with what it says about FTP; `silent` says nothing about it."""
    named = {name: AlgPolicy(name=name, algs={"ftp": alg}) for name, alg in said.items()}
    return AlgPolicies(policies={**named, "silent": AlgPolicy(name="silent", algs={"mgcp": OFF})}, device=device)


def config(alg_policies: AlgPolicies, guest: str = "", *, algs: str = "default", profile: str = "branch") -> Config:
    """Zones trust and guest, guest with its ALG policy; everything is permitted."""
    return Config(
        applications=known(ODD, FROM_20, IGNORED, odds=("odd",)),
        zones={
            "trust": Zone(name="trust", interfaces=("lan0",)),
            "guest": Zone(name="guest", interfaces=("wlan0",), alg_policy=guest),
        },
        global_policies=(EVERYTHING,),
        alg_policies=alg_policies,
        algs={"ftp": AlgConfig(name="ftp", state=algs)},
        system=System(platform_profile=profile),
    )


@pytest.mark.parametrize(
    ("configured", "expected"),
    [
        pytest.param(
            config(policies("d", d=OFF, z=PolicyAlg()), "z", algs="disabled"),
            Decided(True, By.ZONE_POLICY, "zone policy z"),
            id="zone before all",
        ),
        pytest.param(
            config(policies("d", d=PolicyAlg(), z=OFF), "z"),
            Decided(False, By.ZONE_POLICY, "zone policy z"),
            id="zone off",
        ),
        pytest.param(
            config(policies("d", d=PolicyAlg()), "silent", algs="disabled"),
            Decided(True, By.DEVICE_POLICY, "device policy d"),
            id="a zone's that is silent leaves it to the device's",
        ),
        pytest.param(
            config(policies("silent"), "silent", algs="disabled"),
            Decided(False, By.SECURITY_ALG, "security alg ftp disable"),
            id="then security alg",
        ),
        pytest.param(
            config(policies(), algs="enabled", profile="high-end"),
            Decided(True, By.SECURITY_ALG, "security alg ftp"),
            id="security alg on",
        ),
        pytest.param(
            config(policies(z=OFF)), Decided(True, By.PLATFORM_PROFILE, "platform-profile branch"), id="not attached"
        ),
    ],
)
def test_precedence(configured: Config, expected: Decided) -> None:
    assert decided(configured, "ftp", "guest") == expected


def test_the_device_knows_no_zone_policy() -> None:
    configured = config(policies("d", d=OFF, z=PolicyAlg()), "z")
    assert decided(configured, "ftp") == decided(configured, "ftp", "trust")
    assert decided(configured, "ftp").by is By.DEVICE_POLICY


def test_an_unknown_profile_is_named() -> None:
    with pytest.raises(ConfigError, match="'x' is not one of"):
        decided(config(policies(), profile="x"), "ftp")


def test_services_come_from_who_decides() -> None:
    configured = config(policies("d", d=PolicyAlg(services=("odd",)), z=PolicyAlg(services=("from-20",))), "z")
    assert decided(configured, "ftp", "guest").services == ("from-20",)
    assert decided(configured, "ftp", "trust").services == ("odd",)
    found = views(configured, REGISTRY)
    assert found.of("guest").services == (Claim(TCP, (9, 9), (20, 20), "ftp"),)
    assert found.of("trust").services == (Claim(TCP, (2100, 2121), None, "ftp"),)


def test_zones_alike_are_one_view() -> None:
    configured = config(policies(z=OFF, also=OFF), "z")
    more = {name: Zone(name=name, alg_policy=policy) for name, policy in (("a", "also"), ("same", "silent"))}
    found = views(replace(configured, zones={**configured.zones, **more}), REGISTRY)
    assert found.alike == {"a": "a", "guest": "a"}
    assert set(found.algs) == {"", "a"}


def read_by(configured: Config, from_zone: str, port: int, source: int = 40000) -> str:
    """The ALG of a TCP session to this port that enters by a zone."""
    client, server = Endpoint(packed("10.0.0.1"), source), Endpoint(packed("192.0.2.1"), port)
    return classify(configured, FlowTuple(TCP, client, server), from_zone, "trust").alg


def test_what_enters_by_a_zone_is_read_as_its_policy_says() -> None:
    configured = config(policies("d", d=PolicyAlg(services=("odds", "from-20")), z=OFF), "z")
    assert [read_by(configured, "trust", port) for port in (21, 2100, 2121, 2122, 80)] == ["ftp", "ftp", "ftp", "", ""]
    assert [read_by(configured, "trust", 9, source) for source in (20, 21)] == ["ftp", ""]
    assert {read_by(configured, "guest", port) for port in (21, 2100, 80)} == {""}


def test_only_what_the_alg_can_read_of_a_service_counts() -> None:
    """What the checks refuse matches nothing here, either."""
    terms = (Term(protocol=UDP, destination_ports=(2100, 2100)), Term(protocol=TCP, uuid="any"), Term(icmp_type=8))
    mixed = Application(name="mixed", terms=(*terms, Term(protocol=TCP, destination_ports=(2100, 2100))))
    configured = config(policies("d", d=PolicyAlg(services=("mixed",))))
    configured = replace(configured, applications=known(mixed))
    assert views(configured, REGISTRY).of("trust").services == (Claim(TCP, (2100, 2100), None, "ftp"),)


def test_a_service_is_read_where_the_policy_permits_its_protocol() -> None:
    datagrams = Application(name="datagrams", terms=(Term(protocol=UDP, destination_ports=(2000, 2200)),))
    configured = config(policies("d", d=PolicyAlg(services=("odd",))))
    configured = replace(
        configured,
        applications=known(ODD, datagrams),
        global_policies=(replace(EVERYTHING, applications=("datagrams", "any")),),
    )
    assert read_by(configured, "trust", 2100) == "ftp"
    ends = Endpoint(packed("10.0.0.1"), 40000), Endpoint(packed("192.0.2.1"), 2100)
    found = classify(configured, FlowTuple(UDP, *ends), "trust", "trust")
    assert (found.application, found.alg) == ("datagrams", "")


def test_a_service_permits_nothing() -> None:
    configured = config(policies("d", d=PolicyAlg(services=("odd",))))
    configured = replace(configured, global_policies=(replace(EVERYTHING, applications=("junos-http",)),))
    assert compile_plan(configured).control_ports == ()
    assert read_by(configured, "trust", 2100) == ""


def test_an_application_that_keeps_algs_off_goes_before_a_service() -> None:
    configured = config(policies("d", d=PolicyAlg(services=("odd",))))
    own = replace(EVERYTHING, applications=("ignored", "any"))
    configured = replace(configured, global_policies=(own,))
    assert read_by(configured, "trust", 2110) == ""
    assert read_by(configured, "trust", 2111) == "ftp"


def test_services_are_control_ports() -> None:
    plan = compile_plan(config(policies("d", d=PolicyAlg(services=("odd",)))))
    of_tcp = [(low, high) for protocol, low, high in plan.control_ports if protocol == TCP]
    assert of_tcp == [(21, 21), (53, 53), (1723, 1723), (2100, 2121), (5060, 5061)]


def test_the_plan_names_who_decided() -> None:
    configured = config(policies("d", d=OFF, z=PolicyAlg(services=("odd",))), "z")
    ftp = next(alg for alg in settings.plans(configured, REGISTRY) if alg.name == "ftp")
    assert (ftp.state, ftp.origin, ftp.decided_by) == ("disabled", "device policy d", "device-policy")
    (guest,) = ftp.zones
    assert (guest.zone, guest.state, guest.origin, guest.services) == ("guest", "enabled", "zone policy z", ("odd",))
    assert ftp.read
    assert ftp.settings, "workers need them, since one zone has it on"
    assert (ftp.enabled_in("guest"), ftp.enabled_in("trust")) == (True, False)


def test_an_alg_that_is_off_everywhere_has_no_settings() -> None:
    configured = config(policies("d", d=OFF, z=OFF), "z")
    ftp = next(alg for alg in settings.plans(configured, REGISTRY) if alg.name == "ftp")
    assert (ftp.read, ftp.settings) == (False, {})


def test_no_zone_policy_no_chain_more() -> None:
    """A policy that is as the device's, or that only the zone of a pair needs, adds no chain to the ruleset."""
    plain = compile_plan(config(policies()))
    same = compile_plan(config(policies(z=PolicyAlg()), "z"))
    assert same.ruleset == plain.ruleset
    off = compile_plan(config(policies(z=OFF), "z"))
    assert set(off.chains) - set(plain.chains) == {"global/guest"}
