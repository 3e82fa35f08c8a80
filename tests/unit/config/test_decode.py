"""From data to values."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network
from math import inf
from typing import Any

import pytest

from applianced.config.decode import decode
from applianced.config.schema import Config, Flow, Term, Trace
from applianced.errors import ConfigError

Data = dict[str, Any]
APPS = "applianced-applications:applications"
SEC = "applianced-security:security"


def _term(leaves: Data) -> Term:
    config = decode({APPS: {"application": [{"name": "x", **leaves}]}})
    (term,) = config.applications.applications["x"].terms
    return term


def _security(data: Data) -> Config:
    return decode({SEC: data})


def test_nothing_is_an_empty_configuration() -> None:
    config = decode({})
    assert (config.zones, config.policies, config.default_policy) == ({}, (), "deny")
    assert (config.flow, config.trace, config.nat.alg_port_range) == (Flow(), Trace(), (49152, 65535))
    assert config.applications.members("junos-ftp")[0].terms[0].alg == "ftp"


@pytest.mark.parametrize(
    ("leaves", "term"),
    [
        ({"protocol": "tcp", "destination-port": "80"}, Term(protocol=6, destination_ports=(80, 80))),
        ({"protocol": "17", "source-port": "1024-2048"}, Term(protocol=17, source_ports=(1024, 2048))),
        ({"protocol": "tcp", "destination-port": "ftp-data"}, Term(protocol=6, destination_ports=(20, 20))),
        ({"protocol": "icmp", "icmp-type": 8, "icmp-code": 0}, Term(protocol=1, icmp_type=8, icmp_code=0)),
        ({"protocol": "icmp6", "icmp6-type": 128}, Term(protocol=58, icmp_type=128)),
        ({"protocol": "tcp", "inactivity-timeout": 300}, Term(protocol=6, inactivity_timeout_s=300.0)),
        ({"protocol": "tcp", "inactivity-timeout": "never"}, Term(protocol=6, inactivity_timeout_s=inf)),
        ({"protocol": "tcp", "application-protocol": "applianced-applications:ftp"}, Term(protocol=6, alg="ftp")),
        ({"protocol": "tcp", "uuid": "ANY", "rpc-program-number": "1"}, Term(protocol=6, uuid="any", rpc_program="1")),
    ],
)
def test_applications(leaves: Data, term: Term) -> None:
    assert _term(leaves) == term


def test_terms_keep_their_order() -> None:
    terms = [{"name": "b", "protocol": "tcp", "alg": "ftp"}, {"name": "a", "protocol": "udp"}]
    config = decode({APPS: {"application": [{"name": "x", "term": terms}]}})
    found = config.applications.applications["x"].terms
    assert [(term.name, term.protocol, term.alg) for term in found] == [("b", 6, "ftp"), ("a", 17, "")]


def test_sets_are_flat_and_may_hold_predefined_ones() -> None:
    data = {"name": "s", "application": [{"name": "junos-ftp"}], "application-set": [{"name": "junos-cifs"}]}
    config = decode({APPS: {"application-set": [data]}})
    assert config.applications.sets["s"] == ("junos-ftp", "junos-netbios-session", "junos-smb-session")


def _policy(match: Data, then: Data) -> Data:
    base = {"source-address": ["any"], "destination-address": ["any"], "application": ["any"]}
    policy = {"name": "p", "match": {**base, **match}, "then": then}
    return {"policies": {"policy": [{"from-zone-name": "a", "to-zone-name": "b", "policy": [policy]}]}}


_BOOKS = {
    "address-book": [
        {
            "name": "global",
            "address": [{"name": "x", "ip-prefix": "10.0.0.0/8"}, {"name": "six", "ip-prefix": "2001:db8::1"}],
            "address-set": [
                {"name": "both", "address": [{"name": "x"}, {"name": "six"}]},
                {"name": "outer", "address": [{"name": "x"}], "address-set": [{"name": "both"}]},
                {"name": "empty"},
            ],
        },
        {
            "name": "of-a",
            "address": [{"name": "x", "ip-prefix": "192.0.2.0/24"}],
            "attach": {"zone": [{"name": "a"}]},
        },
    ]
}


def test_addresses_are_those_of_the_zone_then_the_global_ones() -> None:
    config = _security(_BOOKS | _policy({"source-address": ["x", "six"], "destination-address": ["outer"]}, {}))
    (policy,) = config.policies
    assert policy.sources == (ip_network("192.0.2.0/24"), ip_network("2001:db8::1/128"))
    assert policy.destinations == (ip_network("10.0.0.0/8"), ip_network("2001:db8::1/128"))


def test_any() -> None:
    (policy,) = _security(_policy({"source-address": ["any-ipv4", "any-ipv6"]}, {"permit": {}})).policies
    assert policy.sources == (ip_network("0.0.0.0/0"), ip_network("::/0"))
    assert (policy.destinations, policy.applications) == ((), ())


def test_actions_and_logs() -> None:
    then = {"reject": {}, "log": {"session-init": [None]}, "count": {}}
    (policy,) = _security(_policy({"source-address-excluded": [None]}, then)).policies
    assert (policy.action, policy.log_init, policy.log_close, policy.count) == ("reject", True, False, True)
    assert (policy.source_excluded, policy.destination_excluded) == (True, False)


def test_what_may_be_offloaded() -> None:
    (policy,) = _security(_policy({}, {"permit": {"services-offload": [None]}})).policies
    assert (policy.action, policy.offload) == ("permit", True)
    (policy,) = _security(_policy({}, {"permit": {}})).policies
    assert not policy.offload


def test_global_policies_and_defaults() -> None:
    inner = _policy({}, {"deny": [None]})["policies"]["policy"][0]["policy"]
    policies = {"global": {"policy": inner}, "default-policy": {"permit-all": [None]}, "policy-rematch": {}}
    config = _security({"policies": policies})
    assert [(one.name, one.from_zone, one.action) for one in config.global_policies] == [("p", "", "deny")]
    assert (config.default_policy, config.policy_rematch) == ("permit", True)


def test_zones() -> None:
    inbound = {"host-inbound-traffic": {"system-services": [{"name": "ssh"}], "protocols": [{"name": "ospf"}]}}
    zones = {
        "security-zone": [{"name": "a", **inbound, "interfaces": [{"name": "eth0"}, {"name": "eth1", **inbound}]}],
        "functional-zone": {"management": {"interfaces": [{"name": "mgmt0"}]}},
    }
    config = _security({"zones": zones})
    zone = config.zones["a"]
    assert (zone.interfaces, zone.services, zone.protocols) == (("eth0", "eth1"), ("ssh",), ("ospf",))
    assert (zone.interface_services, zone.interface_protocols) == ({"eth1": ("ssh",)}, {"eth1": ("ospf",)})
    assert config.zones["management"].functional


def _nat(kind: str, rule: Data, **rest: Any) -> Config:
    sets = [{"name": "s", "from": {"zone": ["a"]}, "to": {"interface": ["w"]}, "rule": [{"name": "r", **rule}]}]
    return _security({**_BOOKS, "applianced-nat:nat": {kind: {"rule-set": sets, **rest}}})


def test_source_nat() -> None:
    pool = {
        "name": "p",
        "address": [{"name": "203.0.113.1", "to": {"ipaddr": "203.0.113.3"}}, {"name": "203.0.113.8/31"}],
        "port": {"range": {"low": 2000, "high": 3000}},
        "alg-port-range": {"low": 50000, "high": 51000},
    }
    match = {"source-address-name": ["x"], "source-port": ["1-9"], "protocol": ["tcp"], "destination-port": ["ftp"]}
    nat = _nat("source", {"match": match, "then": {"source-nat": {"pool": {"pool-name": "p"}}}}, pool=[pool]).nat
    ((rule,),) = (one.rules for one in nat.source)
    assert (rule.action, rule.pool, rule.match.sources) == ("pool", "p", (ip_network("10.0.0.0/8"),))
    assert (rule.match.source_ports, rule.match.destination_ports) == (((1, 9),), ((21, 21),))
    assert (rule.match.protocols, nat.source[0].to_interfaces) == ((6,), ("w",))
    found = nat.source_pools["p"]
    assert [str(one)[-1] for one in found.addresses] == ["1", "2", "3", "8", "9"]
    assert (found.port_range, found.alg_port_range) == ((2000, 3000), (50000, 51000))


def test_both_families_are_any() -> None:
    rule = {"match": {"source-address": ["0.0.0.0/0", "::/0"]}, "then": {"source-nat": {"interface": {}}}}
    ((found,),) = (one.rules for one in _nat("source", rule).nat.source)
    assert (found.match.sources, found.action) == ((), "interface")


def test_a_range_of_a_pool_may_be_ipv6() -> None:
    pool = {"name": "p", "address": [{"name": "2001:db8::1", "to": {"ipaddr": "2001:db8::2"}}]}
    nat = _security({"applianced-nat:nat": {"source": {"pool": [pool]}}}).nat
    assert nat.source_pools["p"].addresses == (ip_address("2001:db8::1"), ip_address("2001:db8::2"))


def test_destination_nat() -> None:
    pool = {"name": "p", "address": {"ip-prefix": "10.0.0.1/32", "port": 2121}}
    match = {"destination-address": ["203.0.113.1/32"], "destination-port": ["21"]}
    then = {"destination-nat": {"pool": {"pool-name": "p"}}}
    nat = _nat("destination", {"match": match, "then": then}, pool=[pool]).nat
    assert (nat.destination_pools["p"].port, nat.destination[0].rules[0].action) == (2121, "pool")
    assert nat.destination_pools["p"].addresses == (ip_address("10.0.0.1"),)
    off = _nat("destination", {"match": match, "then": {"destination-nat": {"off": [None]}}}).nat
    assert off.destination[0].rules[0].action == "off"


def test_static_nat() -> None:
    match = {"destination-address": "2001:db8::/64", "destination-port": {"low": 21, "high": 22}}
    prefix = {"addr-prefix": "fd00::/64", "mapped-port": {"low": 2121, "high": 2122}}
    nat = _nat("static", {"match": match, "then": {"static-nat": {"prefix": prefix}}}).nat
    rule = nat.static[0].rules[0]
    assert (rule.match.destinations, rule.prefix) == ((ip_network("2001:db8::/64"),), ip_network("fd00::/64"))
    assert (rule.match.destination_ports, rule.mapped_port) == (((21, 22),), (2121, 2122))


def test_flow_log_and_trace() -> None:
    stream = {"name": "s", "host": {"ipaddr": "192.0.2.1"}, "category": ["alg"], "format": "sd-syslog"}
    config = _security(
        {
            "flow": {"alg-fail-mode": "open", "udp-session-timeout": 30, "alg-data-session-coupled": True},
            "log": {"source-address": "192.0.2.9", "stream": [stream, {"name": "t"}]},
            "applianced-alg:alg": {"traceoptions": {"file": {"filename": "f", "size": "1M"}, "level": "detail"}},
        }
    )
    assert (config.flow.alg_fail_mode, config.flow.udp_session_timeout_s) == ("open", 30)
    assert config.flow.alg_data_session_coupled
    (found,) = config.log.streams
    assert (found.host, found.port, found.categories) == (ip_address("192.0.2.1"), 514, ("alg",))
    assert config.log.source_address == ip_address("192.0.2.9")
    assert (config.trace.file, config.trace.size, config.trace.level) == ("f", 1 << 20, "detail")


def test_algs_map_without_knowing_them() -> None:
    algs = {
        "traceoptions": {"level": "brief"},
        "applianced-alg-ftp:ftp": {"ftps-extension": [None], "traceoptions": {"flag": [{"name": "all"}]}},
        "x:new": {"disable": [None], "limit": 5, "screen": {"permit-routed": [None]}, "hosts": ["a", "b"]},
        "x:sip": {},
        "x:ike-esp-nat": {"enable": [None]},
    }
    found = _security({"applianced-alg:alg": algs}).algs
    assert {name: one.state for name, one in found.items()} == {
        "ftp": "default",
        "new": "disabled",
        "sip": "enabled",
        "ike-esp-nat": "enabled",
    }
    assert (found["ftp"].leaves, found["ftp"].traced) == ({"ftps_extension": True}, True)
    assert found["new"].leaves == {"limit": 5, "screen_permit_routed": True, "hosts": ("a", "b")}


def test_system_and_interfaces() -> None:
    user = {"name": "u", "authentication": {"encrypted-password": "$6$x", "ssh-public-key": ["ssh-ed25519 AAAA"]}}
    config = decode(
        {
            "applianced-system:system": {"host-name": "h", "login": {"user": [user, {"name": "bare"}]}},
            "ietf-interfaces:interfaces": {
                "interface": [
                    {
                        "name": "lan0",
                        "enabled": False,
                        "applianced-system:mtu": 1400,
                        "ietf-ip:ipv4": {"address": [{"ip": "192.0.2.1", "prefix-length": 24}]},
                        "ietf-ip:ipv6": {"address": [{"ip": "2001:db8::1", "prefix-length": 64}]},
                    },
                    {"name": "wan0"},
                ]
            },
        }
    )
    assert (config.system.host_name, config.system.netconf_port) == ("h", 830)
    assert config.system.users["u"].keys == ("ssh-ed25519 AAAA",)
    assert config.system.users["bare"].password == ""
    lan, wan = config.interfaces
    assert (lan.enabled, lan.mtu) == (False, 1400)
    assert lan.addresses == (ip_interface("192.0.2.1/24"), ip_interface("2001:db8::1/64"))
    assert (wan.enabled, wan.mtu, wan.addresses) == (None, None, ())


_POLICY = f"/{SEC}/policies/policy[from-zone-name='a'][to-zone-name='b']/policy[name='p']"
_POOL = f"/{SEC}/applianced-nat:nat/source/pool[name='p']"


def _pool(*addresses: Data, **rest: Any) -> Data:
    return {SEC: {"applianced-nat:nat": {"source": {"pool": [{"name": "p", "address": list(addresses), **rest}]}}}}


@pytest.mark.parametrize(
    ("data", "path", "tag"),
    [
        (
            {SEC: _BOOKS | _policy({"source-address": ["nowhere"]}, {})},
            f"{_POLICY}/match/source-address[.='nowhere']",
            "data-missing",
        ),
        (
            {SEC: _BOOKS | _policy({"destination-address": ["empty"]}, {})},
            f"{_POLICY}/match/destination-address[.='empty']",
            "invalid-value",
        ),
        (
            {APPS: {"application": [{"name": "x", "protocol": "tcp", "destination-port": "9-1"}]}},
            f"/{APPS}/application[name='x']/destination-port",
            "invalid-value",
        ),
        (
            {APPS: {"application": [{"name": "x", "term": [{"name": "t", "protocol": "what"}]}]}},
            f"/{APPS}/application[name='x']/term[name='t']",
            "invalid-value",
        ),
        ({APPS: {"application": [{}]}}, f"/{APPS}/application", "invalid-value"),
        (
            {APPS: {"application-set": [{"name": "s", "application": [{"name": "none"}]}]}},
            f"/{APPS}/application-set[name='s']/application[name='none']",
            "data-missing",
        ),
        (
            {APPS: {"application-set": [{"name": "s", "application-set": [{"name": "s"}]}]}},
            f"/{APPS}/application-set[name='s']/application-set[name='s']",
            "invalid-value",
        ),
        (
            {SEC: {"address-book": [{"name": "b", "address-set": [{"name": "s", "address-set": [{"name": "s"}]}]}]}},
            f"/{SEC}/address-book[name='b']/address-set[name='s']/address-set[name='s']",
            "invalid-value",
        ),
        (
            {SEC: {"address-book": [{"name": "b", "address-set": [{"name": "s", "address": [{"name": "n"}]}]}]}},
            f"/{SEC}/address-book[name='b']/address-set[name='s']",
            "data-missing",
        ),
        (
            {SEC: {"address-book": [{"name": "b", "address": [{"name": "a", "ip-prefix": "no"}]}]}},
            f"/{SEC}/address-book[name='b']/address[name='a']/ip-prefix",
            "invalid-value",
        ),
        (_pool({"name": "10.0.0.0/8"}), _POOL, "invalid-value"),
        (
            _pool({"name": "10.0.0.9", "to": {"ipaddr": "10.0.0.1"}}),
            f"{_POOL}/address[name='10.0.0.9']/to/ipaddr",
            "invalid-value",
        ),
        (
            _pool({"name": "10.0.0.0/31", "to": {"ipaddr": "10.0.0.4"}}),
            f"{_POOL}/address[name='10.0.0.0/31']",
            "invalid-value",
        ),
        (
            _pool(port={"range": {"low": 9, "high": 1}}),
            f"{_POOL}/port/range/high",
            "invalid-value",
        ),
        (_pool(port={"range": {"low": "x", "high": 1}}), f"{_POOL}/port/range/low", "invalid-value"),
        (_pool(port={"range": {}}), f"{_POOL}/port/range/low", "invalid-value"),
        ({SEC: {"log": {"source-address": "no"}}}, f"/{SEC}/log/source-address", "invalid-value"),
        ({SEC: {"flow": []}}, f"/{SEC}/flow", "invalid-value"),
        ({SEC: {"address-book": {}}}, f"/{SEC}/address-book", "invalid-value"),
        ({SEC: {"address-book": [1]}}, f"/{SEC}/address-book", "invalid-value"),
        (
            {SEC: {"applianced-alg:alg": {"traceoptions": {"file": {"size": "1k"}}}}},
            f"/{SEC}/applianced-alg:alg/traceoptions/file/size",
            "invalid-value",
        ),
    ],
)
def test_what_cannot_be_read_is_named(data: Data, path: str, tag: str) -> None:
    with pytest.raises(ConfigError) as refused:
        decode(data)
    assert (refused.value.path, refused.value.tag) == (path, tag)


def test_addresses_of_links_are_named() -> None:
    address = {"ip": "192.0.2.1", "prefix-length": 40}
    link = {"name": "lan0", "ietf-ip:ipv4": {"address": [address]}}
    with pytest.raises(ConfigError) as refused:
        decode({"ietf-interfaces:interfaces": {"interface": [link]}})
    assert refused.value.path.endswith("/ietf-ip:ipv4/address[ip='192.0.2.1']")


def test_a_name_for_any_in_nat_is_any() -> None:
    match = {"source-address": ["10.0.0.0/8"], "source-address-name": ["any"]}
    nat = _nat("source", {"match": match, "then": {"source-nat": {"off": [None]}}}).nat
    assert nat.source[0].rules[0].match.sources == ()


def test_a_leaf_list_is_a_list() -> None:
    with pytest.raises(ConfigError, match="not a leaf-list"):
        _security(_policy({"source-address": "any"}, {}))


@pytest.mark.parametrize(
    ("leaf", "value"), [("protocol", "what"), ("protocol", "0"), ("source-port", "0-x"), ("destination-port", "70000")]
)
def test_nat_matches_that_cannot_be_read_are_named(leaf: str, value: str) -> None:
    with pytest.raises(ConfigError) as refused:
        _nat("source", {"match": {leaf: [value]}, "then": {"source-nat": {"off": [None]}}})
    assert refused.value.path.endswith(f"/rule[name='r']/match/{leaf}[.='{value}']")


def test_a_range_of_a_pool_is_of_one_family() -> None:
    pool = _pool({"name": "10.0.0.1", "to": {"ipaddr": "2001:db8::1"}})
    with pytest.raises(ConfigError, match=r"'10\.0\.0\.1' is IPv4 and '2001:db8::1' is IPv6; a range is of one family"):
        decode(pool)
