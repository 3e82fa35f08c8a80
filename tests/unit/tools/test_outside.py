"""What the NAT rules make of a session, without a kernel."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from applianced.config.schema import Config, Nat, NatMatch, NatRule, NatRuleSet, Pool
from applianced.model.tuples import ORIGINAL, REPLY, TCP, Endpoint, FlowTuple, packed, text
from applianced.tools.outside import given, translate, unknown
from tests.support.configs import FTP_OUT


def flow(client: str, server: str, port: int = 21) -> FlowTuple:
    return FlowTuple(TCP, Endpoint(packed(client), 40000), Endpoint(packed(server), port))


def outside(config: Config, session: FlowTuple, zones: tuple[str, str] = ("trust", "untrust")) -> tuple[str, str]:
    found = translate(config, session, *zones)
    assert found.translated is (found.outside(ORIGINAL) != session.source.address or session != found.original)
    return text(found.outside(ORIGINAL)), text(found.outside(REPLY))


def nat(config: Config, **parts: object) -> Config:
    return replace(config, nat=Nat(**parts))  # type: ignore[arg-type]


def test_interface() -> None:
    assert outside(FTP_OUT, flow("10.0.0.2", "198.51.100.1")) == ("203.0.113.1", "198.51.100.1")
    assert outside(FTP_OUT, flow("fd00::2", "2001:db8:1::1")) == ("2001:db8::99", "2001:db8:1::1")
    assert outside(FTP_OUT, flow("10.0.0.2", "198.51.100.1"), ("untrust", "trust")) == ("10.0.0.2", "198.51.100.1")


def test_interface_without_an_address_in_the_configuration() -> None:
    config, session = replace(FTP_OUT, interfaces=()), flow("10.0.0.2", "198.51.100.1")
    assert outside(config, session)[0] == "10.0.0.2"
    assert unknown(config, session, "trust", "untrust")
    assert not unknown(config, session, "untrust", "trust")
    assert not unknown(FTP_OUT, session, "trust", "untrust")


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (NatMatch(), "203.0.113.7"),
        (NatMatch(sources=(ip_network("10.0.0.0/8"),), protocols=(6,)), "203.0.113.7"),
        (NatMatch(sources=(ip_network("10.9.0.0/16"),)), "10.0.0.2"),
        (NatMatch(destinations=(ip_network("192.0.2.0/24"),)), "10.0.0.2"),
        (NatMatch(protocols=(17,)), "10.0.0.2"),
    ],
)
def test_pool(match: NatMatch, expected: str) -> None:
    rules = (NatRuleSet(name="s", rules=(NatRule(name="r", match=match, action="pool", pool="p"),)),)
    config = nat(FTP_OUT, source=rules, source_pools={"p": Pool(name="p", addresses=(ip_address("203.0.113.7"),))})
    assert outside(config, flow("10.0.0.2", "198.51.100.1"))[0] == expected


def test_source_nat_off() -> None:
    rules = (NatRuleSet(name="s", rules=(NatRule(name="r", match=NatMatch(), action="off"),)),)
    assert outside(nat(FTP_OUT, source=rules), flow("10.0.0.2", "198.51.100.1"))[0] == "10.0.0.2"


def test_static() -> None:
    match = NatMatch(destinations=(ip_network("203.0.113.64/28"),))
    rule = NatRule(name="r", match=match, action="prefix", prefix=ip_network("10.0.0.0/28"))
    config = nat(FTP_OUT, static=(NatRuleSet(name="s", from_zones=("untrust",), rules=(rule,)),))
    assert outside(config, flow("198.51.100.9", "10.0.0.5"), ("untrust", "trust")) == ("198.51.100.9", "203.0.113.69")
    assert outside(config, flow("10.0.0.5", "198.51.100.9")) == ("203.0.113.69", "198.51.100.9")
    assert outside(config, flow("10.0.1.5", "198.51.100.9")) == ("10.0.1.5", "198.51.100.9")


def test_destination() -> None:
    match = NatMatch(destinations=(ip_network("203.0.113.5/32"),), destination_ports=((2121, 2121),))
    rules = (
        NatRule(name="none", match=NatMatch(), action="off"),
        NatRule(name="r", match=match, action="pool", pool="p"),
    )
    pool = Pool(name="p", addresses=(ip_address("10.0.0.5"),), port=21)
    config = nat(FTP_OUT, destination=(NatRuleSet(name="d", rules=rules),), destination_pools={"p": pool})
    found = translate(config, flow("198.51.100.9", "10.0.0.5"), "untrust", "trust")
    assert found.original.destination == Endpoint(packed("203.0.113.5"), 2121)
    assert found.translated
    assert outside(config, flow("198.51.100.9", "10.0.0.5", 22), ("untrust", "trust"))[1] == "10.0.0.5"


def test_given() -> None:
    assert given(flow("10.0.0.2", "198.51.100.1"), packed("192.0.2.1")).outside(ORIGINAL) == packed("192.0.2.1")
