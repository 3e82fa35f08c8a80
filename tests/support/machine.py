"""A Debian 12 machine: systemd and sshd in namespaces of their own, on a root that is made for it and gone with it.

It reaches the world through slirp4netns, as containers of unprivileged users do, and a controller in another network
namespace over a link; nothing of the host's network is touched.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from applianced.tools.namespaces import CommandError, end_all_in, run
from tests.support.debian import cache, debian
from tests.support.until import until

REPOSITORY = Path(__file__).parents[2]
ITS_OWN = ("ca-certificates", "dbus", "openssh-server", "python3", "systemd", "systemd-sysv")
BOOT_S = 60
PIP_CACHE = "root/.cache/pip"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def packages_to_build() -> tuple[str, ...]:
    """Of packages.list: compilers are most of an installation, and no part of what is tried here."""
    lines = (REPOSITORY / "packages.list").read_text().splitlines()
    return tuple(words[1] for words in map(str.split, lines) if words[:1] == ["build"])


@dataclass(slots=True)
class Machine:
    """name: of its network namespace, unique. address: that the controller reaches. key: root's, the private one."""

    name: str
    directory: Path
    address: str
    key: Path
    _processes: list[subprocess.Popen[Any]]

    @property
    def root(self) -> Path:
        return self.directory / "root"

    def run(self, *argv: str, check: bool = True) -> str:
        """What a command on the machine printed."""
        (init,) = Path(f"/proc/{self._processes[0].pid}/task/{self._processes[0].pid}/children").read_text().split()
        return run(["nsenter", "-t", init, "-m", "-r", "-p", "-u", "-i", "-n", "-C", *argv], check=check).stdout

    @property
    def booted(self) -> bool:
        """Whether systemd has started all that it starts; what failed is no failure of the boot."""
        try:
            return self.run("systemctl", "is-system-running", check=False).strip() in ("running", "degraded")
        except (OSError, ValueError):
            return False


@contextmanager
def machine(name: str, directory: Path, controller: str, number: int, key: Path) -> Iterator[Machine]:
    """A machine that has booted. directory: for its files, not there yet. controller: the network namespace that the
    link leads to. number: from 1, of the machine at this controller. key: that root may log in with."""
    made = Machine(name, directory, f"192.0.2.{4 * number + 2}", key, [])
    try:
        _prepare(made)
        _connect(made, controller, f"192.0.2.{4 * number + 1}", f"m{number}")
        boot = [str(Path(__file__).with_name("boot_machine.sh")), name, str(made.root)]
        made._processes.append(subprocess.Popen(boot, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
        slirp = ["slirp4netns", "--configure", "--netns-type=path", f"/run/netns/{name}", "tap0"]
        made._processes.append(
            subprocess.Popen(
                slirp, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=(directory / "slirp.log").open("w")
            )
        )
        until(lambda: made.booted, BOOT_S, interval_s=0.2, what=f"{name} boots")
        yield made
    finally:
        _remove(made)


def _prepare(made: Machine) -> None:
    base = debian("bookworm", "machine", sorted((*ITS_OWN, *packages_to_build())))
    for part in ("upper", "work", "root"):
        (made.directory / part).mkdir(parents=True)
    layers = f"lowerdir={base},upperdir={made.directory / 'upper'},workdir={made.directory / 'work'}"
    run(["mount", "-t", "overlay", "-o", layers, "overlay", str(made.root)])
    (cache() / "pip").mkdir(exist_ok=True)
    (made.root / PIP_CACHE).mkdir(parents=True)
    run(["mount", "--bind", str(cache() / "pip"), str(made.root / PIP_CACHE)])
    (made.root / "root" / ".ssh").mkdir(mode=0o700, exist_ok=True)
    shutil.copy(f"{made.key}.pub", made.root / "root" / ".ssh" / "authorized_keys")
    # It trusts whom this machine trusts.
    shutil.copy(CERTIFICATES, f"{made.root}{CERTIFICATES}")
    (made.root / "etc" / "pip.conf").write_text(f"[global]\ncert = {CERTIFICATES}\n")
    (made.root / "etc" / "resolv.conf").unlink(missing_ok=True)
    (made.root / "etc" / "resolv.conf").write_text("nameserver 10.0.2.3\n")
    (made.root / "etc" / "hostname").write_text(f"{made.name}\n")


def _connect(made: Machine, controller: str, gateway: str, interface: str) -> None:
    run(["ip", "netns", "add", made.name])
    link = ["link", "add", "mgmt0", "netns", made.name, "type", "veth", "peer", "name", interface, "netns", controller]
    run(["ip", *link])
    for namespace, device, address in ((made.name, "mgmt0", made.address), (controller, interface, gateway)):
        run(["ip", "-n", namespace, "address", "add", f"{address}/30", "dev", device])
        run(["ip", "-n", namespace, "link", "set", device, "up"])
    run(["ip", "-n", made.name, "link", "set", "lo", "up"])


def _remove(made: Machine) -> None:
    for process in reversed(made._processes):
        process.send_signal(signal.SIGKILL)
        process.wait()
    with contextlib.suppress(CommandError):
        end_all_in(made.name)
        run(["ip", "netns", "delete", made.name])
    for place in (PIP_CACHE, ""):
        with contextlib.suppress(CommandError):
            run(["umount", str(made.root / place)])
    for group in (Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup")):
        for folder in sorted((group / made.name).rglob("*"), reverse=True):
            if folder.is_dir():
                folder.rmdir()
        if (group / made.name).is_dir():
            (group / made.name).rmdir()


@contextmanager
def controller(name: str) -> Iterator[str]:
    """A network namespace for machines to be managed from."""
    run(["ip", "netns", "add", name])
    try:
        run(["ip", "-n", name, "link", "set", "lo", "up"])
        yield name
    finally:
        end_all_in(name)
        run(["ip", "netns", "delete", name])


def command_in(namespace: str, argv: Sequence[str]) -> list[str]:
    """The command, run in a network namespace."""
    return ["ip", "netns", "exec", namespace, *argv]
