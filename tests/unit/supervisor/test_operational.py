"""The state of the dataplane in the shape of the YANG models: libyang takes it, and the values are in their place."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from applianced.compiler.compile import compile_plan
from applianced.config.alg_policies import AlgPolicies, AlgPolicy, PolicyAlg
from applianced.config.schema import Config
from applianced.datastore.native import Form
from applianced.datastore.tree import Tree
from applianced.supervisor.operational import DataplaneState, PlanMemory
from applianced.supervisor.shapes import control_session, gate, offload, session_id
from tests.support.agent_books import ENTRY, GATE, LISTS, SESSION, Agent, provider
from tests.support.configs import FTP_OUT, TFTP_OUT
from tests.yang.models import shipped

SECURITY = "applianced-security:security"


def shown(agent: Agent | None, config: Config = FTP_OUT) -> dict[str, Any]:
    """`security` of the state, having passed libyang."""
    state = asyncio.run(provider(agent, config).state())
    with Tree.parse(shipped(), json.dumps(state).encode(), Form.JSON, state=True) as tree:
        assert list(tree.roots())
    found: dict[str, Any] = state[SECURITY]
    return found


def test_everything_passes_the_models() -> None:
    security = shown(Agent())
    alg, flow = security["applianced-alg:alg"], security["flow"]
    status = {each["name"]: each["state"] for each in alg["applianced-state:status"]["alg"]}
    assert status["ftp"] == "enabled"
    assert alg["applianced-state:gates"]["open"] == 1
    events = alg["applianced-state:counters"]["alg"][0]["event"]
    assert all(event["description"] and event["value"] == str(2**63) for event in events)
    control, untouched = flow["applianced-state:control-sessions"]["control-session"]
    assert (control["id"], control["state"], control["octets"]) == (session_id(3, 7), "reading", str(2**40))
    assert control["policy"] == "ftp-out"
    assert control["application"] == "junos-ftp"
    assert control["translated"]["source-address"] == "203.0.113.1"
    assert untouched["state"] == "untouched"


def test_the_status_names_who_decided() -> None:
    """Per ALG, and for the zones whose own ALG policy decides about it."""
    services = PolicyAlg(services=("junos-http",))
    config = replace(
        FTP_OUT,
        zones={**FTP_OUT.zones, "trust": replace(FTP_OUT.zones["trust"], alg_policy="own")},
        alg_policies=AlgPolicies(
            policies={
                "own": AlgPolicy(name="own", algs={"ftp": PolicyAlg(enabled=False), "rtsp": PolicyAlg()}),
                "base": AlgPolicy(name="base", algs={"ftp": services}),
            },
            device="base",
        ),
    )
    status = shown(None, config)["applianced-alg:alg"]["applianced-state:status"]["alg"]
    ftp, rtsp = (next(each for each in status if each["name"] == name) for name in ("ftp", "rtsp"))
    assert ftp == {
        "name": "ftp",
        "state": "enabled",
        "origin": "device policy base",
        "decided-by": "device-policy",
        "service": ["junos-http"],
        "zone": [
            {"name": "trust", "state": "disabled", "origin": "zone policy own", "decided-by": "zone-policy"},
        ],
    }
    assert rtsp == {"name": "rtsp", "state": "not-implemented", "origin": "not part of this release"}


def test_without_policies_the_profile_decides() -> None:
    status = shown(None)["applianced-alg:alg"]["applianced-state:status"]["alg"]
    ftp = next(each for each in status if each["name"] == "ftp")
    assert (ftp["origin"], ftp["decided-by"]) == ("platform-profile branch", "platform-profile")


def test_gates_and_their_sessions_name_each_other() -> None:
    security = shown(Agent())
    opened, closed = security["applianced-alg:alg"]["applianced-state:gates"]["gate"]
    assert opened["control-session"] == session_id(3, 7)
    assert "closed" not in opened
    assert opened["used"] == "2023-11-14T22:13:21.000Z"
    assert (opened["octets"], opened["data-sessions"], opened["remaining"]) == (str(2**33), 1, 0)
    assert "remaining" not in closed
    assert "used" not in closed
    through, other = security["flow"]["applianced-state:data-sessions"]["data-session"]
    assert (through["gate"], through["control-session"]) == (opened["number"], opened["control-session"])
    assert "gate" not in other


@pytest.mark.parametrize(("protocol", "application"), [("udp", "junos-tftp"), ("tcp", None)])
def test_the_application_of_a_session_has_its_protocol(protocol: str, application: str | None) -> None:
    ends = {**ENTRY["original"], "destination": ["192.0.2.1", 69]}
    found = control_session(
        {**SESSION, **ENTRY, "id": 7, "protocol": protocol, "original": ends}, compile_plan(TFTP_OUT, queues=2)
    )
    assert (found["protocol"], found.get("application")) == (protocol, application)


def test_gates_for_media_name_both_ends() -> None:
    medium = {**GATE, "kind": "media", "peer": "", "far": ["192.0.2.9", 6000], "idle": 30.5}
    found = gate(medium)
    assert (found["kind"], found["far-address"], found["far-port"], found["idle-timeout"]) == (
        "media", "192.0.2.9", 6000, 31,
    )  # fmt: skip
    assert "peer-address" not in found
    assert gate(GATE)["kind"] == "data"
    assert "far-port" not in gate({**medium, "far": None})


def test_gates_for_esp_have_an_spi_and_no_port() -> None:
    ends = {"protocol": 50, "inside": ["10.0.0.1", 0xA1B2C3D4], "outside": ["203.0.113.1", 0xA1B2C3D4]}
    found = gate({**GATE, **ends})
    assert (found["protocol"], found["spi"], found["inside-address"]) == ("esp", 0xA1B2C3D4, "10.0.0.1")
    assert not {"inside-port", "outside-port"} & found.keys()
    assert "spi" not in gate({**GATE, **ends, "inside": ["10.0.0.1", 0]})


def test_workers() -> None:
    running, starting = shown(Agent())["flow"]["applianced-state:workers"]["worker"]
    assert (running["state"], running["sessions"], running["restarts"]) == ("running", 2, "2")
    assert (starting["state"], starting["sessions"]) == ("starting", 0)


def test_resources() -> None:
    found = shown(Agent())["flow"]["applianced-state:resources"]
    assert found["resource"] == [
        {"name": "gates", "used": "3", "high-water": "7", "limit": "20"},
        {"name": "memory", "used": str(2**40 + 1), "high-water": str(2**41 + 2)},
        {"name": "connections", "used": "7", "high-water": "8", "limit": "9"},
    ]
    assert [worker["queue"] for worker in found["worker"]] == [0, 1]


def test_offload() -> None:
    found = shown(Agent())["flow"]["applianced-state:services-offload"]
    assert found == {
        "state": "active", "interface": ["lan0", "wan0"], "sessions": 3, "packets-by-rules": str(2**40),
    }  # fmt: skip
    said = {"state": "unsupported", "reason": "none here", "interfaces": [], "sessions": 0, "by-rules": 0}
    assert offload(said) == {
        "state": "unsupported", "reason": "none here", "interface": [], "sessions": 0, "packets-by-rules": "0",
    }  # fmt: skip


def test_the_agent_is_asked_for_what_is_wanted_only() -> None:
    agent = Agent()
    everything = shown(agent)
    assert {name for name, _ in agent.asked} == {
        *LISTS, "counters", "workers", "hits", "resources", "offload", "alg-lists",
    }  # fmt: skip
    agent = Agent()
    assert asyncio.run(provider(agent).state(lambda _: False)) == {}
    assert agent.asked == []
    flow = "applianced-security:security/flow/applianced-state:workers"
    part = asyncio.run(provider(agent).state(lambda path: path == flow))[SECURITY]
    assert part == {"flow": {"applianced-state:workers": everything["flow"]["applianced-state:workers"]}}
    assert agent.asked == [("workers", {})]


def test_without_a_dataplane_only_what_the_plan_says() -> None:
    security = shown(None)
    assert security.keys() == {"applianced-alg:alg"}


def test_before_the_first_commit_nothing() -> None:
    assert asyncio.run(DataplaneState(None, PlanMemory()).state()) == {}
