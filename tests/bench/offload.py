"""Bulk data through the image with flow offload and without, in turn: python -m tests.bench.offload

The machine is emulated where KVM cannot be used, and the report says so: then the ratio alone says something, and that
about this emulator.
"""

from __future__ import annotations

import argparse
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

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


@dataclass(slots=True)
class Rates:
    """Mbit/s by load and gateway, one for each round."""

    found: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, load: str, gateway: str, rate: float) -> None:
        self.found.setdefault(load, {}).setdefault(gateway, []).append(rate)

    def ratio(self, load: str) -> float:
        """With offload over without: the median of the rounds' ratios."""
        of = self.found[load]
        return median(fast / slow for fast, slow in zip(of["offload"], of["rules"], strict=True))


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


def measure_round(lab: Lab, server: FtpServer, rates: Rates, number: int) -> None:
    """Each load by the rules and by the flow table, the one or the other first in turn. Round 0 only warms up."""
    for gateway, then in list(GATEWAYS.items())[:: 1 if number % 2 else -1]:
        with lab.netconf() as netconf:
            push(netconf, outbound(policy("all", then=then)))
            wanted = "active" if then == OFFLOAD else "unused"
            until(lambda: shown(netconf).state == wanted, 60)  # noqa: B023 — called within this turn
        for load, measured in LOADS.items():
            rate = measured(lab.topology, server)
            if number:
                rates.add(load, gateway, rate)
            print(f"round {number} {gateway:8} {load:16} {rate:.0f} Mbit/s", flush=True)


def write(rates: Rates, directory: Path) -> str:
    """offload.md in `directory`; returns it."""
    rows = [
        [load, *(f"{median(of[gateway]):.0f}" for gateway in GATEWAYS), f"{rates.ratio(load):.2f}"]
        for load, of in rates.found.items()
    ]
    rounds = len(next(iter(rates.found.values()))["rules"])
    kind = "with KVM" if accelerator() == "kvm" else "emulated (TCG)"
    text = (
        f"# Flow offload on the image, {kind}\n\n{machine()['processors']} processors for the machine and both ends; "
        f"medians of {rounds} rounds, ratios of each round. Mbit/s.\n\n"
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
    rates = Rates()
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
                measure_round(lab, server, rates, number)
        finally:
            lab.close()
    print(write(rates, options.output))


if __name__ == "__main__":
    main()
