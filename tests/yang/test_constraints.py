"""What the models refuse, with the path that they blame; and that the example and the catalogue pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree

from applianced.config.catalogue import predefined_data
from applianced.datastore.native import Form
from applianced.datastore.tree import Tree
from tests.yang.models import EXAMPLE, Data, example, refusal, shipped, validated

APPS = "applianced-applications:applications"
SEC = "applianced-security:security"
NAT = "applianced-nat:nat"
SYS = "applianced-system:system"


def _apps(*entries: Data) -> Data:
    return {APPS: {"application": list(entries)}}


def test_the_example_passes_and_names_no_address() -> None:
    data = validated(example())
    assert "ietf-interfaces:interfaces" not in data
    assert data[SYS]["services"]["netconf"]["ssh"]["port"] == 830


def test_the_example_says_the_same_in_xml() -> None:
    config = etree.parse(str(EXAMPLE.with_suffix(".xml"))).getroot()
    text = b"".join(etree.tostring(child) for child in config)
    with Tree.parse(shipped(), text, Form.XML) as tree:
        tree.validate()
        assert tree.data() == validated(example())


def test_the_catalogue_passes() -> None:
    data = validated(predefined_data())
    assert len(data[APPS]["application"]) == len(predefined_data()[APPS]["application"])


def test_an_application_protocol_needs_no_prefix() -> None:
    text = (
        b'<applications xmlns="urn:applianced:yang:applications"><application><name>x</name>'
        b"<application-protocol>ftp</application-protocol><protocol>tcp</protocol>"
        b"<destination-port>2121</destination-port></application></applications>"
    )
    with Tree.parse(shipped(), text, Form.XML) as tree:
        tree.validate()
        (entry,) = tree.data()[APPS]["application"]
    assert entry["application-protocol"] == "applianced-applications:ftp"
    assert entry["destination-port"] == "2121"


_TCP = {"name": "x", "protocol": "tcp"}
_APP = f"/{APPS}/application[name='x']"


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ({"name": "x"}, _APP),
        ({"name": "x", "protocol": "icmp", "destination-port": "21"}, f"{_APP}/destination-port"),
        ({"name": "x", "protocol": "gre", "source-port": "21"}, f"{_APP}/source-port"),
        ({"name": "x", "protocol": "tcp", "icmp-type": 8}, f"{_APP}/icmp-type"),
        ({"name": "x", "protocol": "icmp", "icmp6-type": 8}, f"{_APP}/icmp6-type"),
        ({"name": "x", "protocol": "icmp", "icmp-code": 0}, f"{_APP}/icmp-code"),
        ({**_TCP, "destination-port": "65536"}, f"{_APP}/destination-port"),
        ({**_TCP, "destination-port": "nonesuch"}, f"{_APP}/destination-port"),
        ({**_TCP, "application-protocol": "msrpc"}, f"{_APP}/application-protocol"),
        ({**_TCP, "inactivity-timeout": 3}, f"{_APP}/inactivity-timeout"),
        ({**_TCP, "term": [{"name": "t", "protocol": "tcp"}]}, f"{_APP}/term[name='t']"),
        ({"name": "x", "term": [{"name": "t"}]}, f"{_APP}/term[name='t']/protocol"),
        ({"name": "x", "term": [{"name": f"t{n}", "protocol": "udp"} for n in range(9)]}, _APP),
        ({"name": "-x", "protocol": "tcp"}, f"/{APPS}/application"),
        ({"name": "0", "protocol": "0"}, f"/{APPS}/application[name='0']/protocol"),
    ],
)
def test_applications_refused(entry: Data, path: str) -> None:
    assert refusal(_apps(entry)).path.startswith(path)


def _set(path: str, value: Any) -> Callable[[Data], None]:
    """A change: the value at a path of keys and indexes, dotted."""

    def change(data: Data) -> None:
        *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
        at: Any = data
        for step in steps:
            at = at.setdefault(step, {}) if isinstance(step, str) else at[step]
        at[last] = value

    return change


_POLICY = f"{SEC}.policies.policy.0.policy.0"
_RULE = f"{SEC}.{NAT}.source.rule-set.0.rule.0"
_STATIC = f"{SEC}.{NAT}.static.rule-set"


def _ike(leaves: Data) -> Callable[[Data], None]:
    return _set(f"{SEC}.applianced-alg:alg", {"applianced-alg-ike-esp-nat:ike-esp-nat": leaves})


def _static(match: Data, prefix: Data) -> list[Data]:
    rule = {"name": "r", "match": match, "then": {"static-nat": {"prefix": prefix}}}
    return [{"name": "s", "from": {"zone": ["untrust"]}, "rule": [rule]}]


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        (_set(f"{SEC}.policies.policy.0.to-zone-name", "dmz"), "/to-zone-name", "dmz"),
        (_set(f"{_POLICY}.then", {}), "/then", "action"),
        (_set(f"{_POLICY}.then", {"permit": {}, "deny": [None]}), "", "keep one case"),
        (_set(f"{_POLICY}.then", {"deny": [None], "log": {"session-close": [None]}}), "/session-close", "session-init"),
        (
            _set(f"{_POLICY}.then", {"permit": {"services-offload": [None]}, "count": {}}),
            "/services-offload",
            "not counted",
        ),
        (_set(f"{_POLICY}.match.application", []), "/match", "application"),
        (lambda data: data[SEC]["zones"]["security-zone"].append({"name": "management"}), "/name", "reserved"),
        (_set(f"{SEC}.zones.security-zone.0.interfaces.0.name", "way-too-long-name"), "/interfaces", ""),
        (_set(f"{_RULE}.then.source-nat", {"pool": {"pool-name": "none"}}), "/pool-name", "none"),
        (_set(f"{SEC}.{NAT}.source.rule-set.0.from.zone", ["dmz"]), "/from/zone", "dmz"),
        (_set(f"{SEC}.{NAT}.source.rule-set.0.from", {}), "/from", "zone or interface"),
        (_set(f"{SEC}.{NAT}.source.rule-set.0.to.interface", ["wan0"]), "/to", "not both"),
        (_set(f"{SEC}.{NAT}.source.alg-port-range", {"low": 50000, "high": 50100}), "/alg-port-range", "256"),
        (
            _set(f"{_RULE}.match", {"application": ["junos-ftp"], "protocol": ["tcp"]}),
            "/match/application",
            "either application",
        ),
        (
            _set(_STATIC, _static({"destination-address": "203.0.113.1"}, {"addr-prefix": "x"})),
            "/addr-prefix",
            "",
        ),
        (
            _set(
                _STATIC,
                _static(
                    {"destination-address": "203.0.113.1", "destination-port": {"low": 80, "high": 81}},
                    {"addr-prefix": "10.0.0.1", "mapped-port": {"low": 80, "high": 80}},
                ),
            ),
            "/mapped-port",
            "equal length",
        ),
        (
            _set(
                _STATIC,
                _static(
                    {"destination-address": "203.0.113.1", "destination-port": {"low": 80, "high": 80}},
                    {"addr-prefix": "10.0.0.1"},
                ),
            ),
            "/destination-port",
            "mapped-port",
        ),
        (_ike({"enable": [None], "disable": [None]}), "/applianced-alg-ike-esp-nat:ike-esp-nat", "either enabled"),
        (_ike({"esp-gate-timeout": 1}), "/esp-gate-timeout", ""),
        (_ike({"esp-session-timeout": 2401}), "/esp-session-timeout", ""),
        (_ike({"state-timeout": 179}), "/state-timeout", ""),
        (_set(f"{SEC}.flow", {"alg-gates-per-session": 512}), "/alg-gates-per-session", "alg-gates-per-source"),
        (_set(f"{SYS}.login.user.0.authentication", {"encrypted-password": "secret"}), "/encrypted-password", ""),
        (_set(f"{SYS}.login.user.0.authentication", {"ssh-public-key": ["nonsense"]}), "/ssh-public-key", ""),
        (
            _set(f"{SEC}.address-book", [{"name": "global", "attach": {"zone": [{"name": "trust"}]}}]),
            "/attach",
            "every zone",
        ),
        (
            _set(f"{SEC}.address-book", [{"name": "b", "address-set": [{"name": "s", "address": [{"name": "a"}]}]}]),
            "/address[name='a']/name",
            "a",
        ),
        (
            _set(f"{SEC}.address-book", [{"name": "b", "address": [{"name": "any", "ip-prefix": "::/0"}]}]),
            "",
            "reserved",
        ),
        (_set(f"{SEC}.address-book", [{"name": "b", "address": [{"name": "a"}]}]), "/ip-prefix", ""),
    ],
)
def test_configurations_refused(change: Callable[[Data], None], path: str, words: str) -> None:
    data = example()
    change(data)
    error = refusal(data)
    assert path in error.path
    assert words in error.message


@pytest.mark.parametrize(
    "secrets",
    [
        {"encrypted-password": "$6$saltstring$" + "a" * 86},
        {"encrypted-password": "$6$rounds=10000$saltstring$" + "a" * 86},
        {"encrypted-password": "$5$saltstring$" + "b" * 43},
        {"encrypted-password": "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$" + "c" * 43},
        {"ssh-public-key": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHk= admin@host", "ssh-rsa AAAAB3NzaC1yc2E="]},
    ],
)
def test_secrets_accepted(secrets: Data) -> None:
    data = example()
    data[SYS]["login"]["user"][0]["authentication"] = secrets
    assert validated(data)[SYS]["login"]["user"][0]["authentication"] == secrets


def test_state_is_not_configuration() -> None:
    data = example()
    data[SEC]["applianced-alg:alg"] = {"applianced-state:gates": {"open": 1}}
    assert refusal(data)


def test_state_as_the_agent_reports_it() -> None:
    tuples = {
        "protocol": "tcp",
        "original": {"source-address": "10.0.0.1", "source-port": 1024},
        "translated": {"source-address": "2001:db8::1", "destination-port": 21},
    }
    counter = {"name": "port", "value": "12", "description": "PORT commands"}
    gate = {"number": 1, "alg": "ftp", "protocol": "tcp", "inside-address": "10.0.0.1", "inside-port": 0}
    state = {
        SEC: {
            "applianced-alg:alg": {
                "applianced-state:status": {"alg": [{"name": "sip", "state": "not-implemented", "origin": "release"}]},
                "applianced-state:counters": {"alg": [{"name": "ftp", "event": [counter]}]},
                "applianced-state:gates": {"open": 1, "gate": [{**gate, "created": "2026-11-21T00:00:00Z"}]},
            },
            "flow": {
                "applianced-state:control-sessions": {"control-session": [{"id": 1, "state": "reading", **tuples}]},
                "applianced-state:data-sessions": {"data-session": [{"id": 1, "octets": "18446744073709551615"}]},
                "applianced-state:workers": {"worker": [{"queue": 0, "pid": 4, "state": "running"}]},
            },
        },
        SYS: {"applianced-state:commits": {"commit": [{"index": 0, "user": "admin"}]}},
    }
    with Tree.parse(shipped(), json.dumps(state).encode(), Form.JSON, state=True) as tree:
        assert b"18446744073709551615" in tree.render(Form.XML)
