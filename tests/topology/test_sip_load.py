"""Calls for as long as they come: none fails, and what they needed is given back. The long form is a soak."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import IPV4, IPV6, Plan
from tests.support import sipp_scenarios as scenarios
from tests.support.appliance import Appliance, appliance_on
from tests.support.netns import unique_topology
from tests.support.sip_phones import configure
from tests.support.sipp import Party, Sipp
from tests.support.soak import rounds
from tests.support.translations import permit
from tests.support.until import until

CALLS, RATE, AT_ONCE = rounds(120), 60, 40
GROWTH_KB = 16 << 10
"""What a worker may have grown by when all calls are over: what it has allocated once it keeps."""
MAPS = ("media", "dnat", "leave")


@pytest.fixture(scope="module")
def appliance() -> Iterator[Appliance]:
    with unique_topology() as topology, appliance_on(topology) as made:
        made.push(permit("trust", "untrust", "sip-out", "junos-sip"))
        configure(made)
        yield made


@pytest.mark.parametrize("plan", [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")])
@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_calls_as_long_as_they_come(appliance: Appliance, plan: Plan, transport: str, tmp_path: Path) -> None:
    """All with the same endpoints for their media, so that each shares its gates with others."""
    topology, time_s = appliance.topology, 30 + 2 * CALLS // RATE
    inside, outside = Party(topology.client, plan.client), Party(topology.server, plan.server, media_port=18000)
    words = ("-t", transport, "-m", str(CALLS))
    called = Sipp(topology, outside, tmp_path / "called", scenarios.ANSWERS, *words, timeout_s=time_s)
    until(lambda: f":{outside.port} " in topology.run(outside.namespace, ["ss", "-Hlntu"]).stdout)
    before, grown = appliance.counters(), memory_kb(appliance)
    pace = ("-r", str(RATE), "-l", str(AT_ONCE), "-d", "100")
    target = f"{outside.host}:{outside.port}"
    caller = Sipp(topology, inside, tmp_path / "caller", scenarios.CALLS, target, *words, *pace, timeout_s=time_s)
    caller.finish(time_s)
    called.finish(time_s)
    after = appliance.counters()
    for event in ("call", "call-answered", "call-ended"):
        assert after[f"sip {event}"] - before.get(f"sip {event}", 0) == CALLS
    assert after["sip gates-opened"] - before.get("sip gates-opened", 0) == 2 * CALLS
    assert not [gate for gate in appliance.gates() if not leaf(gate, "closed")]
    assert not left_in_kernel(appliance, plan)
    assert memory_kb(appliance) - grown < GROWTH_KB


def memory_kb(appliance: Appliance) -> int:
    """What the workers have in memory."""
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in appliance.workers()]
    return sum(int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) for status in statuses)


def left_in_kernel(appliance: Appliance, plan: Plan) -> str:
    """Elements of maps for media."""
    topology = appliance.topology
    listed = [
        topology.run(topology.gateway, ["nft", "list", "map", "inet", "gates", f"{name}{plan.version}"]).stdout
        for name in MAPS
    ]
    return "".join(text for text in listed if "elements" in text)
