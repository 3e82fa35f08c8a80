"""Bulk data through the image with flow offload and without, in turn: python -m tests.bench.offload

The machine is emulated where KVM cannot be used, and the report says so: then the ratio alone says something, and that
about this emulator. What disturbs the rates disturbs the machine's own processor time less.
"""

from __future__ import annotations

import argparse
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

from applianced.tools.ftp_server import FtpServer, vsftpd
from applianced.tools.namespaces import IPV4, Topology
from applianced.tools.vm.qemu import accelerator
from tests.bench.report import machine, table
from tests.image.lab import Lab
from tests.support.netns import unique_topology
from tests.support.offload import OFFLOAD, outbound, policy, push, shown
from tests.support.sockets import connect_in, listen_in
from tests.support.until import until

OCTETS = 300_000_000
BLOCK = bytes(1 << 16)
PORT = 9
GATEWAYS = {"rules": "<permit/>", "offload": OFFLOAD}


class Measured(NamedTuple):
    """mbit_per_s: as the client saw it. processor_s: of the whole machine, for a gigabyte."""

    mbit_per_s: float
    processor_s: float


@dataclass(slots=True)
class Results:
    """By load and gateway, one for each round."""

    found: dict[str, dict[str, list[Measured]]] = field(default_factory=dict)

    def add(self, load: str, gateway: str, measured: Measured) -> None:
        self.found.setdefault(load, {}).setdefault(gateway, []).append(measured)

    def middle(self, load: str, gateway: str, figure: int) -> float:
        """Median over the rounds. figure: its place in Measured."""
        return median(measured[figure] for measured in self.found[load][gateway])

    def ratio(self, load: str, figure: int) -> float:
        """With offload over without: the median of the rounds' ratios."""
        of = self.found[load]
        return median(fast[figure] / slow[figure] for fast, slow in zip(of["offload"], of["rules"], strict=True))


def tcp(topology: Topology, _: FtpServer) -> float:
    """From server to client over one connection; Mbit/s."""
    with listen_in(topology.server, IPV4.server, port=PORT) as listener:
        client = connect_in(topology.client, IPV4.server, PORT)
        served, _ = listener.accept()
    sender = threading.Thread(target=_send, args=(served,))
    with client, served:
        began = time.monotonic()
        sender.start()
        received = 0
        while octets := client.recv(1 << 18):
            received += len(octets)
        taken_s = time.monotonic() - began
        sender.join()
    if received < OCTETS:
        raise RuntimeError(f"{received} of {OCTETS} octets arrived")
    return received * 8 / taken_s / 1e6


def _send(served: socket.socket) -> None:
    for _ in range(0, OCTETS, len(BLOCK)):
        served.sendall(BLOCK)
    served.shutdown(socket.SHUT_WR)


def ftp(topology: Topology, server: FtpServer) -> float:
    """A passive retrieval by curl, with login and end; Mbit/s."""
    url = server.url(IPV4, "file")
    began = time.monotonic()
    topology.run(topology.client, ["curl", "-sS", "-o", "/dev/null", url], timeout_s=600)
    return OCTETS * 8 / (time.monotonic() - began) / 1e6


LOADS: dict[str, Callable[[Topology, FtpServer], float]] = {"TCP, source NAT": tcp, "FTP, passive": ftp}


def processor_s(process: int) -> float:
    """Processor time that a process has had."""
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def measure_round(lab: Lab, server: FtpServer, results: Results, number: int) -> None:
    """Each load by the rules and by the flow table, the one or the other first in turn. Round 0 only warms up."""
    for gateway, then in list(GATEWAYS.items())[:: 1 if number % 2 else -1]:
        with lab.netconf() as netconf:
            push(netconf, outbound(policy("all", then=then)))
            wanted = "active" if then == OFFLOAD else "unused"
            until(lambda: shown(netconf).state == wanted, 60)  # noqa: B023 — called within this turn
        for load, transfer in LOADS.items():
            before = processor_s(lab.machine.process_id)
            rate = transfer(lab.topology, server)
            measured = Measured(rate, (processor_s(lab.machine.process_id) - before) * 1e9 / OCTETS)
            if number:
                results.add(load, gateway, measured)
            print(f"round {number} {gateway:8} {load:16} {rate:.0f} Mbit/s {measured.processor_s:.2f} s", flush=True)


def write(results: Results, directory: Path, kind: str) -> str:
    """offload.md in `directory`; returns it. kind: `kvm` or `tcg`."""
    rows = []
    for load in results.found:
        for figure, unit, form in ((0, "Mbit/s", ".0f"), (1, "processor seconds for 1 GB", ".2f")):
            found = [f"{results.middle(load, gateway, figure):{form}}" for gateway in GATEWAYS]
            rows.append([f"{load}, {unit}", *found, f"{results.ratio(load, figure):.2f}"])
    rounds = len(next(iter(results.found.values()))["rules"])
    how = "with KVM" if kind == "kvm" else "emulated (TCG)"
    text = (
        f"# Flow offload on the image, {how}\n\n{machine()['processors']} processors for the machine and both ends; "
        f"medians of {rounds} rounds, ratios of each round.\n\n"
        + table(["load", "by the rules", "by the flow table", "ratio"], rows)
        + "\n"
    )
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "offload.md").write_text(text)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench.offload", description=__doc__)
    parser.add_argument("--image", type=Path, default=Path("build/image"), help="directory of the image")
    parser.add_argument("--output", type=Path, default=Path("build/bench"), help="directory of the report")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    results = Results()
    image = next(options.image.glob("*.qcow2")).absolute()
    with tempfile.TemporaryDirectory(prefix="applianced-image-") as name:
        lab = Lab(unique_topology(offloads=True), Path(name), image)
        try:
            lab.open()
            lab.boot()
            lab.configure_addresses()
            (lab.directory / "server").mkdir()
            server = vsftpd(lab.topology, lab.directory / "server")
            (server.files / "file").write_bytes(bytes(OCTETS))
            (server.files / "file").chmod(0o644)
            for number in range(options.rounds + 1):
                measure_round(lab, server, results, number)
        finally:
            lab.close()
    print(write(results, options.output, accelerator(image.parent / "boot")))


if __name__ == "__main__":
    main()
