"""Real packets through compiled rulesets: the kernel decides what `classify` says, and NAT does what it promises."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from applianced.compiler.applications import UDP
from applianced.compiler.classify import classify
from applianced.compiler.compile import compile_plan
from applianced.compiler.marks import POLICY_TABLE
from applianced.config.alg_policies import AlgPolicies, AlgPolicy, PolicyAlg
from applianced.config.schema import Application, Config, Nat, NatMatch, NatRule, NatRuleSet, Policy, Pool, Term
from applianced.model.tuples import TCP, Endpoint, FlowTuple, packed
from applianced.tools.namespaces import IPV4, IPV6, PLANS, Plan, Topology
from tests.compiler.configurations import ZONES, known, networks, outbound
from tests.compiler.test_load import GATES
from tests.support.netns import unique_topology
from tests.support.until import until

pytestmark = pytest.mark.topology

SERVER = """
import selectors, socket, sys
watched = selectors.DefaultSelector()
for port in map(int, sys.argv[1:]):
    listening = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    datagrams.bind(("::", port))
    watched.register(listening, 1, True)
    watched.register(datagrams, 1, False)
print("ready", flush=True)
while True:
    for key, _ in watched.select():
        if key.data is True:
            watched.register(key.fileobj.accept()[0], 1, None)
        elif key.data is False:
            data, peer = key.fileobj.recvfrom(100)
            key.fileobj.sendto(peer[0].encode(), peer)
        elif data := key.fileobj.recv(100):
            key.fileobj.send(key.fileobj.getpeername()[0].encode())
        else:
            watched.unregister(key.fileobj)
            key.fileobj.close()
"""
"""Answers everything with the address that it came from."""

CLIENT = """
import socket, sys
kind, host, port, source, rounds = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
family = socket.AF_INET6 if ":" in host else socket.AF_INET
used = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
used.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
used.settimeout(0.4)
used.bind(("", source))
try:
    used.connect((host, port))
    for _ in range(rounds):
        used.send(b"x")
        answer = used.recv(100).decode().removeprefix("::ffff:")
    print(answer)
except OSError as error:
    print(type(error).__name__)
"""
LONG_CLIENT = """
import socket, sys
used = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)
try:
    while True:
        used.send(b"x")
        print(used.recv(100).decode().removeprefix("::ffff:"))
        sys.stdin.readline()
except OSError as error:
    print(type(error).__name__)
