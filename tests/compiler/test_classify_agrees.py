"""The ruleset and `classify` are two forms of one decision: any configuration, any session."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

from hypothesis import given, settings
from hypothesis import strategies as st

from applianced.alg.contract import Descriptor
from applianced.alg.registry import REGISTRY
from applianced.compiler.classify import Classified, classify
from applianced.compiler.compile import compile_ruleset
from applianced.config.alg_policies import AlgPolicies, AlgPolicy, PolicyAlg
from applianced.config.schema import AlgConfig, Application, Applications, Config, Policy, Term, Zone
from applianced.model.tuples import Endpoint, FlowTuple, packed
from tests.compiler.interpreter import Packet, Verdict, run
from tests.support.datagrams import WordAlg
from tests.support.soak import rounds

FTP = REGISTRY["ftp"]
SECOND = Descriptor(
    name="sip",
    ports=((17, 5), (6, 5)),
    streams=FTP.streams,
    datagrams=WordAlg,
    settings=FTP.settings,
    events={},
)
BUILT = {"ftp": FTP, "sip": SECOND}
ZONES = {
    "a": Zone(name="a", interfaces=("a0", "a1")),
    "b": Zone(name="b", interfaces=("b0",)),
    "m": Zone(name="m", interfaces=("m0",), functional=True),
}
OF_INTERFACE = {interface: zone.name for zone in ZONES.values() for interface in zone.interfaces} | {"x0": ""}

small = st.integers(0, 30)
ranges = st.tuples(small, small).map(sorted).map(tuple)
terms = st.builds(
    Term,
    protocol=st.sampled_from([None, 1, 6, 6, 6, 17, 47, 58, 132]),
    source_ports=st.none() | st.none() | ranges,
    destination_ports=st.none() | ranges,
    icmp_type=st.none() | st.integers(0, 2),
    icmp_code=st.none() | st.integers(0, 1),
    alg=st.sampled_from(["", "", "ftp", "sip", "ignore", "none", "http", "shell"]),
    inactivity_timeout_s=st.none() | st.sampled_from([0, 9, 600]),
    uuid=st.sampled_from(["", "", "", "1"]),
)
hosts = ("10.0.0.1", "10.0.0.2", "10.0.1.1", "fd00::1", "fd00::2")
networks = st.lists(
    st.sampled_from(["10.0.0.0/24", "10.0.0.1/32", "10.0.0.2/31", "0.0.0.0/0", "fd00::/64", "fd00::1/128", "::/0"]).map(
        ip_network
    ),
    max_size=2,
).map(tuple)


said = st.builds(
    PolicyAlg,
    enabled=st.booleans(),
    services=st.lists(st.sampled_from(["app0", "app1", "app2", "pair"]), max_size=2).map(tuple),
)
alg_policies = st.builds(
    AlgPolicies,
    policies=st.fixed_dictionaries(
        {
            name: st.builds(AlgPolicy, name=st.just(name), algs=st.dictionaries(st.sampled_from(sorted(BUILT)), said))
            for name in ("one", "two")
        }
    ),
    device=st.sampled_from(["", "", "one", "two"]),
)
attached = st.sampled_from(["", "one", "two"])


@st.composite
def configurations(draw: st.DrawFn) -> Config:
    made = [Application(name=f"app{n}", terms=tuple(draw(st.lists(terms, min_size=1, max_size=3)))) for n in range(4)]
    names = st.lists(st.sampled_from([each.name for each in made] + ["pair"]), max_size=3).map(tuple)
    policies = st.builds(
        Policy,
        name=st.sampled_from("pqrs"),
        from_zone=st.sampled_from("ab"),
        to_zone=st.sampled_from("ab"),
        sources=networks,
        destinations=networks,
        source_excluded=st.sampled_from([False, False, True]),
        destination_excluded=st.sampled_from([False, False, True]),
        applications=names,
        action=st.sampled_from(["permit", "permit", "deny", "reject"]),
        count=st.booleans(),
    )
    return Config(
        applications=Applications(
            applications={each.name: each for each in made}, sets={"pair": (made[0].name, made[1].name)}
        ),
        zones={name: replace(zone, alg_policy=draw(attached)) for name, zone in ZONES.items()},
        policies=tuple(draw(st.lists(policies, max_size=5))),
        global_policies=tuple(draw(st.lists(policies, max_size=2))),
        default_policy=draw(st.sampled_from(["deny", "permit"])),
        algs={name: AlgConfig(name=name, state=draw(st.sampled_from(["enabled", "disabled"]))) for name in BUILT},
        alg_policies=draw(alg_policies),
    )


@st.composite
def packets(draw: st.DrawFn) -> Packet:
    version = draw(st.sampled_from([".", ":"]))
    of_version = st.sampled_from([host for host in hosts if version in host]).map(packed)
    protocol = draw(st.sampled_from([6, 6, 17, 1, 58, 47, 132]))
    ports = st.sampled_from([0, 1, 256, 257, 512]) if protocol in (1, 58) else st.integers(0, 32)
    source, destination = Endpoint(draw(of_version), draw(small)), Endpoint(draw(of_version), draw(ports))
    interface = st.sampled_from(sorted(OF_INTERFACE))
    return Packet(FlowTuple(protocol, source, destination), draw(interface), draw(interface))


def expected(found: Classified) -> Verdict:
    word = {"permit": "accept", "deny": "drop", "reject": "reject"}[found.action]
    if not found.policy:
        return Verdict(word, ())
    transport = f"_{found.timeout_s}" if found.timeout_s else ""
    return Verdict(word, tuple(part for part in ("policy", str(found.number), found.alg, transport) if part))


def without_transport(verdict: Verdict) -> Verdict:
    """tcp_600 -> _600: which protocol it is follows from the packet."""
    trimmed = (part.removeprefix("tcp").removeprefix("udp") if "_" in part else part for part in verdict.policy)
    return verdict._replace(policy=tuple(trimmed))


@settings(max_examples=rounds(100), deadline=None)
@given(configurations(), st.lists(packets(), min_size=1, max_size=12))
def test_ruleset_and_classify_agree(config: Config, sent: list[Packet]) -> None:
    ruleset = compile_ruleset(config, registry=BUILT)
    for packet in sent:
        zones = OF_INTERFACE[packet.iifname], OF_INTERFACE[packet.oifname]
        found = classify(config, packet.flow, *zones, registry=BUILT)
        assert without_transport(run(ruleset, packet)) == expected(found), (packet, found)
