"""The server and the floor as processes, and what the kernel says about them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import asyncssh

from applianced.tools.namespaces import end
from tests.bench.management.client import Session

ROOT = Path(__file__).parents[3]
_TICKS = os.sysconf("SC_CLK_TCK")


class Program(NamedTuple):
    """A process that serves NETCONF on loopback."""

    process: subprocess.Popen[str]
    port: int
    key: asyncssh.SSHKey

    async def session(self) -> Session:
        return await Session.open(self.port, self.key)

    def resident_kib(self) -> int:
        """Memory that is its own, in KiB."""
        rollup = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return sum(int(found) for found in re.findall(r"^Private_(?:Clean|Dirty):\s+(\d+)", rollup, re.MULTILINE))

    def used_s(self) -> float:
        """Processor time so far, in seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def appliance(directory: Path | None = None) -> Iterator[Program]:
    """Management alone, as `serve --dataplane none` runs it, with an empty configuration."""
    with _key(directory) as (where, key):
        state, public = where / "state", where / "key.pub"
        options = ["--dataplane", "none", "--state-dir", str(state), "--listen", "127.0.0.1:0"]
        command = ["applianced", "--log-level", "error", "serve", *options, "--admin-key", str(public)]
        with _running(command, key) as program:
            yield program


@contextmanager
def floor() -> Iterator[Program]:
    """asyncssh and lxml alone."""
    with _key(None) as (where, key), _running(["tests.bench.management.floor", str(where / "key.pub")], key) as program:
        yield program


@contextmanager
def _key(directory: Path | None) -> Iterator[tuple[Path, asyncssh.SSHKey]]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    with TemporaryDirectory(prefix="management-", dir=directory) as name:
        where = Path(name)
        # The appliance drops to an unprivileged user.
        where.chmod(0o755)
        (where / "key.pub").write_bytes(key.export_public_key())
        yield where, key


@contextmanager
def _running(command: Sequence[str], key: asyncssh.SSHKey) -> Iterator[Program]:
    process = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        ready = process.stdout.readline()
        if not ready.startswith("ready "):
            raise RuntimeError(f"{command[0]} did not start: {ready!r}")
        yield Program(process, int(ready.rpartition(":")[2]), key)
    finally:
        end(process)