"""
"""Says one thing for each line that it reads."""
PORTS = (21, 80, 2100, 5000, 7000)


@pytest.fixture(scope="module")
def network() -> Iterator[Topology]:
    with unique_topology() as topology:
        topology.nft(topology.gateway, GATES)
        for namespace in (topology.client, topology.server):
            topology.popen(namespace, [sys.executable, "-c", SERVER, *map(str, PORTS)])
        for namespace in (topology.client, topology.server):
            until(lambda where=namespace: ":7000" in topology.run(where, ["ss", "-ltn"]).stdout, timeout_s=10)
        for plan, outside in ((IPV4, "198.51.101.0/24"), (IPV6, "2001:db8:99::/64")):
            route = ["ip", f"-{plan.version}", "route", "add", outside, "via", plan.public]
            topology.run(topology.server, route)
        topology.run(topology.server, ["ip", "route", "add", "198.51.100.0/24", "via", IPV4.public])
        yield topology


def load(topology: Topology, config: Config) -> None:
    topology.run(topology.gateway, ["conntrack", "-F"])
    topology.nft(topology.gateway, compile_plan(config).ruleset)


def call(
    topology: Topology, kind: str, host: str, port: int, *, source: int = 0, rounds: int = 1, outside: bool = False
) -> str:
    """What the other end says that the session comes from, or the name of the error."""
    argv = [sys.executable, "-c", CLIENT, kind, host, str(port), str(source), str(rounds)]
    return topology.run(topology.server if outside else topology.client, argv).stdout.strip()


def counters(topology: Topology) -> dict[str, int]:
    listed = topology.run(topology.gateway, ["nft", "-j", "list", "counters", "table", "inet", POLICY_TABLE]).stdout
    found = (entry["counter"] for entry in json.loads(listed)["nftables"] if "counter" in entry)
    return {counter["name"]: counter["packets"] for counter in found}


def entries(topology: Topology, *words: str) -> str:
    return topology.run(topology.gateway, ["conntrack", "-L", *words], check=False).stdout


def masqueraded(*policies: Policy, **leaves: object) -> Config:
    rule = NatRule(name="all", match=NatMatch(), action="interface")
    rule_set = NatRuleSet(name="out", from_zones=("trust",), to_zones=("untrust",), rules=(rule,))
    own = Application(
        name="slow", terms=(Term(protocol=UDP, destination_ports=(5000, 5010), inactivity_timeout_s=777),)
    )
    return Config(
        applications=known(own),
        zones=ZONES,
        policies=policies,
        nat=Nat(source=(rule_set,)),
        **leaves,  # type: ignore[arg-type]
    )


MIXED = masqueraded(
    outbound("web", "junos-http", destinations=networks("203.0.113.0/24"), count=True),
    outbound("not-here", "slow", sources=networks("10.71.1.0/25"), source_excluded=True),
    outbound("slow", "slow", count=True, log_close=True),
    outbound("refused", "junos-ftp", sources=networks("fd71:1::/64"), action="reject"),
    outbound("ftp", "junos-ftp", log_init=True),
    outbound("rest", destinations=networks("2001:db8:71::/64"), count=True),
)


@pytest.mark.parametrize("plan", PLANS.values(), ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_the_kernel_decides_as_classify_does(network: Topology, plan: Plan, kind: str) -> None:
    load(network, MIXED)
    for port in PORTS:
        before = counters(network)
        answer = call(network, kind, plan.server, port)
        hit = {name for name, count in counters(network).items() if name.startswith("hits") and count > before[name]}
        ends = Endpoint(packed(plan.client), 40000), Endpoint(packed(plan.server), port)
        expected = classify(MIXED, FlowTuple(TCP if kind == "tcp" else UDP, *ends), "trust", "untrust")
        assert hit == {f"hits_{expected.number}"}
        passes = {"permit": plan.public, "deny": "TimeoutError"}
        assert answer == passes.get(expected.action, "ConnectionRefusedError" if kind == "tcp" else answer)


@pytest.mark.parametrize("plan", PLANS.values(), ids=["ipv4", "ipv6"])
def test_the_session_carries_mark_and_timeout(network: Topology, plan: Plan) -> None:
    load(network, masqueraded(outbound("all", "slow", "junos-ftp")))
    assert call(network, "tcp", plan.server, 21) == plan.public
    assert call(network, "udp", plan.server, 5000) == plan.public
    family = ("-f", f"ipv{plan.version}")
    marks = set(re.findall(r"mark=(\d+)", entries(network, "-p", "tcp", *family)))
    assert marks <= {str(0x202), str(0x222)}
    assert marks
    assert re.search(r"udp +17 77\d ", entries(network, "-p", "udp", *family))
    assert "mark=0 " in entries(network, "-p", "udp", *family)


def test_count_counts_every_packet_of_its_own_policy_only(network: Topology) -> None:
    load(network, MIXED)
    call(network, "udp", IPV4.server, 5000, rounds=10)
    call(network, "udp", IPV6.server, 7000, rounds=3)
    assert counters(network) == {
        **dict.fromkeys(counters(network), 0),
        "hits_3": 1,
        "policy_3": 20,
        "hits_6": 1,
        "policy_6": 6,
    }


def test_a_deleted_session_is_reset_not_picked_up(network: Topology) -> None:
    load(network, MIXED)
    argv = ["ip", "netns", "exec", network.client, sys.executable, "-u", "-c", LONG_CLIENT, IPV4.server, "80"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stdout.readline().strip() == IPV4.public
        network.run(network.gateway, ["conntrack", "-D", "-p", "tcp"])
        client.stdin.write("\n")
        client.stdin.close()
        assert client.stdout.readline().strip() == "ConnectionResetError"
    assert entries(network, "-p", "tcp") == ""


@pytest.mark.parametrize("plan", PLANS.values(), ids=["ipv4", "ipv6"])
@pytest.mark.parametrize(("source", "low", "high"), [(100, 1, 511), (600, 512, 1023), (60000, 1024, 49151)])
def test_source_ports_stay_in_their_class(network: Topology, plan: Plan, source: int, low: int, high: int) -> None:
    load(network, masqueraded(outbound("all")))
    assert call(network, "udp", plan.server, 5000, source=source) == plan.public
    listed = entries(network, "-p", "udp", "-f", f"ipv{plan.version}", "--orig-port-src", str(source))
    port = int(re.findall(r"dport=(\d+)", listed)[1])
    assert low <= port <= high


@pytest.mark.parametrize("plan", PLANS.values(), ids=["ipv4", "ipv6"])
def test_ping_passes_source_nat(network: Topology, plan: Plan) -> None:
    load(network, masqueraded(outbound("all")))
    network.run(network.client, ["ping", "-c", "1", "-W", "2", plan.server])


def test_a_host_keeps_its_pool_address(network: Topology) -> None:
    pool = Pool(name="many", addresses=tuple(ip_network("198.51.100.0/29")))
    rule = NatRule(name="all", match=NatMatch(), action="pool", pool="many")
    rule_set = NatRuleSet(name="out", from_zones=("trust",), to_zones=("untrust",), rules=(rule,))
    config = replace(masqueraded(outbound("all")), nat=Nat(source_pools={"many": pool}, source=(rule_set,)))
    load(network, config)
    calls = [(kind, port) for kind in ("tcp", "udp") for port in PORTS]
    seen = {call(network, kind, IPV4.server, port) for kind, port in calls}
    assert len(seen) == 1
    assert ip_address(seen.pop()) in ip_network("198.51.100.0/29")


STATIC = {
    4: ("198.51.101.0/24", "10.71.1.0/24", "198.51.101.2"),
    6: ("2001:db8:99::/64", "fd71:1::/64", "2001:db8:99::2"),
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=["ipv4", "ipv6"])
def test_static_nat_maps_a_prefix_both_ways(network: Topology, plan: Plan) -> None:
    outside, inside, address = STATIC[plan.version]
    match = NatMatch(destinations=networks(outside))
    rule = NatRule(name="net", match=match, action="prefix", prefix=ip_network(inside))
    inbound = Policy(name="in", from_zone="untrust", to_zone="trust", action="permit")
    config = masqueraded(outbound("out"), inbound)
    static = (NatRuleSet(name="static", from_zones=("untrust",), rules=(rule,)),)
    load(network, replace(config, nat=replace(config.nat, static=static)))
    assert call(network, "tcp", address, 21, outside=True) == plan.server
    assert call(network, "udp", plan.server, 21) == address


def test_static_nat_maps_single_ports(network: Topology) -> None:
    match = NatMatch(destinations=networks("198.51.101.9/32"), destination_ports=((2120, 2121),))
    rule = NatRule(
        name="port", match=match, action="prefix", prefix=ip_network(f"{IPV4.client}/32"), mapped_port=(20, 21)
    )
    inbound = Policy(name="in", from_zone="untrust", to_zone="trust", action="permit", applications=("junos-ftp",))
    static = (NatRuleSet(name="static", from_zones=("untrust",), rules=(rule,)),)
    load(network, replace(masqueraded(inbound), nat=Nat(static=static)))
    assert call(network, "tcp", "198.51.101.9", 2121, outside=True) == IPV4.server
    assert call(network, "tcp", "198.51.101.9", 21, outside=True) != IPV4.server


@pytest.mark.parametrize("plan", PLANS.values(), ids=["ipv4", "ipv6"])
def test_destination_nat_to_another_port(network: Topology, plan: Plan) -> None:
    outside, _, _ = STATIC[plan.version]
    address = ip_network(outside)[7]
    pool = Pool(name="server", addresses=(ip_address(plan.client),), port=21)
    match = NatMatch(destinations=networks(f"{address}/{address.max_prefixlen}"), destination_ports=((2121, 2121),))
    rule = NatRule(name="ftp", match=match, action="pool", pool="server")
    rule_set = NatRuleSet(name="in", from_zones=("untrust",), rules=(rule,))
    inbound = Policy(name="in", from_zone="untrust", to_zone="trust", action="permit", applications=("junos-ftp",))
    load(network, replace(masqueraded(inbound), nat=Nat(destination_pools={"server": pool}, destination=(rule_set,))))
    assert call(network, "tcp", str(address), 2121, outside=True) == plan.server
    marks = set(re.findall(r"mark=(\d+)", entries(network, "-p", "tcp", "-f", f"ipv{plan.version}")))
    assert marks <= {str(0x202), str(0x222)}
    assert marks


def read(topology: Topology) -> bool:
    """Whether an ALG was to read the TCP session that was made since `load`."""
    marks = set(re.findall(r"mark=(\d+)", entries(topology, "-p", "tcp")))
    assert marks <= {"0", str(0x202), str(0x222)}
    return marks != {"0"}


def test_alg_policies_of_the_zone_where_a_session_enters(network: Topology) -> None:
    """One global policy for both directions: what the client opens is untouched, what the server opens is read, on one
    more port, too."""
    more = Application(name="more", terms=(Term(protocol=TCP, destination_ports=(2100, 2100)),))
    said = {"off": PolicyAlg(enabled=False), "more": PolicyAlg(services=("more",))}
    match = NatMatch(destinations=networks("198.51.101.0/24"))
    rule = NatRule(name="net", match=match, action="prefix", prefix=ip_network("10.71.1.0/24"))
    config = Config(
        applications=known(more),
        zones={**ZONES, "trust": replace(ZONES["trust"], alg_policy="off")},
        global_policies=(Policy(name="all", from_zone="", to_zone="", action="permit"),),
        nat=Nat(static=(NatRuleSet(name="static", from_zones=("untrust",), rules=(rule,)),)),
        alg_policies=AlgPolicies(
            policies={name: AlgPolicy(name=name, algs={"ftp": alg}) for name, alg in said.items()}, device="more"
        ),
    )
    for port, outside, expected in ((21, False, False), (2100, False, False), (21, True, True), (2100, True, True)):
        load(network, config)
        host = "198.51.101.2" if outside else IPV4.server
        assert call(network, "tcp", host, port, outside=outside) == (IPV4.server if outside else "198.51.101.2")
        assert read(network) is expected, (port, outside)
    load(network, config)
    assert call(network, "tcp", "198.51.101.2", 80, outside=True) == IPV4.server
    assert not read(network)


def test_host_inbound_traffic(network: Topology) -> None:
    zones = {"trust": replace(ZONES["trust"], services=("ping",)), "untrust": ZONES["untrust"]}
    load(network, replace(masqueraded(), zones=zones))
    for plan in PLANS.values():
        network.run(network.client, ["ping", "-c", "1", "-W", "2", plan.lan])
        assert network.run(network.server, ["ping", "-c", "1", "-W", "1", plan.public], check=False).returncode
    assert call(network, "tcp", IPV4.lan, 22) == "TimeoutError"
