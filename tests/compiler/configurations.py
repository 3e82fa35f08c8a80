"""The configurations of the cases: a function each, whose docstring says what the case is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_network
from math import inf
from typing import NamedTuple

from applianced.config.alg_policies import AlgPolicies, AlgPolicy, PolicyAlg
from applianced.config.catalogue import PREDEFINED
from applianced.config.schema import (
    AlgConfig,
    Application,
    Applications,
    Config,
    Flow,
    Link,
    Log,
    LogStream,
    Nat,
    NatMatch,
    NatRule,
    NatRuleSet,
    Network,
    Policy,
    Pool,
    System,
    Term,
    Zone,
)

TRUST = Zone(name="trust", interfaces=("lan0",))
UNTRUST = Zone(name="untrust", interfaces=("wan0",))
ZONES = {"trust": TRUST, "untrust": UNTRUST}


class Case(NamedTuple):
    """What is compiled, and for how many workers."""

    config: Config
    queues: int = 2


CASES: dict[str, Callable[[], Case]] = {}


def case(function: Callable[[], Case]) -> Callable[[], Case]:
    CASES[function.__name__.replace("_", "-")] = function
    return function


def networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


def outbound(name: str, *applications: str, action: str = "permit", **leaves: object) -> Policy:
    """A policy from trust to untrust."""
    return Policy(
        name=name,
        from_zone="trust",
        to_zone="untrust",
        applications=applications,
        action=action,
        **leaves,  # type: ignore[arg-type]
    )


def known(*own: Application, **sets: tuple[str, ...]) -> Applications:
    """The predefined applications and these."""
    return Applications(
        applications={**PREDEFINED.applications, **{each.name: each for each in own}},
        sets={**PREDEFINED.sets, **sets},
    )


@case
def empty() -> Case:
    """Nothing configured: nothing passes, nothing is read."""
    return Case(Config())


@case
def nat_ftp() -> Case:
    """The first thing that anybody configures: FTP and ping from inside, behind the outside address."""
    rule = NatRule(name="all", match=NatMatch(), action="interface")
    rule_set = NatRuleSet(name="out", from_zones=("trust",), to_zones=("untrust",), rules=(rule,))
    return Case(
        Config(
            applications=known(),
            zones=ZONES,
            policies=(outbound("ftp", "junos-ftp", "junos-ping", "junos-pingv6"),),
            nat=Nat(source=(rule_set,)),
            log=Log(streams=(LogStream(name="s", host=ip_address("192.0.2.9")),)),
            interfaces=(Link(name="lan0", mtu=1500),),
        )
    )


@case
def zones() -> Case:
    """Several interfaces, traffic inside a zone, a management zone, host-inbound-traffic, global policies."""
    zones = {
        "trust": Zone(
            name="trust",
            interfaces=("lan1", "lan0", "lan0.10@x"),
            services=("ssh", "ping"),
            interface_services={"lan1": ("dns", "dhcp")},
            interface_protocols={"lan0.10@x": ("ospf", "bgp")},
        ),
        "untrust": Zone(name="untrust", interfaces=("wan0",), services=("all",), protocols=("all",)),
        "empty": Zone(name="empty"),
        "management": Zone(name="management", interfaces=("mgmt0",), services=("netconf",), functional=True),
    }
    inside = Policy(name="inside", from_zone="trust", to_zone="trust", action="permit")
    nowhere = Policy(name="nowhere", from_zone="empty", to_zone="trust", action="permit", applications=("junos-ssh",))
    everywhere = Policy(name="web", from_zone="", to_zone="", action="permit", applications=("junos-https",))
    return Case(
        Config(
            applications=known(),
            zones=zones,
            policies=(inside, nowhere),
            global_policies=(everywhere,),
            default_policy="permit",
            system=System(netconf_port=8300),
        )
    )


@case
def policies() -> Case:
    """Actions, addresses of both families, exclusion, logs and counters."""
    return Case(
        Config(
            applications=known(),
            zones=ZONES,
            policies=(
                outbound("one-family", "junos-http", sources=networks("10.0.0.0/9", "10.128.0.0/9"), count=True),
                outbound("both", "junos-ftp", sources=networks("10.0.0.0/8", "fd00::/8"), log_init=True, count=True),
                outbound("crossed", "any", sources=networks("10.1.0.0/16"), destinations=networks("2001:db8::/32")),
                outbound("v6-host", "any", destinations=networks("2001:db8::7/128"), action="reject", count=True),
                outbound("but", "junos-ssh", sources=networks("10.2.0.0/16"), source_excluded=True, log_close=True),
                outbound("not-v4", sources=networks("0.0.0.0/0"), source_excluded=True, count=True),
                outbound("v4", "junos-cifs", sources=networks("0.0.0.0/0"), destinations=networks("192.0.2.1/32")),
                outbound("never", "any", destination_excluded=True),
                outbound("rest", action="deny", log_init=True, log_close=True),
            ),
        )
    )


@case
def applications() -> Case:
    """Terms of every kind in one policy; overlapping ports go to the first; ALGs by term, by port, and kept off."""
    own = (
        Application(name="old-ftp", terms=(Term(protocol=6, destination_ports=(2000, 2100), alg="ftp"),)),
        Application(name="inner", terms=(Term(protocol=6, destination_ports=(2050, 2060), alg="ignore"),)),
        Application(name="wide", terms=(Term(protocol=6, destination_ports=(1900, 2200), inactivity_timeout_s=90),)),
        Application(name="quiet", terms=(Term(protocol=17, destination_ports=(7, 7), inactivity_timeout_s=inf),)),
        Application(
            name="terms",
            terms=(
                Term(name="a", protocol=6, source_ports=(20, 20), destination_ports=(1024, 65535)),
                Term(name="b", protocol=17, source_ports=(53, 53)),
                Term(name="c", protocol=1, icmp_type=8, icmp_code=0),
                Term(name="d", protocol=58, icmp_type=128),
                Term(name="e", protocol=47),
                Term(name="f", protocol=132, destination_ports=(2905, 2905)),
                Term(name="g", destination_ports=(5000, 5001)),
                Term(name="h", protocol=47, destination_ports=(1, 1)),
            ),
        ),
        Application(name="udp-ftp", terms=(Term(protocol=17, destination_ports=(21, 21), alg="ftp"),)),
        Application(name="any-ftp", terms=(Term(alg="ftp"),)),
        Application(name="all-tcp", terms=(Term(protocol=6),)),
    )
    return Case(
        Config(
            applications=known(*own, several=("inner", "old-ftp", "wide")),
            zones=ZONES,
            policies=(
                outbound("sets", "several", "quiet", "udp-ftp", "junos-sip", "junos-ms-rpc-any", "junos-ftp-data"),
                outbound("terms", "terms", "junos-http"),
                outbound("tcp", "all-tcp"),
                outbound("data-only", "junos-ms-rpc-epm"),
                outbound("ftp-on-any-port", "any-ftp", sources=networks("10.9.0.0/16"), destinations=networks("::/0")),
                outbound("ftp-anywhere", "any-ftp", sources=networks("10.9.0.0/16")),
            ),
        )
    )


@case
def source_nat() -> Case:
    """Interface and pools, both families, ports of their own, `off`, interfaces before zones."""
    pools = (
        Pool(name="one", addresses=(ip_address("198.51.100.1"),), alg_port_range=(2048, 40000)),
        Pool(name="six", addresses=(ip_address("2001:db8::1"),), port_range=(5000, 6000)),
        Pool(name="many", addresses=tuple(ip_network("198.51.100.16/30"))),
        Pool(name="mixed", addresses=(ip_address("198.51.100.2"), ip_address("2001:db8::2"))),
        Pool(name="unused", addresses=(ip_address("2001:db8::3"),), alg_port_range=(50000, 50999)),
    )
    by_zone = NatRuleSet(
        name="zones",
        from_zones=("trust",),
        to_zones=("untrust",),
        rules=(
            NatRule(name="off", match=NatMatch(destinations=networks("192.0.2.0/24")), action="off"),
            NatRule(name="one", match=NatMatch(sources=networks("10.1.0.0/16")), action="pool", pool="one"),
            NatRule(name="six", match=NatMatch(protocols=(6,)), action="pool", pool="six"),
            NatRule(name="many", match=NatMatch(applications=("junos-ftp",)), action="pool", pool="many"),
            NatRule(
                name="mixed",
                match=NatMatch(destination_ports=((80, 80), (443, 443)), source_ports=((1024, 65535),)),
                action="pool",
                pool="mixed",
            ),
            NatRule(name="rest", match=NatMatch(), action="interface"),
        ),
    )
    ping = NatRule(name="ping", match=NatMatch(protocols=(1, 58)), action="off")
    by_interface = NatRuleSet(name="special", from_interfaces=("lan0",), to_interfaces=("wan0",), rules=(ping,))
    gone = NatRuleSet(name="gone", from_zones=("gone",), to_zones=("untrust",), rules=(ping,))
    nat = Nat(source_pools={pool.name: pool for pool in pools}, source=(by_zone, gone, by_interface))
    return Case(Config(applications=known(), zones=ZONES, policies=(outbound("all"),), nat=nat))


@case
def destination_nat() -> Case:
    """Servers inside: addresses, ports, several servers, IPv6; the port before translation is a control port too."""
    pools = (
        Pool(name="ftp", addresses=(ip_address("10.0.0.5"),), port=21),
        Pool(name="six", addresses=(ip_address("fd00::5"),), port=21),
        Pool(name="farm", addresses=tuple(ip_network("10.0.1.0/30"))),
        Pool(name="farm-port", addresses=(ip_address("10.0.2.1"), ip_address("10.0.2.2")), port=8080),
        Pool(name="both", addresses=(ip_address("10.0.3.1"), ip_address("fd00::3")), port=21),
    )
    outside = networks("198.51.100.1/32")
    own = Application(name="odd", terms=(Term(), Term(protocol=6, source_ports=(9, 9)), Term(protocol=50)))
    rules = (
        NatRule(name="off", match=NatMatch(sources=networks("192.0.2.0/24")), action="off"),
        NatRule(
            name="ftp",
            match=NatMatch(destinations=outside, destination_ports=((2121, 2121),), protocols=(6, 1)),
            action="pool",
            pool="ftp",
        ),
        NatRule(
            name="six",
            match=NatMatch(destinations=networks("2001:db8::1/128"), applications=("junos-http",)),
            action="pool",
            pool="six",
        ),
        NatRule(name="farm", match=NatMatch(destinations=outside, protocols=(17,)), action="pool", pool="farm"),
        NatRule(
            name="web",
            match=NatMatch(destinations=outside, applications=("junos-ping", "junos-http", "odd")),
            action="pool",
            pool="farm-port",
        ),
        NatRule(name="portless", match=NatMatch(destinations=outside, protocols=(47,)), action="pool", pool="ftp"),
        NatRule(name="odd", match=NatMatch(applications=("odd",)), action="pool", pool="farm"),
        NatRule(name="any", match=NatMatch(applications=("any",)), action="pool", pool="both"),
    )
    rule_set = NatRuleSet(name="in", from_zones=("untrust",), rules=rules)
    gone = NatRuleSet(name="gone", from_zones=("gone",), rules=rules)
    inbound = Policy(name="in", from_zone="untrust", to_zone="trust", action="permit", applications=("junos-ftp",))
    nat = Nat(destination_pools={pool.name: pool for pool in pools}, destination=(rule_set, gone))
    return Case(Config(applications=known(own), zones=ZONES, policies=(inbound,), nat=nat))


@case
def static_nat() -> Case:
    """Hosts, prefixes and ports, both families, both directions; overlapping rules keep their order."""

    def rule(outside: str, inside: str, **match: object) -> NatRule:
        mapped = match.pop("mapped", None)
        return NatRule(
            name=f"to-{inside}",
            match=NatMatch(destinations=networks(outside), **match),  # type: ignore[arg-type]
            action="prefix",
            prefix=ip_network(inside),
            mapped_port=mapped,  # type: ignore[arg-type]
        )

    rules = (
        rule("198.51.100.5/32", "10.0.0.5/32"),
        rule("198.51.101.0/24", "10.0.1.0/24"),
        rule("198.51.101.128/25", "10.0.9.0/25"),
        rule("2001:db8:5::/64", "fd00:5::/64"),
        rule("198.51.102.1/32", "10.0.2.1/32", sources=networks("192.0.2.0/24")),
        rule("198.51.103.0/31", "10.0.3.0/31", destination_ports=((2020, 2021),), mapped=(20, 21)),
        rule("2001:db8:6::1/128", "fd00:6::1/128", destination_ports=((2021, 2021),), mapped=(21, 21)),
        rule("198.51.104.1/32", "10.0.4.1/32", destination_ports=((9000, 9000),), mapped=(9, 9)),
        rule("198.51.105.1/32", "10.0.5.1/32", destination_ports=((25, 25),)),
        rule("198.51.106.1/32", "10.0.6.1/32", sources=networks("2001:db8::/32")),
    )
    rule_set = NatRuleSet(name="static", from_zones=("untrust",), rules=rules)
    gone = NatRuleSet(name="gone", from_zones=("gone",), rules=rules[:1])
    inbound = Policy(name="in", from_zone="untrust", to_zone="trust", action="permit", applications=("junos-ftp",))
    return Case(Config(applications=known(), zones=ZONES, policies=(inbound,), nat=Nat(static=(rule_set, gone))))


@case
def fail_open_with_one_worker() -> Case:
    """A single worker needs no choice; fail-open is part of the mark."""
    flow = Flow(alg_fail_mode="open")
    return Case(Config(applications=known(), zones=ZONES, policies=(outbound("all"),), flow=flow), 1)


@case
def alg_disabled() -> Case:
    """A disabled ALG reads nothing, whatever the application says."""
    off = {"ftp": AlgConfig(name="ftp", state="disabled", leaves={"line_break_extension": True})}
    return Case(Config(applications=known(), zones=ZONES, policies=(outbound("ftp", "junos-ftp"),), algs=off))


@case
def alg_policies() -> Case:
    """The policy of the device reads another port, those of two zones turn the ALG off: global and default policies
    come once more for these two together, and policies of a pair once, as its first zone has it."""
    odd = Application(name="odd", terms=(Term(protocol=6, destination_ports=(2121, 2121)),))
    said = {"base": PolicyAlg(services=("odd",)), "off": PolicyAlg(enabled=False), "none": PolicyAlg(enabled=False)}
    zones = {
        **ZONES,
        "guest": Zone(name="guest", interfaces=("wlan0",), alg_policy="off"),
        "lab": Zone(name="lab", interfaces=("lab0",), alg_policy="none"),
    }
    permitted = Policy(name="tcp", from_zone="", to_zone="", action="permit", applications=("all-tcp",), count=True)
    return Case(
        Config(
            applications=known(odd, Application(name="all-tcp", terms=(Term(protocol=6),))),
            zones=zones,
            policies=(
                outbound("ftp", "junos-ftp"),
                Policy(name="guests", from_zone="guest", to_zone="untrust", action="permit"),
            ),
            global_policies=(
                replace(permitted, name="here", sources=networks("10.0.0.0/8", "fd00::/8")),
                permitted,
                replace(permitted, name="no", action="deny"),
            ),
            default_policy="permit",
            alg_policies=AlgPolicies(
                policies={name: AlgPolicy(name=name, algs={"ftp": alg}) for name, alg in said.items()}, device="base"
            ),
        )
    )


@case
def alg_settings() -> Case:
    """Settings of an ALG reach the plan; the largest number of workers."""
    on = {"ftp": AlgConfig(name="ftp", state="enabled", leaves={"line_break_extension": True}, traced=True)}
    return Case(Config(applications=known(), zones=ZONES, policies=(outbound("ftp", "junos-ftp"),), algs=on), 16)


@case
def ike_esp() -> Case:
    """IKE is read, by whatever worker reads the gateway's other hosts: the hash is of the far side's address."""
    on = {"ike-esp-nat": AlgConfig(name="ike-esp-nat", state="enabled", leaves={"esp_gate_timeout": 30})}
    return Case(Config(applications=known(), zones=ZONES, policies=(outbound("ike", "junos-ike"),), algs=on))


@case
def services_offload() -> Case:
    """What may pass the rules by: not what an ALG reads, what has a longer timeout, or other policies' sessions."""
    slow = Application(
        name="slow", terms=(Term(protocol=6, destination_ports=(8000, 8000), inactivity_timeout_s=9000),)
    )
    game = Application(name="game", terms=(Term(protocol=17, destination_ports=(8000, 8000), inactivity_timeout_s=61),))
    same = Application(name="same", terms=(Term(protocol=17, destination_ports=(8001, 8001), inactivity_timeout_s=60),))
    never = Application(
        name="never", terms=(Term(protocol=6, destination_ports=(8002, 8002), inactivity_timeout_s=inf),)
    )
    everywhere = Policy(
        name="web", from_zone="", to_zone="", action="permit", applications=("junos-https",), offload=True
    )
    management = Zone(name="management", interfaces=("mgmt0",), functional=True)
    return Case(
        Config(
            applications=known(slow, game, same, never),
            zones={**ZONES, "management": management},
            policies=(
                outbound("ssh", "junos-ssh", offload=True, log_close=True),
                outbound("counted", "junos-smtp", count=True),
                outbound("mixed", "junos-ftp", "slow", "game", "same", "never", "junos-http", offload=True),
                outbound("denied", action="deny"),
            ),
            global_policies=(everywhere,),
        )
    )
