"""Loads through the VM image between two namespaces. Where QEMU emulates, they say nothing about real machines."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from subprocess import PIPE

from applianced.tools.namespaces import IPV4, CommandError, Topology, end
from applianced.tools.vm import inputs
from applianced.tools.vm.build import ORIGIN
from applianced.tools.vm.facts import read_facts
from applianced.tools.vm.qemu import accelerator
from tests.bench import datagrams, flows, loads, sip
from tests.bench.gateways import REPOSITORY, Running
from tests.image.lab import Lab
from tests.support.appliance import SECURITY_ELEMENT
from tests.support.netns import unique_topology

Rates = dict[str, list[float]]
"""By row, in order of the rounds."""

IMAGE = Path(os.environ.get("APPLIANCED_IMAGE", "build/image"))
SECONDS = 10
FTP = (
    loads.Load("sequential", parallel=1, sessions=20),
    loads.Load("parallel-8", parallel=8, sessions=10),
)
PORTS = loads.Load("gates", parallel=1, sessions=10)
TFTP_TRANSFERS = 200
SIP_CALLS = ("-w", "4", "-p", "4", "-n", "200")
"""Less than what real machines get: an emulated one is to be done within seconds."""


@contextmanager
def booted() -> Iterator[Lab]:
    """The image of these sources, with source NAT from inside to outside. Raises CommandError."""
    if not inputs.current(IMAGE / ORIGIN, REPOSITORY):
        raise CommandError(f"there is no image of these sources in {IMAGE}: make it with 'make image'")
    disk = (IMAGE / f"{read_facts(REPOSITORY / 'vm-image').name}.qcow2").absolute()
    with tempfile.TemporaryDirectory(prefix="applianced-image-") as directory:
        lab = Lab(unique_topology(offloads=True), Path(directory), disk)
        try:
            lab.open()
            lab.boot()
            lab.configure_addresses()
            with lab.netconf() as session:
                session.push(SECURITY_ELEMENT.format(datagrams.MANY_GATES))
            yield lab
        finally:
            lab.close()


def bulk(topology: Topology, *options: str) -> float:
    """One TCP connection, Gbit/s at its receiver."""
    server = topology.popen(topology.server, ["iperf3", "-s", "-1"])
    try:
        topology.run(topology.server, ["sh", "-c", "until ss -Hltn sport = :5201 | grep -q .; do sleep 0.1; done"])
        words = ["iperf3", "-J", "-c", IPV4.server, "-t", str(SECONDS), *options]
        found = json.loads(topology.run(topology.client, words, timeout_s=120).stdout)
    finally:
        end(server)
    return float(found["end"]["sum_received"]["bits_per_second"]) / 1e9


def connections(topology: Topology) -> float:
    """New sessions a second that no ALG reads, 16 at once."""
    words = [sys.executable, "-m", "tests.bench.connections", IPV4.server, "7"]
    environment = {"PYTHONPATH": str(REPOSITORY)}
    server = topology.popen(topology.server, [*words, "--serve"], stdout=PIPE, environment=environment)
    try:
        assert server.stdout
        assert server.stdout.readline() == "READY\n"
        options = ["--seconds", str(SECONDS)]
        found = topology.run(topology.client, [*words, *options], timeout_s=120, environment=environment)
    finally:
        end(server)
    return float(json.loads(found.stdout)["connections_per_s"])


def tftp(topology: Topology) -> float:
    """Transfers of one block a second, each of which opens a gate."""
    return datagrams.tftp(topology, "image", TFTP_TRANSFERS)


def dns(topology: Topology) -> float:
    """Queries a second that the ALG reads, and matches with their replies."""
    return datagrams.dns(topology, "image")


def calls(topology: Topology) -> float:
    """SIP calls a second, of six messages and media both ways. Raises LoadError when one fails."""
    figures = sip.measure(topology, Running((), list), SIP_CALLS)
    if figures["failed"]:
        raise loads.LoadError(f"SIP calls through the image: {figures}")
    return figures["calls_per_s"]


def gate_ms(topology: Topology) -> float:
    """From PORT to its reply, half of them: the ALG has translated it and opened a gate meanwhile."""
    return loads.measure(topology, Running((), list), PORTS)["active_p50_us"] / 1000


def ftp(load: loads.Load) -> Callable[[Topology], float]:
    """Data sessions a second, announced in control sessions that the ALG reads."""
    return lambda topology: loads.measure(topology, Running((), list), load)["transfers_per_s"]


ROWS: dict[str, tuple[str, Callable[[Topology], float]]] = {
    "bulk TCP, inside to outside": ("Gbit/s", bulk),
    "bulk TCP, outside to inside": ("Gbit/s", lambda topology: bulk(topology, "-R")),
    "new connections": ("connections/s", connections),
    "UDP of a known flow": ("packets/s", flows.established),
    "UDP, each packet a new flow": ("flows/s", flows.new),
    **{f"FTP, {load.name}": ("transfers/s", ftp(load)) for load in FTP},
    "FTP, PORT until its reply, p50": ("ms", gate_ms),
    "TFTP": ("transfers/s", tftp),
    "DNS": ("queries/s", dns),
    "SIP, 4 calls at once": ("calls/s", calls),
}


def measure(rates: Rates, rounds: int) -> None:
    """Every row in each round, on one machine."""
    with booted() as lab:
        for number in range(1, rounds + 1):
            for name, (unit, row) in ROWS.items():
                rates.setdefault(name, []).append(row(lab.topology))
                print(f"round {number} image {name:28} {rates[name][-1]:,.2f} {unit}", flush=True)


def write(rates: Rates, directory: Path) -> str:
    """image.md and image.json in `directory`; returns the Markdown."""
    about = {"emulated": accelerator(IMAGE / "boot") == "tcg", "image": str(inputs.recorded(IMAGE / ORIGIN))}
    text = markdown(rates, emulated=bool(about["emulated"]))
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "image.md").write_text(text)
    (directory / "image.json").write_text(json.dumps({**about, "rates": rates}, indent=1) + "\n")
    return text


def markdown(rates: Rates, *, emulated: bool) -> str:
    """A table, which says how the image was run."""
    how = "**emulated** by QEMU without hardware acceleration: no measure of a real machine" if emulated else "with KVM"
    lines = [f"# Through the VM image, {datetime.now(UTC):%Y-%m-%d}", "", f"{how}; median of the rounds.", ""]
    lines += ["| load | rate | lowest and highest |", "| --- | --- | --- |"]
    lines += [_line(name, ROWS[name][0], values) for name, values in rates.items()]
    return "\n".join([*lines, ""])


def _line(name: str, unit: str, values: Sequence[float]) -> str:
    return f"| {name} | {median(values):,.2f} {unit} | {min(values):,.2f} to {max(values):,.2f} |"
