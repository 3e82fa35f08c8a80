"""The lab of `make run`: a network in namespaces, the appliance on it, and real FTP transfers through it.

    applab-client (curl) ---- lan0 applab-gateway wan0 ---- applab-server (vsftpd)
                                      |
          management on this machine, NETCONF at 127.0.0.1:8830

`start` leaves everything running; `stop` removes every trace. Both may be called at any time, any number of times.
Between them `show` prints gates and counters, and `change FILE` commits configuration.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ncclient.operations.rpc import RPCError  # type: ignore[import-untyped]
from ncclient.transport.errors import SSHError  # type: ignore[import-untyped]

from applianced.tools import serving
from applianced.tools.ftp_server import FtpServer, vsftpd
from applianced.tools.lab_report import print_counters, print_gates, print_next_steps
from applianced.tools.namespaces import LAN_INTERFACE, PLANS, WAN_INTERFACE, CommandError, Topology
from applianced.tools.netconf_client import connect

NAME = "applab"
HOST, PORT = "127.0.0.1", 8830
REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "docs" / "examples" / "netns-ftp.xml"
BARE_CONFIGURATION = {"applianced-system:system": {"login": {"user": [{"name": "admin", "class": "super-user"}]}}}
FILE_OCTETS = 5_000_000
ANNOUNCEMENT = re.compile(rb"(?:PORT [\d,]+|EPRT \|[^\r\n]+|227 [^\r\n]+|229 [^\r\n]+)(?=\r\n)")


@dataclass(frozen=True, slots=True)
class Exercise:
    """One transfer to show. options: of curl."""

    title: str
    version: int
    options: tuple[str, ...]


EXERCISES = (
    Exercise("IPv4 active, PORT", 4, ("--ftp-port", "-", "--disable-eprt")),
    Exercise("IPv4 active, EPRT", 4, ("--ftp-port", "-")),
    Exercise("IPv4 passive, PASV", 4, ("--disable-epsv",)),
    Exercise("IPv4 passive, EPSV", 4, ()),
    Exercise("IPv6 active, EPRT", 6, ("--ftp-port", "-")),
    Exercise("IPv6 passive, EPSV", 6, ()),
)


class Capture:
    """The announcements that pass one interface of the gateway, as tcpdump sees them."""

    def __init__(self, topology: Topology, interface: str, directory: Path) -> None:
        self.file = directory / f"{interface}.pcap"
        self.seen = 0
        options = ["-Z", "root", "--immediate-mode", "-U", "-s", "0", "-i", interface, "-w", str(self.file)]
        topology.popen(topology.gateway, ["tcpdump", *options, "tcp", "port", "21"])
        wait(lambda: self.file.exists() and self.file.stat().st_size >= 24, f"tcpdump on {interface}")

    def new(self, wanted: int) -> list[str]:
        """The announcements since the last call; waits a moment for so many."""
        with contextlib.suppress(CommandError):
            wait(lambda: len(self._all()) >= self.seen + wanted, "captured lines", timeout_s=2)
        lines = self._all()[self.seen :]
        self.seen += len(lines)
        return lines

    def _all(self) -> list[str]:
        # An announcement is one segment here, so its octets stand together in the file.
        return [line.decode(errors="replace") for line in ANNOUNCEMENT.findall(self.file.read_bytes())]


def wait(condition: Callable[[], bool], what: str, timeout_s: float = 10) -> None:
    """Return when `condition()` is true. Raises CommandError after timeout_s."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise CommandError(f"{what}: not within {timeout_s} s")
        time.sleep(0.02)


def start(directory: Path) -> None:
    """Build the lab, configure the appliance over NETCONF, show transfers, leave it all running."""
    stop(directory)
    directory.mkdir(parents=True)
    topology = Topology(NAME, offloads=False)
    topology.open()
    say("network", f"namespaces {', '.join(topology.namespaces)}")
    server_files = directory / "server"
    server_files.mkdir()
    server = vsftpd(topology, server_files)
    say("server", f"vsftpd in {topology.server}, files in {server.files}")
    key = serving.make_admin_key(directory)
    bare = directory / "bare.json"
    bare.write_text(json.dumps(BARE_CONFIGURATION, indent=2) + "\n")
    appliance = serving.serve(
        namespace=topology.gateway, configuration=bare, directory=directory, key=key, host=HOST, port=PORT
    )
    (directory / "serve.pid").write_text(f"{appliance.process_id}\n")
    say("appliance", f"management is process {appliance.process_id}, NETCONF at {appliance.host}:{appliance.port}")
    began = time.monotonic()
    with connect(HOST, PORT, key) as netconf:
        netconf.push(EXAMPLE.read_text())
        say("configured", f"{EXAMPLE.name} by edit-config, validate and commit in {time.monotonic() - began:.2f} s")
        show_transfers(topology, server, directory)
        print_gates(netconf)
        print_counters(netconf)
    print_next_steps(topology, directory, EXAMPLE, f"{HOST}:{PORT}")


