"""Each rule: what it refuses, and the path that it blames."""

from __future__ import annotations

from typing import Any

import pytest

from applianced.config.checks import check
from applianced.config.decode import decode
from tests.yang.models import example, validated

Data = dict[str, Any]
APPS = "applianced-applications:applications"
SEC = "applianced-security:security"
NAT = "applianced-nat:nat"
BUILT = frozenset(("ftp",))


def _faults(data: Data) -> list[tuple[str, str]]:
    return [(fault.path, fault.message) for fault in check(decode(data), BUILT)]


def _only(data: Data) -> tuple[str, str]:
    faults = _faults(data)
    assert len(faults) == 1, faults
    return faults[0]


def _application(**leaves: Any) -> Data:
    return {APPS: {"application": [{"name": "x", **{name.replace("_", "-"): value for name, value in leaves.items()}}]}}


def test_the_example_has_no_fault() -> None:
    assert _faults(validated(example())) == []


def test_a_user_without_a_secret_is_no_fault() -> None:
    assert _faults({"applianced-system:system": {"login": {"user": [{"name": "admin"}]}}}) == []


_X = f"/{APPS}/application[name='x']"


@pytest.mark.parametrize(
    ("data", "path", "words"),
    [
        (_application(protocol="tcp", application_protocol="sip"), f"{_X}/application-protocol", "not implemented"),
        (_application(term=[{"name": "t", "protocol": "udp", "alg": "ras"}]), f"{_X}/term[name='t']/alg", "h323"),
        (_application(protocol="udp", application_protocol="ftp"), f"{_X}/application-protocol", "runs over tcp"),
        (_application(protocol="tcp", uuid="any"), f"{_X}/uuid", "'ms-rpc'"),
        (_application(protocol="tcp", rpc_program_number="any"), f"{_X}/rpc-program-number", "'sun-rpc'"),
        (
            _application(term=[{"name": "a", "protocol": "tcp"}, {"name": "b", "protocol": "6"}]),
            f"{_X}/term[name='b']",
            "term 'a'",
        ),
        (
            {APPS: {"application": [{"name": "junos-x", "protocol": "tcp"}]}},
            f"/{APPS}/application[name='junos-x']/name",
            "predefined",
        ),
        (
            {APPS: {"application": [{"name": "any", "protocol": "tcp"}]}},
            f"/{APPS}/application[name='any']/name",
            "predefined",
        ),
        (
            {APPS: {"application-set": [{"name": "junos-cifs", "application": [{"name": "junos-ftp"}]}]}},
            f"/{APPS}/application-set[name='junos-cifs']/name",
            "predefined",
        ),
        (
            {APPS: {"application": [{"name": "x", "protocol": "tcp"}], "application-set": [{"name": "x"}]}},
            f"/{APPS}/application-set[name='x']/name",
            "rename",
        ),
    ],
)
def test_applications(data: Data, path: str, words: str) -> None:
    found, message = _only(data)
    assert found == path
    assert words in message


@pytest.mark.parametrize("alg", ["ftp", "ignore", "none", "http"])
def test_applications_without_fault(alg: str) -> None:
    assert _faults(_application(protocol="tcp", application_protocol=alg)) == []


def _policies(match: Data) -> Data:
    base = {"source-address": ["any"], "destination-address": ["any"], "application": ["any"]}
    policy = [{"name": "p", "match": {**base, **match}, "then": {"permit": {}}}]
    pair = {"from-zone-name": "a", "to-zone-name": "b", "policy": policy}
    return {SEC: {"policies": {"policy": [pair], "global": {"policy": policy}}}}


def test_missing_applications_are_all_named() -> None:
    faults = check(decode(_policies({"application": ["junos-ftp", "none-such"]})), BUILT)
    pair = "policy[from-zone-name='a'][to-zone-name='b']"
    assert [fault.path for fault in faults] == [
        f"/{SEC}/policies/{pair}/policy[name='p']/match/application[.='none-such']",
        f"/{SEC}/policies/global/policy[name='p']/match/application[.='none-such']",
    ]
    assert {(fault.tag, fault.app_tag) for fault in faults} == {("data-missing", "instance-required")}


def test_any_excluded_is_nothing() -> None:
    faults = _faults(_policies({"destination-address-excluded": [None]}))
    assert [path.rpartition("/")[2] for path, _ in faults] == ["destination-address-excluded"] * 2


def test_an_interface_is_in_one_zone() -> None:
    lan, mgmt = [{"name": "lan0"}], [{"name": "mgmt0"}]
    zones = [{"name": "a", "interfaces": lan}, {"name": "b", "interfaces": [*lan, *mgmt]}]
    data = {SEC: {"zones": {"security-zone": zones, "functional-zone": {"management": {"interfaces": mgmt}}}}}
    assert [path for path, _ in _faults(data)] == [
        f"/{SEC}/zones/security-zone[name='b']/interfaces[name='lan0']",
        f"/{SEC}/zones/functional-zone/management/interfaces[name='mgmt0']",
    ]


def test_a_zone_has_one_book() -> None:
    books = [{"name": name, "attach": {"zone": [{"name": "a"}]}} for name in ("one", "two")]
    path, message = _only({SEC: {"address-book": books}})
    assert path == f"/{SEC}/address-book[name='two']/attach/zone[name='a']"
    assert "'one'" in message


