"""60,000 open gates in the real gates table, behind a pool of 8 addresses: what each costs, and what it costs others.

Established traffic and new flows go through the same appliance, with the same policies, first without gates and then
beside them. New flows are measured past the gates (from inside, which no gate knows) and through them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from subprocess import PIPE

from applianced.tools.namespaces import IPV4, Topology, end
from tests.bench.gateways import REPOSITORY
from tests.bench.loads import TOOLS, LoadError
from tests.support.appliance import SECURITY_ELEMENT, Appliance, appliance_on, private_directory
from tests.support.netns import unique_topology
from tests.support.translations import NO_NAT, permit, source_nat, source_pool

GATES = 60_000
POOL = "198.51.100.8/29"
ADDRESSES = [f"198.51.100.{number}" for number in range(8, 16)]
PORT = 900
ESTABLISHED, FLOWS = 300_000, 40_000
LIMIT_S = 120
APPLICATION = """
<applications xmlns="urn:applianced:yang:applications"><application><name>load</name>
  <protocol>udp</protocol><application-protocol>none</application-protocol></application></applications>
"""
Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Target:
    """figure: what is compared. most: of it alone, or else `least`: its ratio to the figure without gates."""

    figure: str
    unit: str
    most: float = 0.0
    least: float = 0.0


TARGETS = (
    Target("insert_us", "µs a gate", most=20.0),
    Target("established_per_s", "packets/s", least=0.95),
    Target("new_flows_per_s", "flows/s", least=0.85),
)
ALONE = {
    "insert_p50_us": "insertion, p50, µs",
    "insert_p99_us": "insertion, p99, µs",
    "insert_cpu_us": "insertion, processor time, µs",
    "through_per_s": "new flows through gates, flows/s",
    "worker_octets": "memory of a gate in its worker, octets",
    "kernel_octets": "memory of a gate in the kernel, octets (whole machine)",
}


def configure(made: Appliance) -> None:
    """A pool of eight addresses, and a policy for everything over UDP, which no ALG reads."""
    made.netconf.edit(SECURITY_ELEMENT.format(NO_NAT))
    made.netconf.edit(APPLICATION)
    nat = source_nat("trust", "untrust", {IPV4.private_network: "<pool><pool-name>eight</pool-name></pool>"})
    made.push(source_pool("eight", POOL) + nat + permit("trust", "untrust", "load", "load"))


@contextmanager
def counting(topology: Topology, namespace: str) -> Iterator[Callable[[], int]]:
    """Drop datagrams where they arrive; how many came so far."""
    topology.nft(
        namespace,
        """
        table inet arrived {
            counter those { }
            chain entrance {
                type filter hook prerouting priority -400;
                meta l4proto udp counter name those drop
            }
        }
        """,
    )

    def so_far() -> int:
        words = topology.run(namespace, ["nft", "list", "counter", "inet", "arrived", "those"]).stdout.split()
        return int(words[words.index("packets") + 1])

    yield so_far
    topology.nft(namespace, "delete table inet arrived\n")


def rate(topology: Topology, sender: str, receiver: str, endpoints: Path, count: int) -> float:
    """Datagrams a second that arrive. Raises LoadError when a tenth of them is lost."""
    topology.run(topology.gateway, ["conntrack", "-F"])
    words = [str(TOOLS / "udp_load"), "-f", str(endpoints), "-n", str(count)]
    with counting(topology, receiver) as arrived:
        found = json.loads(topology.run(sender, words, timeout_s=LIMIT_S).stdout)
        came = arrived()
    if came < 0.9 * found["sent"]:
        raise LoadError(f"{came} of {found} arrived")
    return float(came / found["seconds"])


def traffic(topology: Topology, directory: Path) -> Figures:
    """Rates from the client to the server."""
    one, many = directory / "one", directory / "many"
    one.write_text(f"{IPV4.server} {PORT}\n")
    many.write_text("".join(f"{IPV4.server} {port}\n" for port in range(1024, 1024 + FLOWS)))
    client, server = topology.client, topology.server
    return {
        "established_per_s": rate(topology, client, server, one, ESTABLISHED),
        "new_flows_per_s": rate(topology, client, server, many, FLOWS),
    }


@contextmanager
def open_gates(topology: Topology, endpoints: Path) -> Iterator[Figures]:
    """GATES gates for the client, which the server may use; what they cost."""
    module = [sys.executable, "-m", "tests.bench.open_gates"]
    argv = [*module, str(GATES), IPV4.server, IPV4.client, str(endpoints), *ADDRESSES]
    process = topology.popen(topology.gateway, argv, stdout=PIPE, environment={"PYTHONPATH": str(REPOSITORY)})
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        end(process)


def measure_round(results: dict[str, list[Figures]], number: int) -> None:
    """Without gates, then with them."""
    with unique_topology(offloads=True) as topology, private_directory() as directory, appliance_on(topology) as made:
        topology.add_route(topology.server, IPV4, POOL, IPV4.public)
        configure(made)
        without = traffic(topology, directory)
        endpoints = directory / "gates"
        with open_gates(topology, endpoints) as figures:
            beside = {**figures, **traffic(topology, directory)}
            beside["through_per_s"] = rate(topology, topology.server, topology.client, endpoints, FLOWS)
    for name, found in (("without", without), ("beside", beside)):
        results.setdefault(name, []).append(found)
        print(f"round {number} gates {name:8}", *(f"{key} {value:,.1f}" for key, value in found.items()), flush=True)


def shown(results: dict[str, list[Figures]], target: Target) -> tuple[list[str], bool]:
    """A line of the table, and whether the target is met."""
    found = median(figures[target.figure] for figures in results["beside"])
    if target.most:
        return [f"{found:,.1f} {target.unit}", "", "", f"at most {target.most:g}"], found <= target.most
    pairs = zip(results["beside"], results["without"], strict=True)
    over = median(beside[target.figure] / without[target.figure] for beside, without in pairs)
    bare = median(figures[target.figure] for figures in results["without"])
    line = [f"{found:,.0f} {target.unit}", f"{bare:,.0f}", f"{over:.2f}", f"at least {target.least:.2f}"]
    return line, over >= target.least


def markdown(results: dict[str, list[Figures]]) -> str:
    """The figures as tables, and which targets were met."""
    lines = ["# Gates", "", f"{GATES:,} open at once, 8 outside addresses.", ""]
    lines += ["| | beside gates | without | ratio | target |", "| --- | --- | --- | --- | --- |"]
    for target in TARGETS:
        words, met = shown(results, target)
        words[-1] += ", met" if met else ", **missed**"
        lines.append("| " + " | ".join([target.figure, *words]) + " |")
    for name, meaning in ALONE.items():
        lines.append(f"| {meaning} | {median(figures[name] for figures in results['beside']):,.1f} | | | |")
    return "\n".join(lines) + "\n"


def write(results: dict[str, list[Figures]], directory: Path) -> str:
    """gates.md and gates.json in `directory`; returns the Markdown."""
    directory.mkdir(parents=True, exist_ok=True)
    text = markdown(results)
    (directory / "gates.md").write_text(text)
    (directory / "gates.json").write_text(json.dumps(results, indent=1) + "\n")
    return text
