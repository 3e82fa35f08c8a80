"""Messages as they leave, to receivers on loopback, and the trace as it is written."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from applianced.dataplane.eventlog import ENTERPRISE, KINDS, LEVELS, EventLog, traces, wants

SESSION = {"time": 1_763_700_000.25, "policy-name": "p", "application": "FTP"}
GATE = {**SESSION, "alg": "ftp", "gate": 7}


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.settimeout(5)
        yield made


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    made = EventLog(tmp_path)
    yield made
    made.close()


def stream(receiver: socket.socket, **leaves: Any) -> dict[str, Any]:
    host, port = receiver.getsockname()
    return {"host": host, "port": port, "severity": "", "categories": [], "format": "sd-syslog", **leaves}


def configured(log: EventLog, *streams: dict[str, Any], **rest: Any) -> None:
    log.configure({"streams": streams, "source_address": None, "host_name": "gw", **rest}, {"file": ""})


def received(receiver: socket.socket) -> str:
    return receiver.recv(4096).decode()


def quiet(receiver: socket.socket) -> bool:
    receiver.setblocking(False)
    try:
        return not receiver.recv(4096)
    except BlockingIOError:
        return True


def test_structured_data(log: EventLog, receiver: socket.socket) -> None:
    configured(log, stream(receiver))
    log.write("session-create", SESSION)
    assert received(receiver) == (
        "<14>1 2025-11-21T04:40:00.250Z gw RT_FLOW - RT_FLOW_SESSION_CREATE"
        f' [{ENTERPRISE} policy-name="p" application="FTP"]'
    )


def test_plain_syslog(log: EventLog, receiver: socket.socket) -> None:
    configured(log, stream(receiver, format="syslog"))
    log.write("session-close", SESSION)
    stamp = time.strftime("%H:%M:%S", time.localtime(SESSION["time"]))  # type: ignore[arg-type]
    pattern = rf'<14>Nov 2\d {stamp} gw RT_FLOW: RT_FLOW_SESSION_CLOSE: policy-name="p" application="FTP"'
    assert re.fullmatch(pattern, received(receiver))


def test_a_day_of_one_digit_is_padded(log: EventLog, receiver: socket.socket) -> None:
    configured(log, stream(receiver, format="syslog"))
    log.write("session-close", {"time": 1_762_300_800.0 + 43200})
    assert received(receiver).startswith("<14>Nov  5 ")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ('a"b', r"a\"b"),
        ("a]b", r"a\]b"),
        ("a\\b", r"a\\b"),
        ("a\r\nb\0", r"a\\r\\nb\\x00"),
        ("é", "é"),
        ("x" * 1000, "x" * 256),
    ],
)
def test_values_of_a_peer_cannot_break_the_form(log: EventLog, receiver: socket.socket, value: str, shown: str) -> None:
    configured(log, stream(receiver))
    log.write("violation", {"alg": "ftp", "detail": value})
    assert received(receiver).endswith(f'[{ENTERPRISE} alg="ftp" detail="{shown}"]')


def test_a_message_without_fields(log: EventLog, receiver: socket.socket) -> None:
    configured(log, stream(receiver))
    log.write("session-deny", {})
    assert received(receiver).endswith("RT_FLOW_SESSION_DENY -")


@pytest.mark.parametrize("event", [name for name, kind in KINDS.items() if kind.streamed])
@pytest.mark.parametrize("category", ["flow", "alg"])
def test_categories(log: EventLog, receiver: socket.socket, event: str, category: str) -> None:
    configured(log, stream(receiver, categories=[category]))
    log.write(event, {})
    assert quiet(receiver) is (KINDS[event].category != category)


@pytest.mark.parametrize(
    ("severity", "sent"),
    [
        ("debug", ["session-deny", "violation", "worker-down"]),
        ("info", ["session-deny", "violation", "worker-down"]),
        ("notice", ["violation", "worker-down"]),
        ("error", ["worker-down"]),
        ("critical", []),
    ],
)
def test_severities(log: EventLog, receiver: socket.socket, severity: str, sent: list[str]) -> None:
    configured(log, stream(receiver, severity=severity))
    for event in ("session-deny", "violation", "worker-down"):
        log.write(event, {})
    assert [KINDS[event].name in received(receiver) for event in sent] == [True] * len(sent)
    assert quiet(receiver)


def test_what_only_the_trace_wants_is_not_sent(log: EventLog, receiver: socket.socket) -> None:
    configured(log, stream(receiver))
    log.write("noted", GATE)
    log.write("rewritten", GATE)
    assert quiet(receiver)


def test_ipv6(log: EventLog) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("::1", 0))
        receiver.settimeout(5)
        port = receiver.getsockname()[1]
        configured(log, {"host": "::1", "port": port, "severity": "", "categories": [], "format": "syslog"})
        log.write("session-deny", {})
        assert "RT_FLOW_SESSION_DENY" in received(receiver)


def test_the_source_address(log: EventLog, receiver: socket.socket) -> None:
    configured(log, stream(receiver), source_address="127.0.0.9")
    log.write("session-deny", {})
    assert receiver.recvfrom(4096)[1][0] == "127.0.0.9"


def test_a_source_address_that_is_not_ours_costs_the_message_alone(log: EventLog, receiver: socket.socket) -> None:
    configured(log, stream(receiver), source_address="192.0.2.1")
    log.write("session-deny", {})
    assert log.unsent == 1
    assert quiet(receiver)


def test_who_wants_a_category() -> None:
    assert wants({"streams": [{"categories": []}]}, "alg")
    assert wants({"streams": [{"categories": ["flow"]}, {"categories": ["alg"]}]}, "alg")
    assert not wants({"streams": [{"categories": ["flow"]}]}, "alg")
    assert not wants({}, "alg")


def test_each_level_writes_what_the_one_below_does() -> None:
    written = [{event for event in KINDS if traces(event, level)} for level in LEVELS]
    assert written[0] < written[1] < written[2]


def traced(log: EventLog, algs: list[str], **leaves: Any) -> None:
    trace = {"file": "t", "size": 10240, "files": 3, "world_readable": False, "match": "", "level": "brief", **leaves}
    log.configure({}, trace, dict.fromkeys(algs, trace["level"]))


def test_the_trace_has_the_algs_that_are_flagged(log: EventLog, tmp_path: Path) -> None:
    traced(log, ["ftp"])
    log.write("noted", {**GATE, "event": "port"})
    log.write("noted", {**GATE, "alg": "sip"})
    log.write("rewritten", GATE)
    log.write("session-create", SESSION)
    line = '2025-11-21T04:40:00.250Z RT_ALG_EVENT policy-name="p" application="FTP" alg="ftp" gate="7" event="port"\n'
    assert (tmp_path / "trace" / "t").read_text() == line


def test_the_trace_is_matched(log: EventLog, tmp_path: Path) -> None:
    traced(log, ["ftp"], match="event=.(port|eprt)")
    for event in ("port", "epsv", "eprt"):
        log.write("noted", {"alg": "ftp", "event": event})
    assert len((tmp_path / "trace" / "t").read_text().splitlines()) == 2


def test_the_trace_stays_in_its_directory(log: EventLog, tmp_path: Path) -> None:
    traced(log, ["ftp"], file="../../elsewhere")
    log.write("noted", {"alg": "ftp"})
    assert [path.name for path in (tmp_path / "trace").iterdir()] == ["elsewhere"]


def test_another_configuration_ends_the_trace(log: EventLog, tmp_path: Path, receiver: socket.socket) -> None:
    traced(log, ["ftp"])
    configured(log, stream(receiver))
    log.write("noted", {"alg": "ftp"})
    assert not (tmp_path / "trace").exists()
