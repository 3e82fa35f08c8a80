"""What a worker tells, by what streams and the trace want."""

from __future__ import annotations

from typing import Any

import pytest

from applianced.alg.registry import REGISTRY
from applianced.dataplane import reporter as reporter_module
from applianced.dataplane.conntrack import Conntrack
from applianced.dataplane.coupling import Coupling
from applianced.dataplane.reporter import EventReporter
from applianced.engine.sessions import Session
from applianced.model.gates import Gate
from applianced.model.sessions import ControlSession
from applianced.model.tuples import ORIGINAL, Endpoint, FlowTuple, packed

CLIENT, SERVER = Endpoint(packed("10.0.0.1"), 1025), Endpoint(packed("198.51.100.2"), 21)


class Quiet(Session):
    """A session as far as a reporter looks at it."""

    def __init__(self) -> None:
        self.control = ControlSession(FlowTuple(6, CLIENT, SERVER))
        self.descriptor = REGISTRY["ftp"]
        self.last_s = 5.0


def gate() -> Gate:
    outside = Endpoint(packed("203.0.113.1"), 50000)
    return Gate(
        number=9, alg="ftp", session=1, protocol=6, peer=SERVER.address, inside=CLIENT, outside=outside, one_shot=True,
        source=b"", reason="PORT 10,0,0,1,4,1", created_s=1.0, expires_s=2.0,
    )  # fmt: skip


def told(**wanted: Any) -> list[str]:
    """The kinds of one event each that are told."""
    made = EventReporter(Coupling(Conntrack.__new__(Conntrack)))
    made.configure(**{"streamed": False, "traced": {}, **wanted})
    session = Quiet()
    made.noted(session, "port", "PORT 10,0,0,1,4,1")
    made.noted(session, "bounce", "PORT 192,0,2,9,4,1")
    made.noted(session, "starved", "session reset")
    made.rewritten(session, ORIGINAL, b"a", b"\xffb")
    made.gate_opened(session, gate())
    made.gate_closed(session, gate())
    made.gate_refused(session, "PORT")
    return [event["event"] for event in (made.take() or {"events": []})["events"]]


NOTES = ["noted", "violation", "violation"]
GATES = ["gate-opened", "gate-closed", "gate-refused"]


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        ({}, []),
        ({"streamed": True}, ["violation", "violation", *GATES]),
        ({"traced": {"sip": "extensive"}}, []),
        ({"notified": ["violation", "gate-closed"]}, ["violation", "violation", "gate-closed"]),
        ({"notified": ["worker-down"]}, []),
        ({"traced": {"ftp": "brief"}}, [*NOTES, "gate-refused"]),
        ({"traced": {"ftp": "detail"}}, [*NOTES, "rewritten", "gate-refused"]),
        ({"traced": {"ftp": "extensive", "sip": "brief"}}, [*NOTES, "rewritten", *GATES]),
        ({"streamed": True, "traced": {"ftp": "brief"}}, [*NOTES, *GATES]),
    ],
)
def test_what_is_told(wanted: dict[str, Any], kinds: list[str]) -> None:
    assert told(**wanted) == kinds


def test_a_flood_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporter_module, "EVENTS_PER_TICK", 3)
    made = EventReporter(Coupling(Conntrack.__new__(Conntrack)))
    made.configure(streamed=True, traced={})
    for _ in range(5):
        made.gate_refused(Quiet(), "PORT")
    message = made.take()
    assert message is not None
    assert (len(message["events"]), message["lost"]) == (3, 2)
    assert made.take() is None


def test_every_violation_is_an_event() -> None:
    for descriptor in REGISTRY.values():
        assert descriptor.violations <= descriptor.events.keys()
