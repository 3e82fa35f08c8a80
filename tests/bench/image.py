"""Loads through the VM image between two namespaces. Where QEMU emulates, they say nothing about real machines."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from subprocess import PIPE

from applianced.tools.namespaces import IPV4, CommandError, Topology, end
from applianced.tools.vm import inputs
from applianced.tools.vm.build import ORIGIN
from applianced.tools.vm.facts import read_facts
from applianced.tools.vm.qemu import accelerator
from tests.bench import commits, datagrams, flows, loads, open_gates, sip
from tests.bench.gateways import REPOSITORY, Running
from tests.image.lab import Lab, Wanted
from tests.support.appliance import SECURITY_ELEMENT
from tests.support.netns import unique_topology

Rates = dict[str, list[float]]
"""By row, in order of the rounds."""

IMAGE = Path(os.environ.get("APPLIANCED_IMAGE", "build/image"))
SECONDS = 10
FTP = (
    loads.Load("sequential", parallel=1, sessions=20),
    loads.Load("parallel-8", parallel=8, sessions=10),
    loads.Load("parallel-16", parallel=16, sessions=5),
)
FTP_BULK = tuple(replace(load, octets=500_000_000) for load in loads.LOADS if load.bulk)
PORTS = loads.Load("gates", parallel=1, sessions=10)
TFTP_TRANSFERS = 200
SIP_CALLS = ("-w", "4", "-p", "4", "-n", "200")
GATES = 5_000
"""Less than what real machines get: an emulated one is to be done within seconds."""
COMMITS = commits.Case("10,000 applications, the changed one in a policy", 10_000, commits.one_used, commits.USED)
OPENER = Path(open_gates.__file__)


@contextmanager
def booted() -> Iterator[Lab]:
    """The image of these sources, with source NAT from inside to outside. Raises CommandError."""
    if not inputs.current(IMAGE / ORIGIN, REPOSITORY):
        raise CommandError(f"there is no image of these sources in {IMAGE}: make it with 'make image'")
    disk = (IMAGE / f"{read_facts(REPOSITORY / 'vm-image').name}.qcow2").absolute()
    with tempfile.TemporaryDirectory(prefix="applianced-image-") as directory:
        wanted = Wanted(shell=True, left={OPENER.name: OPENER.read_text()})
        lab = Lab(unique_topology(offloads=True), Path(directory), disk, wanted)
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
    """Data sessions a second, announced in control sessions that the ALG reads; Gbit/s of a large one."""
    figure = "gbit_per_s" if load.bulk else "transfers_per_s"
    return lambda topology: loads.measure(topology, Running((), list), load)[figure]


def beside_gates(lab: Lab) -> dict[str, float]:
    """Many gates opened one after another by a process in the machine, and new flows that pass beside them."""
    begin = (
        f"systemd-run --quiet --unit open-gates -p StandardOutput=file:/run/opened -p WorkingDirectory=/run"
        f" /opt/applianced/bin/python /run/{OPENER.name} {GATES} {IPV4.server} {IPV4.client} /run/gates 198.51.100.8"
    )
    lab.shell.run(begin)
    # Where it ends before it has said anything, its log is what there is to say.
    look = "systemctl -q is-active open-gates || { journalctl -u open-gates -n 20; exit 1; }"
    try:
        found = lab.shell.run(f"until [ -s /run/opened ]; do {look}; sleep 0.5; done; cat /run/opened")
        return {INSERTION: json.loads(found)["insert_us"] / 1000, BESIDE: flows.new(lab.topology)}
    finally:
        lab.shell.run("systemctl stop open-gates")


def commit_ms(lab: Lab) -> float:
    """Edit and commit of one of 10,000 applications, which a policy uses."""
    return commits.measure_at("127.0.0.1", lab.port, str(lab.machine.key), COMMITS).settled_s * 1000


INSERTION = f"insertion of each of {GATES:,} gates"
BESIDE = f"UDP, each packet a new flow, beside {GATES:,} gates"
COMMIT = f"edit and commit of one entry, {COMMITS.name}"
ROWS: dict[str, tuple[str, Callable[[Topology], float]]] = {
    "bulk TCP, inside to outside": ("Gbit/s", bulk),
    "bulk TCP, outside to inside": ("Gbit/s", lambda topology: bulk(topology, "-R")),
    "new connections": ("connections/s", connections),
    "UDP of a known flow": ("packets/s", flows.established),
    "UDP, each packet a new flow": ("flows/s", flows.new),
    **{f"FTP, {load.name}": ("transfers/s", ftp(load)) for load in FTP},
    **{f"FTP, {load.name}": ("Gbit/s", ftp(load)) for load in FTP_BULK},
    "FTP, PORT until its reply, p50": ("ms", gate_ms),
    "TFTP": ("transfers/s", tftp),
    "DNS": ("queries/s", dns),
    "SIP, 4 calls at once": ("calls/s", calls),
}
UNITS = {**{name: unit for name, (unit, _) in ROWS.items()}, INSERTION: "ms", BESIDE: "flows/s", COMMIT: "ms"}


def measure(rates: Rates, rounds: int) -> None:
    """Every row in each round, on one machine; the last one, which leaves entries behind, once in the end."""

    def note(name: str, value: float) -> None:
        rates.setdefault(name, []).append(value)
        print(f"image {name:28} {value:,.2f} {UNITS[name]}", flush=True)

    with booted() as lab:
        for _ in range(rounds):
            for name, (_, row) in ROWS.items():
                note(name, row(lab.topology))
            for name, value in beside_gates(lab).items():
                note(name, value)
        note(COMMIT, commit_ms(lab))


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
    lines += [_line(name, UNITS[name], values) for name, values in rates.items()]
    return "\n".join([*lines, ""])


def _line(name: str, unit: str, values: Sequence[float]) -> str:
    return f"| {name} | {median(values):,.2f} {unit} | {min(values):,.2f} to {max(values):,.2f} |"
