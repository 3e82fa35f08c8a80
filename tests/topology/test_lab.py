"""The lab of `make run` and `make stop`: what it shows, that it goes on running, that nothing of it is left."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from applianced.tools.lab import EXERCISES, HOST, NAME, PORT
from applianced.tools.lab_report import state_of
from applianced.tools.namespaces import IPV4, Topology, end, processes_in, run
from applianced.tools.netconf_client import ALG, PREFIXES, SECURITY, connect
from tests.support.appliance import private_directory
from tests.support.programs import make_file
from tests.support.until import until

LAB = Topology(NAME)

ALGS = f'<security xmlns="{SECURITY}"><alg xmlns="{ALG}"/></security>'


def lab(action: str, directory: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """What the Makefile's targets run."""
    argv = [sys.executable, "-m", "applianced.tools.lab", "--directory", str(directory), action, *more]
    return run(argv, timeout_s=100)


def namespaces() -> set[str]:
    return {line.split()[0] for line in run(["ip", "netns", "list"]).stdout.splitlines() if line}


def processes(directory: Path) -> list[str]:
    """Command lines of everything that runs in the lab's namespaces or with a file of the lab."""
    mine = {str(pid) for namespace in LAB.namespaces for pid in processes_in(namespace)}
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if path.parent.name in mine or str(directory) in line:
            found.append(line)
    return found


class Shown(NamedTuple):
    """A lab that runs. text: what `start` has printed. tables: those of the machine before it."""

    directory: Path
    text: str
    tables: str


def sockets(namespace: str, condition: str) -> str:
    """TCP sockets of a namespace."""
    return LAB.run(namespace, ["ss", "-Htn", condition]).stdout


def tables() -> str:
    return run(["nft", "list", "tables"]).stdout


@pytest.fixture(scope="module")
def shown() -> Iterator[Shown]:
    """A lab that is gone at the end, however the tests went."""
    if namespaces() & set(LAB.namespaces):
        pytest.skip(f"a lab runs on this machine already (namespaces {NAME}-*): make stop ends it")
    if run(["ss", "-Hltn", f"sport = :{PORT}"]).stdout:
        pytest.skip(f"something listens on port {PORT} of this machine")
    with private_directory() as private:
        directory = private / "lab"
        before = tables()
        try:
            yield Shown(directory, lab("start", directory).stdout, before)
        finally:
            lab("stop", directory)


def test_shows_every_announcement_before_and_after(shown: Shown) -> None:
    for exercise in EXERCISES:
        section = shown.text.partition(f"\n{exercise.title}\n")[2].partition("\n\n")[0]
        assert len(re.findall(r"(?:fetched|stored ) +5000000 octets in .* is right", section)) == 2
        befores = re.findall(r"before the gateway (\w+)  (.+)", section)
        afters = re.findall(r"after              (\w+)  (.+)", section)
        assert len(befores) == len(afters) == 2
        active = "--ftp-port" in exercise.options
        for (arrived, before), (left, after) in zip(befores, afters, strict=True):
            assert (arrived, left) == (("lan0", "wan0") if active else ("wan0", "lan0"))
            assert (before != after) == active, "source NAT translates what the client announces"


def test_shows_gates_and_counters(shown: Shown) -> None:
    gates = shown.text.partition("\ngates ")[2].partition("\n\n")[0]
    entries = re.findall(r"\n +\d+  ftp  (.+)\n +peer (\S+) to (\S+), arrives at (\S+); (.+)", gates)
    assert len(entries) == 2 * len(EXERCISES)
    for reason, _, _, _, life in entries:
        assert re.match(r"PORT |EPRT |227 |229 ", reason)
        assert re.fullmatch(r"used after [\d.]+ s, closed after [\d.]+ s, [1-9]\d* packets", life)
    counters = dict(re.findall(r"\n  ftp +(\S+) +(\d+)", shown.text.partition("\ncounters ")[2]))
    assert {name: counters[name] for name in ("port", "eprt", "pasv", "epsv")} == {
        "port": "2", "eprt": "4", "pasv": "2", "epsv": "4",
    }  # fmt: skip


def test_goes_on_as_it_says(shown: Shown) -> None:
    """The client's login and the transfer that it names work as printed, and NETCONF answers."""
    directory, text = shown.directory, shown.text
    assert "the lab goes on running" in text
    assert f"ssh -p {PORT} -i {directory}/admin" in text
    with connect(HOST, PORT, directory / "admin") as netconf:
        assert state_of(netconf, "counters").find(".//state:counters", PREFIXES) is not None
    command = next(line for line in text.splitlines() if " curl " in line).partition("more transfers")[2].split()
    assert "example.bin" in run(command).stdout


def test_shows_and_changes(shown: Shown) -> None:
    change = Path(__file__).parents[2] / "docs" / "examples" / "ftp-line-break-extension.xml"
    assert change.name in shown.text
    assert "committed" in lab("change", shown.directory, str(change)).stdout
    with connect(HOST, PORT, shown.directory / "admin") as netconf:
        assert netconf.get_config(ALGS).find(".//{*}line-break-extension") is not None
    assert "gates-opened" in lab("show", shown.directory).stdout


def test_stop_during_a_transfer_leaves_nothing(shown: Shown) -> None:
    make_file(shown.directory / "server" / "root" / "pub" / "endless", 20_000_000)
    url = f"ftp://anonymous:lab@{IPV4.server}/pub/endless"
    transfer = LAB.popen(LAB.client, ["curl", "-sS", "--limit-rate", "100k", "--output", "/dev/null", url])
    try:
        until(lambda: "ESTAB" in sockets(LAB.client, "dport != :21"), what="the data connection")
        assert len(processes(shown.directory)) > 5

        lab("stop", shown.directory)

        assert not namespaces() & set(LAB.namespaces)
        assert not processes(shown.directory)
        assert not shown.directory.exists()
        assert tables() == shown.tables
        assert not run(["ss", "-Hltn", f"sport = :{PORT}"]).stdout
    finally:
        end(transfer)
    lab("stop", shown.directory)