def test_the_trace_matches_a_regular_expression() -> None:
    path, _ = _only({SEC: {"applianced-alg:alg": {"traceoptions": {"file": {"match": "("}}}}})
    assert path == f"/{SEC}/applianced-alg:alg/traceoptions/file/match"


def _nat(kind: str, *rules: Data, pools: list[Data] | None = None, origins: tuple[str, ...] = ()) -> Data:
    origin = {"zone": list(origins or ("a",))}
    sets = [{"name": "s", "from": origin, "to": {"zone": ["b"]}, "rule": list(rules)}]
    return {SEC: {NAT: {kind: {"pool": pools or [], "rule-set": sets}}}}


def _source(match: Data, pool: str = "p") -> Data:
    return {"name": "r", "match": match, "then": {"source-nat": {"pool": {"pool-name": pool}}}}


def _pool(name: str, *addresses: str, **rest: Any) -> Data:
    return {"name": name, "address": [{"name": one} for one in addresses], **rest}


def _static(name: str, outside: str, inside: str, ports: tuple[int, int] | None = None) -> Data:
    match: Data = {"destination-address": outside}
    prefix: Data = {"addr-prefix": inside}
    if ports:
        match["destination-port"] = {"low": ports[0], "high": ports[1]}
        prefix["mapped-port"] = {"low": ports[0], "high": ports[1]}
    return {"name": name, "match": match, "then": {"static-nat": {"prefix": prefix}}}


_NAT = f"/{SEC}/{NAT}"
_RULE = "rule-set[name='s']/rule[name='{}']"


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (_nat("source", pools=[_pool("p", "203.0.113.1", "2001:db8::1")]), "/source/pool[name='p']"),
        (
            _nat("source", pools=[_pool("p", "203.0.113.1", port={"range": {"low": 1024, "high": 49152}})]),
            "/source/pool[name='p']/port/range",
        ),
        (
            _nat("source", pools=[_pool("p", "203.0.113.0/30"), _pool("q", "203.0.113.2")]),
            "/source/pool[name='q']",
        ),
        (
            _nat("source", _source({"source-address": ["10.0.0.0/8"]}), pools=[_pool("p", "2001:db8::1")]),
            f"/source/{_RULE.format('r')}/then/source-nat/pool/pool-name",
        ),
        (
            _nat(
                "source",
                _source({"protocol": ["icmp"], "destination-port": ["80"]}),
                pools=[_pool("p", "203.0.113.1")],
            ),
            f"/source/{_RULE.format('r')}/match/protocol",
        ),
        (
            _nat(
                "destination",
                {
                    "name": "r",
                    "match": {"destination-address": ["203.0.113.1"], "protocol": ["icmp"]},
                    "then": {"destination-nat": {"pool": {"pool-name": "p"}}},
                },
                pools=[{"name": "p", "address": {"ip-prefix": "10.0.0.1", "port": 80}}],
            ),
            f"/destination/{_RULE.format('r')}/match/protocol",
        ),
        (
            _nat("static", _static("r", "203.0.113.0/24", "10.0.0.0/25")),
            f"/static/{_RULE.format('r')}/then/static-nat/prefix/addr-prefix",
        ),
        (
            _nat("static", _static("r", "203.0.113.1", "fd00::1")),
            f"/static/{_RULE.format('r')}/then/static-nat/prefix/addr-prefix",
        ),
        (
            _nat("static", _static("r", "203.0.113.0/24", "10.0.0.0/24"), _static("q", "203.0.113.7", "10.9.0.7")),
            f"/static/{_RULE.format('q')}/match/destination-address",
        ),
        (
            _nat("static", _static("r", "203.0.113.1", "10.0.0.1"), _static("q", "203.0.113.2", "10.0.0.1")),
            f"/static/{_RULE.format('q')}/then/static-nat/prefix/addr-prefix",
        ),
    ],
)
def test_nat(data: Data, path: str) -> None:
    assert _only(data)[0] == _NAT + path


@pytest.mark.parametrize(
    "data",
    [
        _nat(
            "static",
            _static("r", "203.0.113.1", "10.0.0.1", (80, 80)),
            _static("q", "203.0.113.1", "10.0.0.2", (81, 82)),
        ),
        _nat("static", _static("r", "203.0.113.1", "10.0.0.1"), _static("q", "2001:db8::1", "fd00::1")),
        _nat("source", _source({"destination-address": ["::/0"]}), pools=[_pool("p", "2001:db8::1")]),
        _nat("source", pools=[_pool("p", "203.0.113.1", port={"range": {"low": 1024, "high": 49151}})]),
    ],
)
def test_nat_without_fault(data: Data) -> None:
    assert _faults(data) == []


def test_static_rules_of_other_origins_may_overlap() -> None:
    data = _nat("static", _static("r", "203.0.113.1", "10.0.0.1"))
    other = {"name": "t", "from": {"interface": ["lan9"]}, "rule": [_static("q", "203.0.113.1", "10.0.0.2")]}
    data[SEC][NAT]["static"]["rule-set"].append(other)
    assert _faults(data) == []
    data[SEC]["zones"] = {"security-zone": [{"name": "a", "interfaces": [{"name": "lan9"}]}]}
    assert [path.rpartition("/")[2] for path, _ in _faults(data)] == ["destination-address"]
