"""Configurations that cannot be expressed: ConfigError with what to do."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from applianced.compiler.classify import NO_TRANSIT, classify
from applianced.compiler.compile import compile_plan
from applianced.compiler.pools import beside
from applianced.config.schema import (
    Config,
    Nat,
    NatMatch,
    NatRule,
    NatRuleSet,
    Pool,
    PortRange,
    System,
    Zone,
)
from applianced.errors import ConfigError
from applianced.model.tuples import Endpoint, FlowTuple, packed
from tests.compiler.configurations import ZONES, known, networks, outbound


def refused(config: Config) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        compile_plan(config)
    return caught.value


def static(inside: str, ports: tuple[PortRange, ...] = (), mapped: PortRange | None = None) -> Config:
    match = NatMatch(destinations=networks("198.51.100.0/24"), destination_ports=ports)
    rule = NatRule(name="r", match=match, action="prefix", prefix=networks(inside)[0], mapped_port=mapped)
    return Config(zones=ZONES, nat=Nat(static=(NatRuleSet(name="s", from_zones=("untrust",), rules=(rule,)),)))


def test_unknown_application() -> None:
    error = refused(Config(zones=ZONES, policies=(outbound("p", "gone"),)))
    assert error.app_tag == "missing-instance"
    assert "gone" in error.message


@pytest.mark.parametrize("name", ['lan0"; drop', "a b", "", "sixteen-octets-x"])
def test_a_name_that_is_no_interface_never_reaches_nft(name: str) -> None:
    assert "interface" in refused(Config(zones={"trust": Zone(name="trust", interfaces=(name,))})).message


def test_a_name_that_is_no_identifier_never_reaches_nft() -> None:
    zone = Zone(name="tr{ust", interfaces=("lan0",), services=("ssh",))
    assert "cannot be a name" in refused(Config(zones={zone.name: zone})).message


def test_unknown_service() -> None:
    zone = Zone(name="trust", interfaces=("lan0",), services=("gopher",))
    assert "gopher" in refused(Config(zones={"trust": zone})).message


def test_unknown_profile() -> None:
    assert refused(Config(system=System(platform_profile="huge"))).path.endswith("platform-profile")


@pytest.mark.parametrize("kind", ["source", "destination"])
def test_unknown_pool(kind: str) -> None:
    rule = NatRule(name="r", match=NatMatch(), action="pool", pool="gone")
    rule_set = NatRuleSet(name="s", from_zones=("trust",), to_zones=("untrust",), rules=(rule,))
    nat = Nat(source=(rule_set,)) if kind == "source" else Nat(destination=(rule_set,))
    assert refused(Config(zones=ZONES, nat=nat)).path.endswith(kind)


def test_static_prefixes_of_different_length() -> None:
    assert "as long as" in refused(static("10.0.0.0/25")).message


def test_static_ports_of_different_number() -> None:
    assert "different number" in refused(static("10.0.0.0/24", ((20, 22),), (20, 21))).message


def test_static_ports_of_too_many_hosts() -> None:
    assert "more than" in refused(static("10.0.0.0/24", ((1, 100),), (1, 100))).message


def test_alg_ports_that_leave_nothing() -> None:
    assert beside((2048, 65535)) == (1024, 2047)
    assert beside((1024, 40000)) == (40001, 65535)
    with pytest.raises(ConfigError, match="narrow"):
        beside((1024, 65535))


@pytest.mark.parametrize("queues", [0, 17])
def test_number_of_queues(queues: int) -> None:
    config = Config(applications=known(), zones=ZONES, policies=(outbound("p", "junos-ftp"),))
    with pytest.raises(ValueError, match="queues"):
        compile_plan(config, queues=queues)


def test_a_session_between_no_zones_is_denied() -> None:
    flow = FlowTuple(6, Endpoint(packed("10.0.0.1"), 1), Endpoint(packed("10.0.0.2"), 2))
    assert classify(Config(zones=ZONES), flow, "trust", "") == NO_TRANSIT


def test_pool_addresses_with_ports_of_their_own_are_in_the_plan() -> None:
    pool = Pool(name="p", addresses=(ip_address("192.0.2.1"), ip_address("2001:db8::1")), alg_port_range=(30000, 30999))
    plan = compile_plan(Config(nat=Nat(source_pools={"p": pool, "q": Pool(name="q")})))
    assert plan.alg_port_ranges == {
        "": (49152, 65535),
        "192.0.2.1": (30000, 30999),
        "2001:db8::1": (30000, 30999),
    }
