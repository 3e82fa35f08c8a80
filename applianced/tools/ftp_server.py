"""vsftpd as the lab and the tests run it: anonymous, in one namespace, with every file in one private directory.

Anonymous logins need no system user beyond `ftp`, which the package makes, so that nothing of the host's accounts
is touched. The root of an anonymous login must not be writable; `pub` below it is.
"""

from __future__ import annotations

import os
import pwd
import time
from dataclasses import dataclass
from pathlib import Path

from applianced.tools.namespaces import CommandError, Plan, Topology, run

PASSIVE_PORTS = (30000, 30999)


@dataclass(frozen=True, slots=True)
class FtpServer:
    """A running server. files: the local directory behind `remote`, the writable directory of its user.

    implicit_tls: TLS from the first octet on.
    """

    name: str
    user: str
    password: str
    files: Path
    remote: str
    port: int = 21
    implicit_tls: bool = False

    def url(self, plan: Plan, name: str, *, host: str = "") -> str:
        """The URL of a file in `files`, with the user and the password. host: instead of the plan's server."""
        address = host or plan.server
        bracketed = f"[{address}]" if ":" in address else address
        scheme = "ftps" if self.implicit_tls else "ftp"
        return f"{scheme}://{self.user}:{self.password}@{bracketed}:{self.port}/{self.remote}{name}"


@dataclass(frozen=True, slots=True)
class Certificate:
    """Paths of a self-signed certificate and its key, PEM."""

    certificate: Path
    key: Path


def make_certificate(directory: Path) -> Certificate:
    """A self-signed certificate, good for some days, in `directory`."""
    made = Certificate(directory / "certificate.pem", directory / "key.pem")
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=applianced-lab"]
    run([*request, "-keyout", str(made.key), "-out", str(made.certificate)])
    return made


def make_root(directory: Path, owner: str) -> Path:
    """`root` with `pub` in it, pub writable by `owner`; returns root, which the servers may enter as anybody."""
    root = directory / "root"
    published = root / "pub"
    published.mkdir(parents=True, exist_ok=True)
    for path in (directory, root, published):
        path.chmod(0o755)
    account = pwd.getpwnam(owner)
    os.chown(published, account.pw_uid, account.pw_gid)
    return root


def vsftpd(
    topology: Topology,
    directory: Path,
    *,
    namespace: str = "",
    port: int = 21,
    certificate: Certificate | None = None,
    implicit_tls: bool = False,
) -> FtpServer:
    """Start vsftpd, IPv4 and IPv6, in `namespace` (default the server's) and wait until it listens."""
    root = make_root(directory, "ftp")
    empty = directory / "empty"
    empty.mkdir(exist_ok=True)
    settings = {
        "listen_ipv6": "YES",
        "listen_port": port,
        "background": "NO",
        # In a namespace of its own the process of a transfer would be out of sight of whoever cleans up.
        "isolate_network": "NO",
        "seccomp_sandbox": "NO",
        "secure_chroot_dir": empty,
        "anonymous_enable": "YES",
        "no_anon_password": "YES",
        "anon_root": root,
        "anon_umask": "022",
        "write_enable": "YES",
        "anon_upload_enable": "YES",
        "anon_mkdir_write_enable": "YES",
        "anon_other_write_enable": "YES",
        "connect_from_port_20": "YES",
        "pasv_min_port": PASSIVE_PORTS[0],
        "pasv_max_port": PASSIVE_PORTS[1],
        "xferlog_enable": "NO",
    }
    if certificate:
        settings |= {
            "ssl_enable": "YES",
            "allow_anon_ssl": "YES",
            "require_ssl_reuse": "NO",
            "ssl_ciphers": "HIGH",
            "implicit_ssl": "YES" if implicit_tls else "NO",
            "rsa_cert_file": certificate.certificate,
            "rsa_private_key_file": certificate.key,
        }
    configuration = directory / "vsftpd.conf"
    configuration.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    where = namespace or topology.server
    topology.popen(where, ["vsftpd", str(configuration)])
    wait_listening(topology, where, port)
    return FtpServer("vsftpd", "anonymous", "lab", root / "pub", "pub/", port, implicit_tls)


def wait_listening(topology: Topology, namespace: str, port: int, timeout_s: float = 10) -> None:
    """Return when something listens on a TCP port of a namespace. Raises CommandError after timeout_s."""
    deadline = time.monotonic() + timeout_s
    while not topology.run(namespace, ["ss", "-Hltn", f"sport = :{port}"]).stdout.strip():
        if time.monotonic() > deadline:
            raise CommandError(f"nothing listens on port {port} of {namespace} after {timeout_s} s")
        time.sleep(0.02)
