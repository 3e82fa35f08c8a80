"""Each operational RPC while real transfers run: what is shown is what goes on, what is cleared is gone."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from lxml import etree
from ncclient.operations import RPCError  # type: ignore[import-untyped]

from applianced.dataplane.channel import call
from applianced.tools.ftp_server import FtpServer
from applianced.tools.namespaces import IPV4, Topology
from applianced.tools.netconf_client import PREFIXES, NetconfClient, connect
from tests.support.appliance import Appliance, appliance_on
from tests.support.faults import SMALL_OCTETS, fetch_small
from tests.support.ftp_session import FtpSession, ftp_session, read_all
from tests.support.netns import unique_topology
from tests.support.programs import make_file
from tests.support.until import until

OPERATIONS = "urn:applianced:yang:operations"
OP = {**PREFIXES, "op": OPERATIONS}
BIG_OCTETS = 64 << 20
"""More than socket buffers take: a transfer that nobody reads stays under way."""


@pytest.fixture
def server(server: FtpServer) -> FtpServer:
    make_file(server.files / "small", SMALL_OCTETS)
    with (server.files / "big").open("wb") as file:
        file.truncate(BIG_OCTETS)
    return server


def ask(appliance: Appliance, rpc: str, **leaves: object) -> etree._Element:
    """The reply to an RPC of applianced-operations; a leaf that is "" is sent empty."""
    return asked_of(appliance.netconf, rpc, **leaves)


def asked_of(client: NetconfClient, rpc: str, **leaves: object) -> etree._Element:
    """The same in another session."""
    given = "".join(f"<{name.replace('_', '-')}>{value}</{name.replace('_', '-')}>" for name, value in leaves.items())
    reply = client.session.dispatch(etree.fromstring(f'<{rpc} xmlns="{OPERATIONS}">{given}</{rpc}>'))
    return etree.fromstring(reply.xml.encode())


def entries(reply: etree._Element, name: str) -> list[dict[str, str]]:
    """The leaves of each entry of a list in a reply."""
    return [
        {etree.QName(leaf).localname: leaf.text or "" for leaf in entry} for entry in reply.iterfind(f"op:{name}", OP)
    ]


def value(reply: etree._Element, name: str) -> str:
    return reply.findtext(f"op:{name}", default="", namespaces=OP)


@contextmanager
def transfer(session: FtpSession) -> Iterator[socket.socket]:
    """A download to a port of the client that is under way, and that nobody reads yet."""
    listener, announcement = session.listen()
    session.send(announcement)
    session.expect(200)
    session.send(b"RETR pub/big\r\n")
    with listener:
        data, _ = listener.accept()
    with data:
        assert data.recv(1)
        session.expect(150)
        yield data


def was_reset(data: socket.socket) -> bool:
    """Read to the end; whether that was a reset."""
    data.settimeout(20)
    try:
        while data.recv(1 << 20):
            pass
    except ConnectionResetError:
        return True
    return False


def test_a_gate_while_a_transfer_runs(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    with ftp_session(topology, server, IPV4) as session, transfer(session) as data:
        reply = ask(appliance, "get-gates", alg="ftp", zone="trust", address=f"{IPV4.client}/24")
        (gate,) = entries(reply, "gate")
        assert value(reply, "matched") == "1"
        assert gate["reason"].startswith("PORT ")
        assert gate["inside-address"] == IPV4.client
        assert gate["peer-address"] == IPV4.server
        assert gate["outside-address"] not in (IPV4.client, "")
        assert 0 < int(gate["remaining"]) <= 30
        assert gate["data-sessions"] == "1"
        assert int(gate["octets"]) > 0
        assert int(gate["packets"]) > 0
        shown = appliance.gates()
        assert [each.findtext("state:number", namespaces=PREFIXES) for each in shown] == [gate["number"]]

        (control,) = entries(ask(appliance, "get-control-sessions"), "control-session")
        assert control["id"] == gate["control-session"]
        (through,) = entries(ask(appliance, "get-data-sessions", gate=gate["number"]), "data-session")
        assert through["control-session"] == control["id"]
        assert (through["alg"], through["state"]) == ("ftp", "established")
        for nothing in ({"alg": "sip"}, {"address": "198.51.100.1"}, {"control_session": 1}, {"state": "closed"}):
            assert not entries(ask(appliance, "get-gates", **nothing), "gate"), nothing
        assert not entries(ask(appliance, "get-data-sessions", control_session=1), "data-session")

        cleared = ask(appliance, "clear-gate", number=gate["number"])
        assert value(cleared, "data-sessions") == "1"
        assert not entries(ask(appliance, "get-gates"), "gate")
        with pytest.raises(RPCError, match="there is no open gate"):
            ask(appliance, "clear-gate", number=gate["number"])
        assert was_reset(data)
    with ftp_session(topology, server, IPV4) as another:
        fetch_small(another)


def test_a_gate_that_is_cleared_admits_nobody(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    with ftp_session(topology, server, IPV4) as session:
        listener, announcement = session.listen()
        with listener:
            session.send(announcement)
            session.expect(200)
            (gate,) = entries(ask(appliance, "get-gates"), "gate")
            assert value(ask(appliance, "clear-gate", number=gate["number"]), "data-sessions") == "0"
            listener.settimeout(1)
            session.send(b"RETR pub/small\r\n")
            with pytest.raises(TimeoutError):
                listener.accept()


def test_a_data_session_is_cleared_alone(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    with ftp_session(topology, server, IPV4) as session:
        with transfer(session) as data:
            (through,) = entries(ask(appliance, "get-data-sessions"), "data-session")
            ask(appliance, "clear-data-session", id=through["id"])
            with pytest.raises(RPCError, match="there is no data session"):
                ask(appliance, "clear-data-session", id=through["id"])
            assert was_reset(data)
        session.expect(426)
        fetch_small(session)


def test_a_control_session_is_cleared_with_all_of_it(
    topology: Topology, appliance: Appliance, server: FtpServer
) -> None:
    with ftp_session(topology, server, IPV4) as session, transfer(session):
        (control,) = entries(
            ask(appliance, "get-control-sessions", zone="trust", address=IPV4.client), "control-session"
        )
        assert control["policy"] == "allow-ftp"
        ask(appliance, "clear-control-session", id=control["id"])
        assert not entries(ask(appliance, "get-control-sessions"), "control-session")
        assert not entries(ask(appliance, "get-gates"), "gate")
        assert not entries(ask(appliance, "get-data-sessions"), "data-session")


def test_all_of_an_alg_is_cleared(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    with (
        ftp_session(topology, server, IPV4) as one,
        ftp_session(topology, server, IPV4),
        transfer(one),
    ):
        assert value(ask(appliance, "get-control-sessions", count=1), "matched") == "2"
        cleared = ask(appliance, "clear-alg-sessions", alg="ftp")
        assert [value(cleared, name) for name in ("control-sessions", "gates", "data-sessions")] == ["2", "1", "1"]
        assert value(ask(appliance, "get-control-sessions"), "matched") == "0"
    with ftp_session(topology, server, IPV4) as another:
        fetch_small(another)


def test_lists_come_in_pages(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    with ftp_session(topology, server, IPV4) as session:
        held = []
        for _ in range(5):
            listener, announcement = session.listen()
            held.append(listener)
            session.send(announcement)
            session.expect(200)
        seen, after = [], None
        while True:
            reply = ask(appliance, "get-gates", state="all", count=2, **({"after": after} if after else {}))
            page = [int(gate["number"]) for gate in entries(reply, "gate")]
            assert value(reply, "matched") == "5"
            assert len(page) <= 2
            seen += page
            after = value(reply, "next")
            if not after:
                break
        assert len(seen) == 5
        assert seen == sorted(set(seen))
        for listener in held:
            listener.close()


def test_counters_and_status(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    with ftp_session(topology, server, IPV4) as session:
        fetch_small(session)
    reply = ask(appliance, "get-alg-counters", alg="ftp", non_zero="", per_worker="")
    opened = reply.find("op:alg/op:event[op:name='gates-opened']", OP)
    assert opened is not None
    parts = [int(part.text or 0) for part in opened.iterfind("op:worker/op:value", OP)]
    assert sum(parts) == int(value(opened, "value")) == 1
    assert all(int(value(event, "value")) > 0 for event in reply.iterfind("op:alg/op:event", OP))
    ask(appliance, "clear-alg-counters", alg="ftp")
    cleared = ask(appliance, "get-alg-counters", alg="ftp")
    zero = cleared.find("op:alg/op:event[op:name='gates-opened']", OP)
    assert zero is not None
    assert value(zero, "value") == "0"
    (status,) = entries(ask(appliance, "get-alg-status", alg="ftp"), "alg")
    assert status["state"] == "enabled"
    assert len(entries(ask(appliance, "get-alg-status"), "alg")) == 16


def test_resources(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    def resources() -> dict[str, dict[str, str]]:
        return {each["name"]: each for each in entries(ask(appliance, "get-resources"), "resource")}

    with ftp_session(topology, server, IPV4) as session:
        before = resources()
        assert before["control-sessions"]["used"] == "1"
        listener, announcement = session.listen()
        with listener:
            session.send(announcement)
            session.expect(200)
            during = resources()
        assert (during["gates"]["used"], during["gates"]["high-water"], during["gates"]["limit"]) == ("1", "1", "16384")
        assert during["ports"]["used"] == "1"
        assert int(during["ports"]["limit"]) > 1000
        assert int(during["memory"]["used"]) > 1 << 20
        assert "limit" not in during["memory"]
        assert (during["queue"]["used"], int(during["queue"]["limit"]) % 4096) == ("0", 0)
        assert 0 < int(during["connections"]["used"]) < int(during["connections"]["limit"])
        for pid in appliance.workers():
            os.kill(pid, signal.SIGKILL)
        until(lambda: resources()["gates"]["used"] == "1", what="the gate is taken up")
        assert resources()["gates"]["high-water"] == "1"
        ask(
            appliance,
            "clear-control-session",
            id=entries(ask(appliance, "get-control-sessions"), "control-session")[0]["id"],
        )
        assert (resources()["gates"]["used"], resources()["gates"]["high-water"]) == ("0", "1"), "a mark stays"
    ask(appliance, "clear-resources")
    after = resources()
    assert (after["gates"]["high-water"], after["control-sessions"]["high-water"]) == ("0", "0")


def test_a_worker_is_replaced_while_a_transfer_runs(
    topology: Topology, appliance: Appliance, server: FtpServer
) -> None:
    before = appliance.workers()
    with ftp_session(topology, server, IPV4) as session, transfer(session) as data:
        workers = entries(ask(appliance, "restart-worker"), "worker")
        assert [int(worker["former-pid"]) for worker in workers] == before
        assert appliance.workers() == [int(worker["pid"]) for worker in workers]
        assert set(appliance.workers()).isdisjoint(before)
        assert {worker["graceful"] for worker in workers} == {"true"}
        assert sum(int(worker["control-sessions"]) for worker in workers) == 1
        assert sum(int(worker["gates"]) for worker in workers) == 1
        assert {worker["control-sessions-lost"] for worker in workers} == {"0"}
        assert all(int(worker["milliseconds"]) < 2000 for worker in workers)
        assert len(read_all(data.dup())) == BIG_OCTETS - 1
        session.expect(226)
        fetch_small(session)
    assert appliance.counter("ftp", "sessions-resumed") == 1
    assert appliance.counter("ftp", "sessions-unknown") == 0
    assert [worker["restarts"] for worker in entries(ask(appliance, "get-workers"), "worker")] == ["1"] * len(before)
    assert "APPLIANCE_WORKER_DOWN" not in appliance.log()


def test_a_stopped_worker_is_replaced(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    os.kill(appliance.workers()[0], signal.SIGSTOP)
    (worker,) = entries(ask(appliance, "restart-worker", queue=0), "worker")
    assert worker["graceful"] == "false"
    assert int(worker["pid"]) in appliance.workers()
    with ftp_session(topology, server, IPV4) as session:
        fetch_small(session)


@pytest.mark.parametrize(
    ("rpc", "leaves", "said"),
    [
        ("get-gates", {"alg": "ftpp"}, 'there is no ALG "ftpp": there is dns, ftp, '),
        ("get-control-sessions", {"zone": "moon"}, 'there is no zone "moon": there is trust, untrust'),
        (
            "get-alg-counters",
            {"alg": "h323"},
            'no ALG with counters "h323": there is dns, ftp, ike-esp-nat, pptp, sip, tftp',
        ),
        (
            "clear-alg-counters",
            {"alg": "x"},
            'there is no ALG with counters "x": there is dns, ftp, ike-esp-nat, pptp, sip, tftp',
        ),
        ("get-alg-status", {"alg": "x"}, 'there is no ALG "x"'),
        ("clear-alg-sessions", {"alg": "x"}, 'there is no ALG "x"'),
        ("clear-control-session", {"id": 7}, "there is no control session 7"),
        ("restart-worker", {"queue": 99}, "there is no queue 99: there are 0 to"),
        ("get-resources", {"queue": 99}, "there is no queue 99: there are 0 to"),
    ],
)
def test_names_that_name_nothing(
    operations_appliance: Appliance, rpc: str, leaves: dict[str, object], said: str
) -> None:
    with pytest.raises(RPCError, match=said) as caught:
        ask(operations_appliance, rpc, **leaves)
    assert caught.value.tag == "invalid-value"
    assert (
        str(caught.value.path)
        .strip()
        .endswith(f"/applianced-operations:{rpc}/applianced-operations:{next(iter(leaves))}")
    )


@pytest.fixture(scope="module")
def operations_appliance() -> Iterator[Appliance]:
    """One appliance for what changes nothing."""
    with unique_topology() as topology, appliance_on(topology) as made:
        yield made


def test_a_commit_goes_on_with_the_worker_that_came_meanwhile(
    topology: Topology, appliance: Appliance, server: FtpServer
) -> None:
    """Prepared by management, replaced in between, applied: the new one works by the new settings."""
    agent = appliance.directory / "state" / "dataplane" / "agent.sock"
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(20)
        connection.connect(str(agent))
        plan = json.loads((agent.parent / "applied-plan.json").read_text())
        generation = call(connection, {"op": "prepare", "plan": plan})["generation"]
        call(connection, {"op": "restart-worker", "queue": 0})
        call(connection, {"op": "apply", "generation": generation})
        call(connection, {"op": "finish"})
    workers = entries(ask(appliance, "get-workers"), "worker")
    assert [worker["generation"] for worker in workers] == [str(generation)] * len(workers)
    assert [worker["restarts"] for worker in workers] == ["1"] + ["0"] * (len(workers) - 1)
    with ftp_session(topology, server, IPV4) as session:
        fetch_small(session)


def test_questions_while_workers_are_replaced(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    """Every answer is whole, or says what to do; none keeps its session waiting."""
    shows = ("get-gates", "get-control-sessions", "get-data-sessions", "get-resources", "get-workers")
    questions: list[tuple[str, dict[str, object]]] = [
        *((name, {}) for name in (*shows, "get-alg-counters", "clear-alg-counters", "clear-resources")),
        ("clear-gate", {"number": 7}),
        ("clear-control-session", {"id": 7}),
        ("clear-data-session", {"id": 7}),
    ]
    with (
        ftp_session(topology, server, IPV4) as session,
        transfer(session) as data,
        ThreadPoolExecutor(1) as pool,
        connect(appliance.serving.host, appliance.serving.port, appliance.key) as other,
    ):
        restarts = pool.submit(lambda: [ask(appliance, "restart-worker") for _ in range(3)])
        asked, refused = 0, set()
        while not restarts.done() or asked < len(questions):
            rpc, leaves = questions[asked % len(questions)]
            start = time.monotonic()
            try:
                asked_of(other, rpc, **leaves)
            except RPCError as error:
                refused.add((rpc, error.tag))
            assert time.monotonic() - start < 5, rpc
            asked += 1
        assert len(restarts.result()) == 3
        assert {(rpc, "invalid-value") for rpc, leaves in questions if leaves} <= refused
        assert {tag for _, tag in refused} <= {"invalid-value", "operation-failed"}
        (gate,) = entries(ask(appliance, "get-gates"), "gate")
        assert gate["data-sessions"] == "1"
        assert len(read_all(data.dup())) == BIG_OCTETS - 1
        session.expect(226)
        fetch_small(session)
