"""Protocols over UDP: TFTP transfers and DNS queries a second, through each gateway that the protocol can use.

The rates stand beside plain masquerading, where the TFTP server answers from the port it was asked on; the kernel's
TFTP helper; and, for DNS, a program that accepts every packet unread.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from subprocess import PIPE

from applianced.tools.namespaces import IPV4, Topology, end
from tests.bench.gateways import FORWARD, REPOSITORY, load
from tests.bench.idle_queue import CHAIN
from tests.bench.loads import TOOLS, LoadError
from tests.support.appliance import Appliance, appliance_on
from tests.support.netns import unique_topology
from tests.support.translations import permit

MANY_GATES = """
<flow>
  <alg-gates-per-source>65536</alg-gates-per-source><alg-gates-total>65536</alg-gates-total>
</flow>
"""
"""All transfers of the load come from one address within a second."""
HELPER = """
    ct helper tftp { type "tftp" protocol udp; }
    chain attach {
        type filter hook prerouting priority -150;
        udp dport 69 ct helper set "tftp"
    }
"""
QUEUED = f"""
    chain {CHAIN} {{
    }}
    chain queued {{
        type filter hook forward priority 50;
        udp dport 53 jump {CHAIN}
        udp sport 53 jump {CHAIN}
    }}
"""
Gateway = Callable[[Topology], AbstractContextManager[None]]
Rates = dict[str, list[float]]


@contextmanager
def masquerade(topology: Topology) -> Iterator[None]:
    load(topology, FORWARD)
    yield


@contextmanager
def helper(topology: Topology) -> Iterator[None]:
    load(topology, HELPER, FORWARD)
    yield


@contextmanager
def idle_queue(topology: Topology) -> Iterator[None]:
    load(topology, FORWARD, QUEUED)
    argv = [sys.executable, "-m", "tests.bench.idle_queue"]
    process = topology.popen(topology.gateway, argv, stdout=PIPE, environment={"PYTHONPATH": str(REPOSITORY)})
    assert process.stdout is not None
    assert process.stdout.readline() == "READY\n"
    yield


@contextmanager
def appliance(topology: Topology) -> Iterator[None]:
    with appliance_on(topology) as made:
        configure(made)
        yield


def configure(made: Appliance) -> None:
    made.push(permit("trust", "untrust", "load", "junos-tftp", "junos-dns-udp") + MANY_GATES)


@dataclass(frozen=True, slots=True)
class DatagramLoad:
    """rate: runs the load once through a gateway (by name) and says what came through a second."""

    name: str
    unit: str
    gateways: dict[str, Gateway]
    rate: Callable[[Topology, str], float]
    target: tuple[str, float]
    """(gateway, the ratio to its rate that is wanted)."""


@contextmanager
def serving(topology: Topology, *argv: str) -> Iterator[None]:
    """A load's server, until the end."""
    process = topology.popen(topology.server, list(argv), stdout=PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "READY\n"
    try:
        yield
    finally:
        end(process)


def tftp(topology: Topology, gateway: str, transfers: int = 1000) -> float:
    """8 clients, so many transfers of one block each, each from a port of its own. Raises LoadError."""
    same_port = ("-1",) if gateway == "masquerade" else ()
    with serving(topology, str(TOOLS / "tftp_load"), "-S", *same_port):
        words = [str(TOOLS / "tftp_load"), "-h", IPV4.server, "-j", "8", "-n", str(transfers)]
        found = json.loads(topology.run(topology.client, words, timeout_s=120).stdout)
    if found["failed_transfers"]:
        raise LoadError(f"tftp through {gateway}: {found}")
    return float(found["transfers_per_s"])


def dns(topology: Topology, gateway: str) -> float:
    """dnsperf on 20 sockets, at most 100 queries unanswered. Raises LoadError when a reply is missing."""
    queries = TOOLS / "queries"
    queries.write_text("".join(f"host-{number}.example.test A\n" for number in range(1000)))
    with serving(topology, str(TOOLS / "dns_sink")):
        words = ["dnsperf", "-s", IPV4.server, "-d", str(queries), "-l", "3", "-c", "20", "-q", "100"]
        said = topology.run(topology.client, words, timeout_s=60).stdout
    lost, rate = re.search(r"Queries lost:\s+(\d+)", said), re.search(r"Queries per second:\s+([\d.]+)", said)
    if lost is None or rate is None or int(lost[1]):
        raise LoadError(f"dns through {gateway}:\n{said}")
    return float(rate[1])


LOADS = (
    DatagramLoad(
        "tftp", "transfers/s",
        {"masquerade": masquerade, "kernel-helper": helper, "appliance": appliance}, tftp, ("kernel-helper", 0.65),
    ),
    DatagramLoad(
        "dns", "queries/s",
        {"masquerade": masquerade, "idle-queue": idle_queue, "appliance": appliance}, dns, ("idle-queue", 0.6),
    ),
)  # fmt: skip


def measure_round(results: dict[str, Rates], wanted: list[str], number: int) -> None:
    """Each gateway once, with fresh namespaces."""
    for each in LOADS:
        for name, gateway in each.gateways.items() if each.name in wanted else ():
            with unique_topology(offloads=True) as topology, gateway(topology):
                rate = each.rate(topology, name)
            results.setdefault(each.name, {}).setdefault(name, []).append(rate)
            print(f"round {number} {name:14} {each.name:13} {rate:,.0f} {each.unit}", flush=True)


def ratio(rates: Rates, gateway: str, over: str) -> float:
    """Median of the ratios of each round."""
    return median(one / other for one, other in zip(rates[gateway], rates[over], strict=True))


def markdown(results: dict[str, Rates]) -> str:
    """Every load as a table, and whether its target was met."""
    sections = ["# Datagrams"]
    for each in LOADS:
        rates = results.get(each.name)
        if rates is None:
            continue
        over, wanted = each.target
        found = ratio(rates, "appliance", over)
        lines = [f"## {each.name}", "", f"| gateway | {each.unit} | over {over} |", "| --- | --- | --- |"]
        lines += [
            f"| {name} | {median(values):,.0f} | {ratio(rates, name, over):.2f} |" for name, values in rates.items()
        ]
        met = "met" if found >= wanted else "**missed**"
        sections.append("\n".join([*lines, "", f"Target: at least {wanted:.2f} of {over}: {found:.2f}, {met}."]))
    return "\n\n".join(sections) + "\n"


def write(results: dict[str, Rates], directory: Path) -> str:
    """datagrams.md and datagrams.json in `directory`; returns the Markdown."""
    directory.mkdir(parents=True, exist_ok=True)
    text = markdown(results)
    (directory / "datagrams.md").write_text(text)
    (directory / "datagrams.json").write_text(json.dumps(results, indent=1) + "\n")
    return text
