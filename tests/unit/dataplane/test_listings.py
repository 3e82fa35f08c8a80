"""Control sessions in a list beside what conntrack has of them."""

from __future__ import annotations

from typing import Any, cast

import pytest

from applianced.dataplane.conntrack import Conntrack, Entry
from applianced.dataplane.listings import Listings
from applianced.dataplane.workers import Worker, Workers
from applianced.engine.kernel import Translation
from applianced.model.tuples import TCP, UDP, Endpoint, FlowTuple, packed

CLIENT, SERVER = Endpoint(packed("10.0.0.1"), 2000), Endpoint(packed("192.0.2.1"), 53)


class Tracked:
    """Conntrack with one session."""

    def __init__(self, flow: FlowTuple) -> None:
        self._entry = Entry(
            translation=Translation(flow, flow.reversed),
            mark=0,
            policy=1,
            state="",
            ending=False,
            packets=5,
            octets=500,
            timeout_s=30,
            started_s=1001.0,
        )

    def lookup(self, flow: FlowTuple) -> Entry | None:
        return self._entry if flow == self._entry.translation.original else None

    def marked(self, _mark: int, _mask: int) -> list[Entry]:
        return []


class OneWorker:
    """A worker with one session, of this protocol."""

    def __init__(self, protocol: str) -> None:
        ends = {"source": ["10.0.0.1", 2000], "destination": ["192.0.2.1", 53]}
        self._session = {"id": 7, "alg": "dns", "protocol": protocol, **ends}

    def tell_each(self, _request: object) -> list[tuple[Worker, dict[str, Any]]]:
        return [(Worker(number=0), {"entries": [self._session], "matched": 1, "beyond": 1})]


@pytest.mark.parametrize(("protocol", "number"), [("tcp", TCP), ("udp", UDP)])
def test_a_session_is_tracked_under_its_own_protocol(protocol: str, number: int) -> None:
    """A query over TCP and one over UDP may have the same addresses and ports."""
    conntrack = cast(Conntrack, Tracked(FlowTuple(number, CLIENT, SERVER)))
    for asked in ("tcp", "udp"):
        listings = Listings(conntrack, cast(Workers, OneWorker(asked)))
        (session,) = listings.operations["sessions"]({})["entries"]  # type: ignore[index]
        assert (session["id"], session["protocol"]) == (7, asked)
        assert session.get("octets") == (500 if asked == protocol else None)
