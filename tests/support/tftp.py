"""TFTP for the tests: tftpd-hpa in a namespace, and real clients, each able to fetch and store one file."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from applianced.tools.namespaces import Topology
from tests.support.until import until


@dataclass(frozen=True, slots=True)
class TftpServer:
    """A running server. files: what it offers, and takes. port: as clients know it."""

    files: Path
    port: int = 69


def tftpd_hpa(topology: Topology, directory: Path, *, namespace: str = "") -> TftpServer:
    """Start tftpd-hpa on both families. It serves `files` as root's, and makes files that are stored there."""
    files = directory / "tftp"
    files.mkdir()
    where = namespace or topology.server
    topology.popen(where, ["in.tftpd", "--listen", "--create", "--user", "root", "--secure", str(files)])
    until(lambda: bound(topology, where, 69), what="tftpd-hpa listens")
    return TftpServer(files)


def bound(topology: Topology, namespace: str, port: int) -> bool:
    """Whether a program has this UDP port in a namespace."""
    return f":{port} " in topology.run(namespace, ["ss", "-Hlun"]).stdout


@dataclass(frozen=True, slots=True)
class TftpTransfer:
    """One transfer to do. where: the client's namespace. host: the server's address as it knows it."""

    topology: Topology
    server: TftpServer
    where: str
    host: str

    def run(self, argv: list[str]) -> subprocess.CompletedProcess[str]:
        return self.topology.run(self.where, argv, timeout_s=60)

    @property
    def url(self) -> str:
        address = f"[{self.host}]" if ":" in self.host else self.host
        return f"tftp://{address}:{self.server.port}"


@dataclass(frozen=True, slots=True)
class TftpClient:
    """A program. fetch(transfer, remote name, local path), store(transfer, local path, remote name)."""

    name: str
    fetch: Callable[[TftpTransfer, str, Path], None]
    store: Callable[[TftpTransfer, Path, str], None]


def _hpa(transfer: TftpTransfer, *words: str) -> None:
    transfer.run(["tftp", transfer.host, str(transfer.server.port), "-m", "binary", "-c", *words])


def _curl(transfer: TftpTransfer, name: str, *words: str) -> None:
    transfer.run(["curl", "-sS", "--max-time", "50", *words, f"{transfer.url}/{name}"])


def _atftp(transfer: TftpTransfer, *words: str) -> None:
    options = ["--option", "windowsize 8", "--option", "blksize 1024"]
    transfer.run(["atftp", *options, *words, transfer.host, str(transfer.server.port)])


BLOCKS = ("--tftp-blksize", "1400")
PLAIN = ("--tftp-no-options",)
CLIENTS = (
    TftpClient(
        "hpa",
        lambda transfer, name, path: _hpa(transfer, "get", name, str(path)),
        lambda transfer, path, name: _hpa(transfer, "put", str(path), name),
    ),
    TftpClient(
        "curl",
        lambda transfer, name, path: _curl(transfer, name, *BLOCKS, "--output", str(path)),
        lambda transfer, path, name: _curl(transfer, name, *BLOCKS, "--upload-file", str(path)),
    ),
    TftpClient(
        "curl-no-options",
        lambda transfer, name, path: _curl(transfer, name, *PLAIN, "--output", str(path)),
        lambda transfer, path, name: _curl(transfer, name, *PLAIN, "--upload-file", str(path)),
    ),
    TftpClient(
        "atftp",
        lambda transfer, name, path: _atftp(transfer, "--get", "-r", name, "-l", str(path)),
        lambda transfer, path, name: _atftp(transfer, "--put", "-l", str(path), "-r", name),
    ),
)