def show_transfers(topology: Topology, server: FtpServer, directory: Path) -> None:
    """Fetch and store a file in every mode; print each announcement before and after the gateway."""
    lan, wan = (Capture(topology, name, directory) for name in (LAN_INTERFACE, WAN_INTERFACE))
    offered = server.files / "example.bin"
    offered.write_bytes(hashlib.shake_256(b"example").digest(FILE_OCTETS))
    for exercise in EXERCISES:
        print(f"\n{exercise.title}")
        fetched = directory / "fetched.bin"
        took_s = curl(topology, server, exercise, "--output", str(fetched), name="example.bin")
        verdict("fetched", offered, fetched, took_s)
        took_s = curl(topology, server, exercise, "--upload-file", str(fetched), name="stored.bin")
        verdict("stored", fetched, server.files / "stored.bin", took_s)
        for inner, outer in zip(lan.new(2), wan.new(2), strict=False):
            lines = [f"{LAN_INTERFACE}  {inner}", f"{WAN_INTERFACE}  {outer}"]
            before, after = reversed(lines) if inner[0].isdigit() else lines  # a reply comes from outside
            print(f"  before the gateway {before}\n  after              {after}")


def curl(topology: Topology, server: FtpServer, exercise: Exercise, *action: str, name: str) -> float:
    """Run curl in the client's namespace; returns how many seconds it took. Raises CommandError."""
    url = server.url(PLANS[exercise.version], name)
    began = time.monotonic()
    topology.run(topology.client, ["curl", "-sS", "--max-time", "30", *exercise.options, *action, url])
    return time.monotonic() - began


def verdict(what: str, source: Path, copy: Path, took_s: float) -> None:
    """Compare two files and say so. Raises CommandError when they differ."""
    wanted, found = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (source, copy))
    if wanted != found:
        raise CommandError(f"{what}: {copy} differs from {source}")
    print(f"  {what:8} {copy.stat().st_size} octets in {took_s:.2f} s, sha256 {found[:16]}... is right")


def say(subject: str, text: str) -> None:
    print(f"{subject:11} {text}", flush=True)


def stop(directory: Path) -> None:
    """End the appliance and the servers, remove namespaces and files."""
    for process_id in appliance_processes(directory):
        serving.end(process_id)
    Topology(NAME).close()
    shutil.rmtree(directory, ignore_errors=True)


def appliance_processes(directory: Path) -> Iterator[int]:
    """The management process of this lab, if it still is one: the number may have been given to another process."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        process_id = int((directory / "serve.pid").read_text())
        if b"applianced" in Path(f"/proc/{process_id}/cmdline").read_bytes():
            yield process_id


def main() -> int:
    parser = argparse.ArgumentParser(prog="applianced.tools.lab", description=__doc__.partition("\n")[0])
    parser.add_argument("--directory", type=Path, required=True, help="where the lab keeps its files")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("start", help="build the lab and show transfers through it")
    actions.add_parser("stop", help="remove every trace of it")
    actions.add_parser("show", help="print its gates and counters")
    change = actions.add_parser("change", help="merge configuration, validate and commit")
    change.add_argument("file", type=Path, help="XML: a <config>, or what stands in one")
    options = parser.parse_args()
    directory = options.directory.resolve()
    match options.action:
        case "start":
            return begin(directory)
        case "stop":
            stop(directory)
            return 0
        case _:
            return manage(directory, options.file if options.action == "change" else None)


def begin(directory: Path) -> int:
    """`start`, which leaves nothing behind when it fails; the exit status."""
    try:
        start(directory)
    except BaseException as error:
        stop(directory)
        if not isinstance(error, CommandError | serving.ServingError):
            raise
        print(f"the lab did not come up: {error}", file=sys.stderr)
        return 1
    return 0


def manage(directory: Path, change: Path | None) -> int:
    """Commit a file of configuration, or show gates and counters; the exit status."""
    try:
        with connect(HOST, PORT, directory / "admin") as netconf:
            if change is not None:
                netconf.push(change.read_text())
                say("committed", change.name)
            else:
                print_gates(netconf)
                print_counters(netconf)
    except (OSError, RPCError, SSHError) as error:
        print(f"{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
