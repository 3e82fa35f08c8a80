"""gates, sessions, counters and clear with a dataplane and real FTP."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from applianced.tools.fleet import Fleet, Member
from applianced.tools.namespaces import PLANS, run
from tests.ansible.examples import examples
from tests.ansible.rehearsed import SERVE
from tests.ansible.runner import Controller, controller
from tests.support.served import EXAMPLE, Served

pytestmark = pytest.mark.topology


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Member, Path]]:
    directory = tmp_path_factory.mktemp("operational") / "fleet"
    fleet = Fleet(directory, name=f"apo{os.getpid():x}-")
    try:
        (member,) = fleet.start(1, 1, SERVE)
        yield member, directory
    finally:
        fleet.stop()


@pytest.fixture
def operator(gateway: tuple[Member, Path]) -> Iterator[Controller]:
    member, directory = gateway
    with controller(Served(member.serving.port, directory / "admin", directory)) as opened:
        opened.ok("config", config=EXAMPLE.read_text())
        yield opened


def test_what_a_transfer_leaves(gateway: tuple[Member, Path], operator: Controller) -> None:
    member, _directory = gateway
    nothing = operator.ok("gates", alg="ftp", at_most=0)
    assert (nothing["matched"], nothing["gates"]) == (0, [])
    run(list(member.traffic))
    expected = [{"alg": "ftp", "event": "gates-opened", "at_least": 1}]
    counted = operator.ok("counters", expect=expected, timeout=10)
    assert counted["counters"]["ftp"]["gates-opened"] >= 1
    seen = operator.ok("gates", alg="ftp", state="all", at_least=1, timeout=10, limit=5)
    gate = seen["gates"][0]
    assert gate["alg"] == "ftp"
    assert PLANS[4].client in (gate["peer_address"], gate["inside_address"])
    assert operator.ok("gates", address="192.0.2.0/24", state="all")["matched"] == 0
    too_many = operator.run("gates", alg="ftp", state="all", at_most=0)
    assert too_many["failed"]
    assert "at most 0 were awaited" in too_many["msg"]
    for kind in ("control", "data"):
        assert isinstance(operator.ok("sessions", type=kind)[f"{kind}_sessions"], list)
    missing = operator.run("counters", expect=[{"alg": "ftp", "event": "gates-opened", "at_least": 10**6}], timeout=1)
    assert "at least 1000000 were awaited" in missing["msg"]
    unknown = operator.run("counters", expect=[{"alg": "ftp", "event": "gates-openned"}])
    assert unknown["path"] == "expect[0]"
    assert "gates-opened" in unknown["msg"]


def test_examples(gateway: tuple[Member, Path], operator: Controller) -> None:
    member, _directory = gateway
    run(list(member.traffic))
    for module in ("gates", "counters", "sessions", "clear"):
        if module == "sessions":
            # It waits until nobody is in the middle of a transfer.
            operator.ok("clear", what="alg_sessions", alg="ftp")
        for example in examples(module, {}):
            if example.arguments.get("what") == "gate":
                assert operator.run(module, **example.arguments)["error"]["tag"] == "invalid-value"
            elif module != "clear":
                assert operator.ok(module, **example.arguments)["changed"] is False
            else:
                assert operator.ok(module, **example.arguments)["changed"]


def test_clear(operator: Controller) -> None:
    assert operator.ok("clear", check=True, what="alg_counters")["round_trips"] == 0
    for what in ("alg_counters", "alg_sessions"):
        assert operator.ok("clear", check=True, what=what, alg="ftp")["changed"]
        for check in (True, False):
            assert operator.run("clear", check=check, what=what, alg="ftpp")["error"]["tag"] == "invalid-value"
    assert operator.ok("clear", what="alg_counters", alg="ftp")["changed"]
    assert operator.ok("counters", alg="ftp", non_zero=True)["counters"] == {"ftp": {}}
    assert operator.ok("clear", what="alg_sessions", alg="ftp")["ended"]["gates"] == 0
    failed = operator.run("clear", what="gate", number=4711)
    assert failed["error"]["tag"] == "invalid-value"
    for what in ("gate", "control_session", "data_session"):
        for number in (0, 1, 4711):
            assert operator.run("clear", what=what, number=number)["failed"]
            assert operator.run("clear", check=True, what=what, number=number)["path"] == "number"
    assert "missing" in operator.run("clear", what="gate")["msg"]


def test_get_and_rpc(operator: Controller) -> None:
    workers = operator.ok("rpc", rpc="get-workers")
    assert workers["changed"] is False
    assert workers["output"]["worker"]
    schema = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
    asked = f'<get-schema xmlns="{schema}"><identifier>applianced-nat</identifier></get-schema>'
    assert "module applianced-nat" in str(operator.ok("rpc", xml=asked, display="dict")["output"])
    assert "module applianced-nat" in operator.ok("rpc", xml=asked)["output"]
    sessions = f'<netconf-state xmlns="{schema}"><sessions/></netconf-state>'
    for display in ("dict", "xml", "json"):
        found = operator.ok("get", filter=sessions, source="operational", display=display)["output"]
        assert "netconf-state" in str(found)
    assert operator.ok("rpc", check=True, rpc="restart-worker", input={"queue": 0})["round_trips"] == 0
    assert "module applianced-nat" in operator.ok("rpc", xml=f'<?xml version="1.0"?>\n{asked}')["output"]
    for filtered in ("garbage", "", "<system>", "x<system/>"):
        assert operator.run("get", filter=filtered)["path"] == "filter"
    assert operator.run("rpc", xml="garbage")["path"] == "xml"
    unknown = operator.run("rpc", rpc="get-worker")
    assert "use get-workers" in unknown["msg"]
    assert operator.run("rpc", rpc="get-gates", input={"alk": "ftp"})["path"] == "input.alk"
