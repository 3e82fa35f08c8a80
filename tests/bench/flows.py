"""How many UDP packets a second get through a gateway that loses them when they are more."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from applianced.tools.namespaces import IPV4, Topology
from tests.bench.gates import counting
from tests.bench.loads import TOOLS, LoadError

ARRIVING = 0.99
"""Of what is sent; else the rate was too high."""
SECONDS = 1
FIRST_RATE = 250
MOST_PACKETS, MOST_FLOWS = FIRST_RATE << 10, FIRST_RATE << 7
"""More are not tried: the load itself would not manage, or begin anew with the flows that it had."""
HALVINGS = 3
PORTS = range(20000, 60000)
"""Which no ALG reads."""
_SETTLED_S = 0.2


def established(topology: Topology) -> float:
    """Packets a second of one flow."""
    return _through(topology, PORTS[:1], MOST_PACKETS)


def new(topology: Topology) -> float:
    """Flows a second of one packet each."""
    return _through(topology, PORTS, MOST_FLOWS)


def _through(topology: Topology, ports: Sequence[int], most: int) -> float:
    with tempfile.TemporaryDirectory() as directory, counting(topology, topology.server) as arrived:
        endpoints = Path(directory) / "endpoints"
        endpoints.write_text("".join(f"{IPV4.server} {port}\n" for port in ports))
        return highest(lambda rate: _passes(topology, endpoints, rate, arrived), most)


def highest(passes: Callable[[int], bool], most: int) -> int:
    """The highest rate that passes, of doubled ones, then of those between. Raises LoadError when none does."""
    good, bad = 0, FIRST_RATE
    while passes(bad):
        good, bad = bad, bad * 2
        if bad > most:
            return good
    if not good:
        raise LoadError(f"{bad} a second are too many")
    for _ in range(HALVINGS):
        middle = (good + bad) // 2
        good, bad = (middle, bad) if passes(middle) else (good, middle)
    return good


def _passes(topology: Topology, endpoints: Path, rate: int, arrived: Callable[[], int]) -> bool:
    """Each time from another port, so that what was known is new."""
    before = arrived()
    words = [str(TOOLS / "udp_load"), "-f", str(endpoints), "-n", str(rate * SECONDS), "-r", str(rate)]
    found = json.loads(topology.run(topology.client, words).stdout)
    if found["seconds"] > 2 * SECONDS:
        raise LoadError(f"the load itself does not manage {rate} a second: {found}")
    came = arrived()
    while came < found["sent"] + before:
        time.sleep(_SETTLED_S)  # packets that are lost never come: the end is that nothing more has come
        last, came = came, arrived()
        if came == last:
            break
    return bool(came - before >= ARRIVING * found["sent"])
