"""Real FTP clients, each able to fetch and store one file in every mode it knows."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from applianced.tools.ftp_server import FtpServer
from applianced.tools.namespaces import CommandError, Plan, Topology


class Mode(Enum):
    """How the data session is announced: the command."""

    PORT = "PORT"
    PASV = "PASV"
    EPRT = "EPRT"
    EPSV = "EPSV"

    @property
    def active(self) -> bool:
        return self in (Mode.PORT, Mode.EPRT)

    @property
    def extended(self) -> bool:
        return self in (Mode.EPRT, Mode.EPSV)


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer to do. namespace: where the client runs. host: the server's address as the client knows it.

    tls: explicit FTPS, control and data (curl alone).
    """

    topology: Topology
    server: FtpServer
    plan: Plan
    mode: Mode
    namespace: str = ""
    host: str = ""
    timeout_s: float = 60
    tls: bool = False

    @property
    def where(self) -> str:
        return self.namespace or self.topology.client

    @property
    def address(self) -> str:
        return self.host or self.plan.server

    def run(self, argv: list[str], stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return self.topology.run(self.where, argv, timeout_s=self.timeout_s, stdin=stdin)


@dataclass(frozen=True, slots=True)
class Client:
    """A program. fetch(transfer, remote name, local path), store(transfer, local path, remote name)."""

    name: str
    modes: tuple[tuple[int, Mode], ...]
    fetch: Callable[[Transfer, str, Path], None]
    store: Callable[[Transfer, Path, str], None]


def curl(transfer: Transfer, name: str, *more: str) -> None:
    """Run curl; both commands of the other kind are switched off, so nothing falls back."""
    mode = transfer.mode
    options = ["curl", "--silent", "--show-error", "--insecure", "--max-time", "55", *more]
    if mode.active:
        options += ["--ftp-port", "-"]
    if mode is Mode.PORT:
        options += ["--disable-eprt"]
    if mode is Mode.PASV:
        options += ["--disable-epsv"]
    if transfer.tls:
        options += ["--ssl-reqd"]
    transfer.run([*options, transfer.server.url(transfer.plan, name, host=transfer.host)])


def curl_fetch(transfer: Transfer, name: str, path: Path) -> None:
    curl(transfer, name, "--output", str(path))


def curl_store(transfer: Transfer, path: Path, name: str) -> None:
    """By TLS, "426" at the end of a store says nothing of the file: its checksum does.

    vsftpd says it now and then when packets are lost, with nothing but a router between as well (15 of 808 at 3 %),
    though all has been received and acknowledged: curl does not await its close_notify, and answers it with a reset.
    """
    try:
        curl(transfer, name, "--upload-file", str(path))
    except CommandError as error:
        if not (transfer.tls and "got 426" in str(error)):
            raise


def lftp(transfer: Transfer, command: str) -> None:
    """lftp uses the extended commands on IPv6 always, and on IPv4 only when told to."""
    passive = "no" if transfer.mode.active else "yes"
    extended = "yes" if transfer.mode.extended else "no"
    server = transfer.server
    settings = f"set ftp:ssl-allow no; set ftp:passive-mode {passive}; set ftp:prefer-epsv {extended}; "
    limits = "set net:max-retries 1; set net:timeout 20; set cmd:fail-exit yes; "
    login = f"open -u {server.user},{server.password} -p {server.port} {bracketed(transfer.address)}; "
    transfer.run(["lftp", "-c", settings + limits + login + command])


def lftp_fetch(transfer: Transfer, name: str, path: Path) -> None:
    lftp(transfer, f"get {transfer.server.remote}{name} -o {path}")


def lftp_store(transfer: Transfer, path: Path, name: str) -> None:
    lftp(transfer, f"put {path} -o {transfer.server.remote}{name}")


def tnftp(transfer: Transfer, command: str) -> str:
    """tnftp in its command mode. Its exit status says nothing: the files do."""
    server = transfer.server
    extended = "" if transfer.mode.extended or transfer.plan.version == 6 else "epsv4 off\n"
    script = f"user {server.user} {server.password}\n{extended}binary\n{command}\nquit\n"
    option = "-A" if transfer.mode.active else "-p"
    return transfer.run(["tnftp", option, "-n", "-v", transfer.address, str(server.port)], stdin=script).stdout


def tnftp_fetch(transfer: Transfer, name: str, path: Path) -> None:
    said = tnftp(transfer, f"get {transfer.server.remote}{name} {path}")
    assert path.exists(), said


def tnftp_store(transfer: Transfer, path: Path, name: str) -> None:
    tnftp(transfer, f"put {path} {transfer.server.remote}{name}")


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


ALL_MODES = ((4, Mode.PORT), (4, Mode.PASV), (4, Mode.EPRT), (4, Mode.EPSV), (6, Mode.EPRT), (6, Mode.EPSV))
LFTP_MODES = ((4, Mode.PORT), (4, Mode.PASV), (4, Mode.EPSV), (6, Mode.EPRT), (6, Mode.EPSV))
CLIENTS = {
    client.name: client
    for client in (
        Client("curl", ALL_MODES, curl_fetch, curl_store),
        Client("lftp", LFTP_MODES, lftp_fetch, lftp_store),
        Client("tnftp", ALL_MODES, tnftp_fetch, tnftp_store),
    )
}


def checksum(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_file(path: Path, octets: int) -> str:
    """A file of so many octets that no two blocks of share; returns its checksum."""
    block = hashlib.shake_256(path.name.encode()).digest(1 << 16)
    with path.open("wb") as file:
        for number in range(0, octets, len(block)):
            piece = number.to_bytes(8, "big") + block[8:]
            file.write(piece[: octets - number])
    path.chmod(0o644)
    return checksum(path)


def cases_of(names: Iterable[str]) -> list[ParameterSet]:
    """Parameters (client, IP version, mode): everything that these clients can do."""
    return [
        pytest.param(CLIENTS[name], version, mode, id=f"{name}-ipv{version}-{mode.value}")
        for name in names
        for version, mode in CLIENTS[name].modes
    ]


def fetch_and_store(client: Client, transfer: Transfer, directory: Path, *, offered: int, stored: int) -> None:
    """Fetch a file of so many octets and store another, both whole. directory: where the client keeps its own."""
    files = transfer.server.files
    wanted = make_file(files / "offered", offered)
    client.fetch(transfer, "offered", directory / "fetched")
    assert checksum(directory / "fetched") == wanted

    wanted = make_file(directory / "stored", stored)
    client.store(transfer, directory / "stored", "stored")
    assert checksum(files / "stored") == wanted
    (files / "stored").unlink()
