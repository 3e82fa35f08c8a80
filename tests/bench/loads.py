"""The loads, and one measurement of each through one gateway."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

from applianced.tools.namespaces import IPV4, Topology, end, run
from tests.bench.gateways import Running

TOOLS = Path(__file__).parents[2] / "build" / "bench" / "tools"
TIMED = ("noop", "active", "passive", "login", "transfer")
"""What ftp_load times: a NOOP, PORT or EPRT, PASV or EPSV, the way to 230, a whole transfer."""
QUANTILES = ("p50", "p99")


@dataclass(frozen=True, slots=True)
class Load:
    """So many sessions at once, each with so many transfers of so many octets, in the modes given."""

    name: str
    parallel: int
    sessions: int
    transfers: int = 4
    modes: str = "pePE"
    octets: int = 1024
    noops: int = 2

    @property
    def messages(self) -> int:
        """Control messages of a whole run: a session has 7 of its own, a NOOP 2, a transfer 5."""
        return self.parallel * self.sessions * (7 + 2 * self.noops + 5 * self.transfers)

    @property
    def bulk(self) -> bool:
        return self.octets > 1 << 20

    def options(self) -> list[str]:
        numbers = {"j": self.parallel, "n": self.sessions, "k": self.transfers, "N": self.noops, "s": self.octets}
        words = [word for letter, value in numbers.items() for word in (f"-{letter}", str(value))]
        return ["-h", IPV4.server, "-m", self.modes, *words]


LOADS = (
    Load("sequential", parallel=1, sessions=300),
    Load("parallel-8", parallel=8, sessions=80),
    Load("parallel-16", parallel=16, sessions=60),
    Load("bulk-active", parallel=1, sessions=1, transfers=1, modes="p", octets=4_000_000_000, noops=0),
    Load("bulk-passive", parallel=1, sessions=1, transfers=1, modes="P", octets=4_000_000_000, noops=0),
)

Measured = dict[str, float]


class LoadError(RuntimeError):
    """A transfer failed: then its figures say nothing."""


def build_tools() -> None:
    """Compile the load tools."""
    run(["make", "--silent", "-C", str(Path(__file__).parent / "load"), f"OUT={TOOLS}"], timeout_s=120)


@contextmanager
def sink(topology: Topology) -> Iterator[None]:
    """The load's server."""
    process = topology.popen(topology.server, [str(TOOLS / "ftp_sink")], stdout=PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "READY\n"
    try:
        yield
    finally:
        end(process)


def measure(topology: Topology, gateway: Running, load: Load) -> Measured:
    """Run a load once. Raises LoadError when anything of it failed."""
    argv = [str(TOOLS / "ftp_load"), *load.options(), *gateway.load_options]
    with sink(topology):
        before_s = used_s(gateway)
        found = json.loads(topology.run(topology.client, argv, timeout_s=300).stdout)
        spent_s = used_s(gateway) - before_s
    if found["failed_sessions"] or found["failed_transfers"] or found["wrong_octets"]:
        raise LoadError(f"{load.name}: {found}")
    if load.bulk:
        return {"gbit_per_s": found["gbit_per_s"]}
    measured = {"transfers_per_s": found["transfers_per_s"], "cpu_s_per_1000_messages": spent_s / load.messages * 1000}
    for name in TIMED:
        for quantile in QUANTILES:
            measured[f"{name}_{quantile}_us"] = found[f"{name}_us"][quantile]
    return measured


def used_s(gateway: Running) -> float:
    """Processor time of the gateway's processes so far, seconds."""
    total_ns = 0
    for process_id in gateway.processes():
        for task in Path(f"/proc/{process_id}/task").glob("*/schedstat"):
            try:
                total_ns += int(task.read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue
    return total_ns / 1e9
