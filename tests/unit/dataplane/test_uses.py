"""Which data session belongs to which gate."""

from __future__ import annotations

from typing import Any

import pytest

from applianced.dataplane.conntrack import Entry
from applianced.dataplane.uses import Uses, came_through, with_use
from applianced.engine.kernel import Translation
from applianced.model.tuples import TCP, UDP, Endpoint, FlowTuple, packed

PEER, INSIDE, OUTSIDE = "192.0.2.1", "10.0.0.1", "203.0.113.1"
GATE: dict[str, Any] = {
    "protocol": TCP,
    "peer": PEER,
    "inside": [INSIDE, 2000],
    "outside": [OUTSIDE, 50001],
    "created": 1000.0,
}


def entry(
    peer: str = PEER,
    outside: tuple[str, int] = (OUTSIDE, 50001),
    inside: tuple[str, int] = (INSIDE, 2000),
    protocol: int = TCP,
    **more: Any,
) -> Entry:
    """A data session from the peer to an outside endpoint, which stands for an inside one."""
    source = Endpoint(packed(peer), 20)
    translation = Translation(
        FlowTuple(protocol, source, Endpoint(packed(outside[0]), outside[1])),
        FlowTuple(protocol, Endpoint(packed(inside[0]), inside[1]), source),
    )
    fields = {"mark": 0, "policy": 1, "state": "established", "ending": False, "packets": 5, "octets": 500}
    return Entry(**{"translation": translation, **fields, "timeout_s": 60, "started_s": 1001.0, **more})


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        pytest.param(entry(), True, id="as announced"),
        pytest.param(entry(inside=("10.0.0.9", 9)), True, id="by its outside endpoint alone"),
        pytest.param(entry(outside=(INSIDE, 2000)), True, id="routed: by its inside endpoint"),
        pytest.param(entry(outside=(OUTSIDE, 50002), inside=(INSIDE, 2001)), False, id="another port"),
        pytest.param(entry(peer="192.0.2.2"), False, id="another peer"),
        pytest.param(entry(protocol=UDP), False, id="another protocol"),
        pytest.param(entry(started_s=998.0), False, id="begun before the gate"),
        pytest.param(entry(started_s=0.0), True, id="nobody knows when it began"),
    ],
)
def test_a_session_came_through_its_gate(session: Entry, expected: bool) -> None:
    assert came_through(GATE, session) is expected


def test_a_gate_of_any_port_admits_every_port_of_its_host() -> None:
    gate = {**GATE, "inside": [INSIDE, 0], "outside": [INSIDE, 0]}
    assert came_through(gate, entry(outside=(INSIDE, 4711), inside=(INSIDE, 4711)))
    assert not came_through(gate, entry(outside=("10.0.0.2", 4711), inside=("10.0.0.2", 4711)))


@pytest.mark.parametrize(
    ("closed", "started", "expected"), [(1001.5, 1002.0, True), (1001.5, 1003.0, False), (1001.5, 0.0, True)]
)
def test_a_gate_admits_nothing_once_it_is_closed(closed: float, started: float, expected: bool) -> None:
    assert came_through({**GATE, "closed": closed}, entry(started_s=started)) is expected


def test_of_gates_for_the_same_endpoint_the_last_one_before_it_admitted_a_session() -> None:
    """A port is announced again as soon as it is free."""
    gates = [{**GATE, "created": created, "closed": created + 0.1} for created in (1000.2, 1000.5, 1000.8)]
    for gate, started_s in zip(gates, (1000.21, 1000.6, 1000.9), strict=True):
        assert Uses(gates).gate(entry(started_s=started_s)) is gate
        assert Uses(gates[::-1]).gate(entry(started_s=started_s)) is gate


def test_use_of_a_gate() -> None:
    """First use, packets and octets of all, and how many sessions."""
    data = [entry(started_s=1005.0), entry(peer="192.0.2.2"), entry(started_s=1003.0, packets=7, octets=70)]
    used, unused = {**GATE}, {**GATE, "outside": [OUTSIDE, 9], "inside": [INSIDE, 9]}
    with_use([used, unused], data)
    assert used == {**GATE, "packets": 12, "octets": 570, "used": 1003.0, "data": 2}
    assert (unused["packets"], unused["octets"], unused["used"], unused["data"]) == (0, 0, 0.0, 0)


def test_a_gate_that_counts_by_itself_keeps_its_count() -> None:
    counted = {**GATE, "packets": 3, "octets": 300, "used": 1001.0}
    with_use([counted], [])
    assert counted == {**GATE, "packets": 3, "octets": 300, "used": 1001.0, "data": 0}


def test_gates_are_found_as_each_by_itself_would_say() -> None:
    gates = [
        {**GATE, "number": 1},
        {**GATE, "number": 2, "inside": [INSIDE, 0], "outside": [INSIDE, 0]},
        {**GATE, "number": 3, "peer": "192.0.2.2"},
        {**GATE, "number": 4, "protocol": UDP},
    ]
    data = [
        entry(),
        entry(outside=(INSIDE, 4711), inside=(INSIDE, 4711)),
        entry(peer="192.0.2.2", outside=(OUTSIDE, 9)),
        entry(peer="192.0.2.3"),
        entry(protocol=UDP),
        entry(started_s=998.0),
    ]
    found = {id(session): gate["number"] for session, gate in Uses(gates).of(data)}
    for session in data:
        alone = [gate["number"] for gate in gates if came_through(gate, session)]
        assert found.get(id(session)) == (alone[0] if alone else None)


MEDIUM: dict[str, Any] = {
    "protocol": UDP,
    "kind": "media",
    "peer": PEER,
    "inside": [INSIDE, 4000],
    "outside": [OUTSIDE, 50000],
    "ways": [[PEER, [OUTSIDE, 50000], [INSIDE, 4000]], [INSIDE, [PEER, 6000], [PEER, 6000]]],
    "created": 1000.0,
    "closed": 0.0,
}


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        (entry(protocol=UDP, outside=(OUTSIDE, 50000), inside=(INSIDE, 4000)), True),
        (entry(INSIDE, (PEER, 6000), (PEER, 6000), UDP), True),
        (entry(INSIDE, (PEER, 6000), (PEER, 6000), UDP, started_s=900.0), True),
        (entry(INSIDE, (PEER, 6001), (PEER, 6001), UDP), False),
        (entry("192.0.2.2", (OUTSIDE, 50000), (INSIDE, 4000), UDP), False),
    ],
)
def test_media_have_sessions_of_either_end(session: Entry, expected: bool) -> None:
    """Also of those from before the same was opened again."""
    assert (Uses([MEDIUM]).gate(session) is MEDIUM) is expected


def test_media_of_an_unknown_end_are_anybodys() -> None:
    gate = {**MEDIUM, "peer": "", "ways": [["", [OUTSIDE, 50000], [INSIDE, 4000]]]}
    assert Uses([gate]).gate(entry("192.0.2.2", (OUTSIDE, 50000), (INSIDE, 4000), UDP)) is gate


def test_of_media_that_were_opened_again_the_open_gate_has_the_session() -> None:
    session = entry(INSIDE, (PEER, 6000), (PEER, 6000), UDP)
    before = {**MEDIUM, "closed": 1000.5}
    assert Uses([before, MEDIUM]).gate(session) is MEDIUM
    assert Uses([before]).gate(session) is before
