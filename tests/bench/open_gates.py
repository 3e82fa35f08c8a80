"""Open gates as a worker does, time each, and keep them open until the process is ended.

Run inside the gateway's namespace, beside an appliance whose gates table takes them. Usage: python -m
tests.bench.open_gates COUNT PEER INSIDE FILE ADDRESS...; FILE gets a line "ADDRESS PORT" for each gate's endpoint
outside. Prints one JSON object, with times in microseconds and memory in octets.
"""

from __future__ import annotations

import gc
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from applianced.dataplane.kernel import NetlinkKernel
from applianced.dataplane.ports import PortRanges
from applianced.engine.gatekeeper import GateKeeper, GateLimits
from applianced.model.gates import Gate
from applianced.model.tuples import UDP, Endpoint, packed, text

LIFETIME_S = 600.0
FIRST_PORT, LAST_PORT = 1024, 65535
PORTS = LAST_PORT - FIRST_PORT + 1


class Opener:
    """Opens one gate after another: of inside endpoints in turn, each announced by one of the pool's addresses."""

    def __init__(self, peer: str, inside: str, pool: list[str]) -> None:
        self._peer, self._inside = packed(peer), packed(inside)
        self._pool = [packed(address) for address in pool]
        self._keeper = GateKeeper(NetlinkKernel(), PortRanges(0, 1), first_number=1 << 40)
        self._keeper.limits = GateLimits(per_session=1 << 20, per_source=1 << 20, total=1 << 20, lifetime_s=LIFETIME_S)
        self.opened: list[Gate] = []

    def open(self) -> None:
        """A port, a gate, a transaction. Raises RuntimeError when it is refused."""
        number = len(self.opened)
        now = time.time()
        inside = Endpoint(self._inside, FIRST_PORT + number % PORTS)
        outside = self._keeper.bind(self._pool[number % len(self._pool)], UDP, _refused, inside.port)
        assert outside is not None
        gate = Gate(
            number=0,
            alg="sip",
            session=1,
            protocol=UDP,
            peer=self._peer,
            inside=inside,
            outside=outside,
            one_shot=False,
            source=b"",
            reason="bench",
            created_s=now,
            expires_s=now + LIFETIME_S,
            bound=True,
        )
        if not self._keeper.open(gate, [], 0, _counted):
            raise RuntimeError(f"gate {number} was refused")
        self.opened.append(gate)


def _refused(event: str) -> None:
    raise RuntimeError(event)


def _counted(event: str) -> None:
    if event != "gates-opened":
        _refused(event)


def resident() -> int:
    """Memory of this process, octets."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmRSS:")[1].split()[0])


def in_kernel() -> int:
    """Memory that the kernel has taken for its objects, of the whole machine, octets."""
    return sum(
        1024 * int(line.split()[1])
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith(("Slab:", "VmallocUsed:", "Percpu:"))
    )


def octets_each(count: int, make: Callable[[], None]) -> tuple[float, float, list[float]]:
    """Make so many of something: octets that each takes here and in the kernel, and how long each took, seconds."""
    took: list[float] = []
    before = resident(), in_kernel()
    for _ in range(count):
        began = time.perf_counter()
        make()
        took.append(time.perf_counter() - began)
    after = resident(), in_kernel()
    return (after[0] - before[0]) / count, (after[1] - before[1]) / count, took


def main() -> None:
    count, peer, inside, file, *pool = sys.argv[1:]
    opener = Opener(peer, inside, pool)
    gc.disable()  # as in a worker
    spent_s = time.process_time()
    here, kernel, took = octets_each(int(count), opener.open)
    spent_s = time.process_time() - spent_s
    lines = [f"{text(gate.outside.address)} {gate.outside.port}\n" for gate in opener.opened]
    Path(file).write_text("".join(lines))
    took.sort()
    found = {
        "insert_us": sum(took) / len(took) * 1e6,
        "insert_p50_us": took[len(took) // 2] * 1e6,
        "insert_p99_us": took[len(took) * 99 // 100] * 1e6,
        "insert_cpu_us": spent_s / len(took) * 1e6,
        "worker_octets": here,
        "kernel_octets": kernel,
    }
    print(json.dumps(found), flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
