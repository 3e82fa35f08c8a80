"""The RPCs of applianced-operations about the dataplane: what the agent is asked, what is answered, what is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from lxml import etree

from applianced.datastore import rpc
from applianced.errors import ConfigError, DataplaneError
from tests.support.agent_books import LISTS, Agent, provider
from tests.yang.models import shipped

MODULE = "applianced-operations"
NAMESPACE = "urn:applianced:yang:operations"


def act(agent: Agent | None, name: str, **leaves: object) -> Mapping[str, Any]:
    """The output of an RPC whose input and output have passed libyang."""
    given = "".join(f"<{leaf.replace('_', '-')}>{value}</{leaf.replace('_', '-')}>" for leaf, value in leaves.items())
    operation = etree.fromstring(f'<{name} xmlns="{NAMESPACE}">{given}</{name}>')
    full = f"{MODULE}:{name}"
    assert rpc.defined(shipped(), operation) == full
    result = asyncio.run(provider(agent).act(full, rpc.arguments(shipped(), full, operation)))
    if result:
        assert rpc.output(shipped(), full, result)
    return json.loads(json.dumps(result))


@pytest.mark.parametrize(
    ("name", "leaves", "asked"),
    [
        ("clear-alg-counters", {"alg": "ftp"}, ("clear-counters", {"alg": "ftp"})),
        ("clear-alg-counters", {}, ("clear-counters", {"alg": ""})),
        ("clear-gate", {"number": 7}, ("close-gate", {"gate": 7})),
        ("clear-control-session", {"id": 9}, ("end-session", {"session": 9})),
        ("clear-data-session", {"id": 9}, ("end-data-session", {"session": 9})),
        ("clear-alg-sessions", {"alg": "ftp"}, ("end-sessions", {"algs": [2]})),
        ("clear-resources", {}, ("clear-resources", {})),
        (
            "get-gates",
            {"alg": "ftp", "zone": "trust", "address": "10.0.0.0/8", "control_session": 5, "after": 3, "count": 2},
            (
                "gates",
                {
                    "alg": "ftp",
                    "policies": [1],
                    "address": "10.0.0.0/8",
                    "session": 5,
                    "after": 3,
                    "count": 2,
                    "state": "open",
                },
            ),
        ),
        ("get-data-sessions", {"gate": 3}, ("data-sessions", {"alg": "", "policies": None, "count": 100, "gate": 3})),
        ("get-control-sessions", {}, ("sessions", {"alg": "", "policies": None, "count": 100})),
    ],
)
def test_what_the_agent_is_asked(name: str, leaves: dict[str, object], asked: tuple[str, dict[str, Any]]) -> None:
    agent = Agent()
    act(agent, name, **leaves)
    assert agent.asked == [asked]


def test_a_page_says_how_to_go_on() -> None:
    agent = Agent()
    first = act(agent, "get-gates", count=1)
    assert (first["matched"], first["next"], len(first["gate"])) == (2, LISTS["gates"][0]["number"], 1)
    last = act(agent, "get-gates", count=1)
    assert "next" not in last
    session = act(Agent(), "get-control-sessions", count=1)
    assert session["next"] == session["control-session"][0]["id"]
    data = act(Agent(), "get-data-sessions", count=1)
    assert data["next"] == data["data-session"][0]["id"] == 2**32 - 1


def test_what_is_shown_is_what_the_state_shows() -> None:
    state = asyncio.run(provider(Agent()).state())["applianced-security:security"]
    alg, flow = state["applianced-alg:alg"], state["flow"]
    assert act(Agent(), "get-gates")["gate"] == alg["applianced-state:gates"]["gate"][:1]
    assert act(Agent(), "get-alg-status")["alg"] == alg["applianced-state:status"]["alg"]
    assert act(Agent(), "get-alg-counters")["alg"] == alg["applianced-state:counters"]["alg"]
    assert act(Agent(), "get-workers") == flow["applianced-state:workers"]
    assert act(Agent(), "get-resources") == flow["applianced-state:resources"]


def test_counters_in_parts() -> None:
    (ftp,) = act(Agent(), "get-alg-counters", alg="ftp", per_worker="", non_zero="")["alg"]
    assert ftp["event"][0]["worker"] == [{"queue": 0, "value": str(2**62)}, {"queue": 1, "value": str(2**62)}]


def test_resources_of_one_worker() -> None:
    found = act(Agent(), "get-resources", queue=1)
    assert found.keys() == {"worker"}
    assert [worker["queue"] for worker in found["worker"]] == [1]


def test_workers_are_replaced_one_after_the_other() -> None:
    agent = Agent()
    replaced = act(agent, "restart-worker")["worker"]
    assert agent.asked == [("hello", {}), ("restart-worker", {"queue": 0}), ("restart-worker", {"queue": 1})]
    assert [worker["queue"] for worker in replaced] == [0, 1]
    assert "former-pid" not in replaced[0]


@pytest.mark.parametrize(
    ("name", "leaf"),
    [("clear-gate", "number"), ("clear-control-session", "id"), ("clear-data-session", "id")],
)
def test_numbers_that_name_nothing(name: str, leaf: str) -> None:
    with pytest.raises(ConfigError, match=r"there is no .* 9: get-.* lists those there are") as caught:
        act(Agent(found=False), name, **{leaf: 9})
    assert caught.value.path == f"/{MODULE}:{name}/{leaf}"
    assert caught.value.bad_element == leaf


@pytest.mark.parametrize(
    ("name", "leaves", "there_is"),
    [
        ("get-alg-status", {"alg": "x"}, "dns, ftp, h323"),
        ("get-alg-counters", {"alg": "h323"}, "dns, ftp, ike-esp-nat, pptp, sip, tftp"),
        ("clear-alg-counters", {"alg": "engine"}, "dns, ftp, ike-esp-nat, pptp, sip, tftp"),
        ("clear-alg-sessions", {"alg": "FTP"}, "dns, ftp"),
        ("get-gates", {"alg": "x"}, "dns, ftp"),
        ("get-gates", {"zone": "x"}, "trust, untrust"),
        ("get-data-sessions", {"zone": "x"}, "trust, untrust"),
        ("restart-worker", {"queue": 2}, "0 to 1"),
        ("get-resources", {"queue": 255}, "0 to 1"),
    ],
)
def test_names_that_name_nothing(name: str, leaves: dict[str, object], there_is: str) -> None:
    agent = Agent()
    with pytest.raises(ConfigError, match=f"there (is|are) {there_is}") as caught:
        act(agent, name, **leaves)
    assert caught.value.path == f"/{MODULE}:{name}/{next(iter(leaves))}"
    assert [asked for asked, _ in agent.asked] in ([], ["hello"]), "nothing was done"


@pytest.mark.parametrize("leaves", [{"count": 0}, {"count": 1001}, {"address": "10.0.0.0/33"}, {"state": "ajar"}])
def test_input_that_does_not_fit_the_model(leaves: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        act(Agent(), "get-gates", **leaves)


def test_without_a_dataplane() -> None:
    assert act(None, "get-alg-status", alg="ftp")["alg"][0]["state"] == "enabled"
    for name in ("get-gates", "get-workers", "restart-worker", "clear-resources", "get-alg-counters"):
        with pytest.raises(DataplaneError, match="without a dataplane"):
            act(None, name)


def test_operations_that_are_not_there() -> None:
    for name in ("nonsense:get-gates", f"{MODULE}:nonsense"):
        with pytest.raises(ConfigError, match="unknown operation"):
            asyncio.run(provider(Agent()).act(name, {}))
