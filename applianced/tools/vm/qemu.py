"""The image under QEMU: with KVM when it really works here, else emulated.

A machine's files lie in one directory: its disk (on top of the image, which stays as it is), its seed, its console
and what stands there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from applianced.tools.namespaces import CommandError, run
from applianced.tools.vm.diagnosis import explain
from applianced.tools.vm.disk import make_iso
from applianced.tools.vm.facts import Facts
from applianced.tools.vm.monitor import monitor

OVMF = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
_TRYING_S = 8.0
_PRESSING_S = 5.0
_STALLED_S = 90.0
"""A machine that has not answered for so long is looked at, once in so much time."""
_BANNER = b"SSH-2.0-"
_LOCK = "hhqqi0q"
"""struct flock of fcntl(2), with 64 bits."""
_PATIENCE_S = 2.0
_HASTE_S = 0.5
"""A connection from before the server listened hears nothing: while it may listen any moment, another is tried soon."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """Where the cards inside and outside lead, as options of -netdev without id; None leads nowhere.

    management: None is QEMU's user network, with a port of the host forwarded to NETCONF.
    descriptors: files that QEMU inherits, named in the options.
    """

    inside: str | None = None
    outside: str | None = None
    management: str | None = None
    descriptors: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Kernel:
    """What QEMU itself loads, instead of a boot loader of the disk."""

    kernel: Path
    initial: Path
    arguments: str

    def argv(self) -> list[str]:
        return ["-kernel", str(self.kernel), "-initrd", str(self.initial), "-append", self.arguments]


@dataclass(frozen=True, slots=True)
class Hardware:
    """What a machine is made of, in QEMU's words.

    machine: its kind. system, more: the device of the system's disk, and of each further one. card: that of each
    network card. controllers: devices that the disks need.
    """

    machine: str = "q35"
    system: str = "virtio-blk-pci"
    more: str = "virtio-blk-pci"
    card: str = "virtio-net-pci"
    controllers: tuple[str, ...] = ()


@lru_cache
def accelerator(boot: Path) -> str:
    """`kvm` when the image's kernel really runs with it here, else `tcg`. boot: the folder with vmlinuz and initrd.

    A device that is there may serve the firmware and fail with a kernel, or take minutes for what emulation does in two
    seconds. A program as init that ends at once makes the kernel panic, and that QEMU end.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    argv = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-m", "512", "-nodefaults", "-no-user-config"]
    argv += ["-display", "none", "-no-reboot"]
    tried = Kernel(boot / "vmlinuz", boot / "initrd", "quiet panic=-1 rdinit=/bin/busybox")
    try:
        done = subprocess.run(
            [*argv, *tried.argv()], stdin=subprocess.DEVNULL, capture_output=True, timeout=_TRYING_S, check=False
        )
    except subprocess.TimeoutExpired:
        return "tcg"
    return "tcg" if done.returncode else "kvm"


class Machine:
    """A machine that boots the image, and its files."""

    def __init__(self, facts: Facts, directory: Path) -> None:
        """directory: is made when it is not there; what is in it is used again."""
        self.facts = facts
        self.hardware = Hardware()
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def disk(self) -> Path:
        return self.directory / "disk.qcow2"

    @property
    def console_log(self) -> Path:
        return self.directory / "console.log"

    @property
    def key(self) -> Path:
        """The private key of admin."""
        return self.directory / "admin"

    @property
    def process_id(self) -> int:
        """Of QEMU; 0 when it does not run.

        A number in the file may be a stranger's by now: QEMU holds a lock on it as long as any of its threads has files
        open, and the kernel says who does.
        """
        try:
            with (self.directory / "qemu.pid").open("rb") as file:
                found = fcntl.fcntl(file, fcntl.F_GETLK, struct.pack(_LOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        except OSError:
            return 0
        kind, _, _, _, number = struct.unpack(_LOCK, found)
        return 0 if kind == fcntl.F_UNLCK else int(number)

    def make_disk(self, image: Path) -> None:
        """A new disk on top of an image. Raises CommandError."""
        self.disk.unlink(missing_ok=True)
        base = str(image.absolute())
        run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, str(self.disk)])

    def make_seed(self, files: Mapping[str, str]) -> Path:
        """A seed of these files: an ISO labelled cidata. Raises CommandError."""
        tree, seed = self.directory / "seed", self.directory / "seed.iso"
        tree.mkdir(exist_ok=True)
        for name, content in files.items():
            (tree / name).write_text(content)
        return make_iso(tree, seed, "cidata")

    def start(
        self,
        port: int,
        accel: str,
        wiring: Wiring | None = None,
        *,
        uefi: bool = False,
        disks: Sequence[Path] = (),
        kernel: Kernel | None = None,
        options: Sequence[str] = (),
    ) -> None:
        """Power on. port: of the host, forwarded to NETCONF. accel: see `accelerator`. disks: further ones, read-only.

        kernel: loaded past the disk's boot loaders. options: further ones of QEMU.
        Raises CommandError when QEMU does not start.
        """
        wiring = wiring or Wiring()
        argv = [*self._argv(port, wiring, accel, disks, uefi=uefi), *(kernel.argv() if kernel else ()), *options]
        with (self.directory / "qemu.log").open("wb") as log:
            done = subprocess.run(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=wiring.descriptors, check=False
            )
        if done.returncode:
            raise CommandError(f"QEMU does not start:\n{(self.directory / 'qemu.log').read_text(errors='replace')}")

    def _argv(self, port: int, wiring: Wiring, accel: str, disks: Sequence[Path], *, uefi: bool) -> list[str]:
        # Emulated, `rep movsb` takes a step for each octet: nothing is to prefer it. Nothing else is to be taken away
        # from `max`: without svm, static programs of glibc 2.36 fail.
        cpu = "host" if accel == "kvm" else "max,-erms,-fsrm"
        threads = ",thread=multi" if accel == "tcg" else ""
        made_of = self.hardware
        argv = ["qemu-system-x86_64", "-machine", made_of.machine, "-accel", f"{accel}{threads}", "-cpu", cpu]
        argv += ["-smp", str(self.facts.cpus), "-m", str(self.facts.memory_mib)]
        argv += ["-nodefaults", "-no-user-config", "-display", "none", "-daemonize"]
        argv += ["-pidfile", str(self.directory / "qemu.pid"), "-device", "virtio-rng-pci"]
        if uefi:
            argv += ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF}"]
        argv += [word for device in made_of.controllers for word in ("-device", device)]
        # Before the others; 0 is that of a kernel which QEMU itself loads.
        argv += _disk(f"{made_of.system},bootindex=1", "system", f"file={self.disk},format=qcow2,cache=writeback")
        for number, disk in enumerate(disks):
            argv += _disk(made_of.more, f"more{number}", f"file={disk},format=raw,readonly=on")
        ends = (
            wiring.management or f"user,hostfwd=tcp:127.0.0.1:{port}-:{self.facts.netconf_port}",
            wiring.inside or "user,restrict=on",
            wiring.outside or "user,restrict=on",
        )
        for card, end in zip(self.facts.cards, ends, strict=True):
            argv += ["-netdev", _with_id(end, card.name)]
            argv += ["-device", f"{made_of.card},netdev={card.name},mac={card.mac},romfile="]
        console, monitor = self.directory / "console", self.directory / "monitor"
        argv += ["-chardev", f"socket,id=console,path={console},server=on,wait=off,logfile={self.console_log}"]
        argv += ["-serial", "chardev:console", "-qmp", f"unix:{monitor},server=on,wait=off"]
        return argv

    @property
    def stall_log(self) -> Path:
        """What was seen of a boot that took long."""
        return self.directory / "stall.log"

    def await_netconf(self, port: int, timeout_s: float) -> None:
        """Return when the guest's SSH server speaks. A boot that takes long is looked at meanwhile, see stall_log.

        Raises CommandError that says what is known.
        """
        started = looked = now = time.monotonic()
        while not speaks(port, _HASTE_S if now - started < _STALLED_S else _PATIENCE_S):
            now = time.monotonic()
            if not self.process_id or now - started > timeout_s:
                told = explain(self.directory)
                raise CommandError(f"NETCONF does not answer after {now - started:.0f} s of {timeout_s:.0f}\n{told}")
            if now - looked > _STALLED_S:
                looked = now
                with self.stall_log.open("a") as log:
                    log.write(f"{now - started:.0f} s, and NETCONF does not answer\n{explain(self.directory)}\n\n")
            time.sleep(0.1)

    def await_silence(self, port: int, timeout_s: float) -> None:
        """Return when the guest's SSH server speaks no more. Raises CommandError."""
        deadline = time.monotonic() + timeout_s
        while speaks(port):
            if time.monotonic() > deadline:
                raise CommandError(f"NETCONF still answers after {timeout_s:.0f} s")
            time.sleep(0.1)

    def power_cut(self) -> None:
        """End QEMU at once; what the guest has not written is lost."""
        with self._process() as process:
            if process is not None:
                _kill(process)

    def shut_down(self, timeout_s: float = 120.0) -> None:
        """Press the power button, and wait; afterwards cut the power. Without a machine nothing happens."""
        deadline = time.monotonic() + timeout_s
        with self._process() as process:
            if process is None:
                return
            while (left := deadline - time.monotonic()) > 0:
                # A machine that is still booting does not hear it.
                self._press()
                if _ends(process, min(left, _PRESSING_S)):
                    return
            _kill(process)

    @contextmanager
    def _process(self) -> Iterator[int | None]:
        """A descriptor of QEMU, which never means another process (pidfd_open(2)); None when it does not run."""
        number = self.process_id
        try:
            process = os.pidfd_open(number) if number else None
        except ProcessLookupError:
            process = None
        if process is None:
            yield None
            return
        try:
            # It may have ended before it was opened, and its number be another's.
            yield process if self.process_id == number else None
        finally:
            os.close(process)

    def _press(self) -> None:
        with contextlib.suppress(CommandError, OSError), monitor(self.directory) as opened:
            opened.ask("system_powerdown")


def _ends(process: int, timeout_s: float | None = None) -> bool:
    """Whether a process ends in that time, with all of its threads: while one runs, files stay open and locked."""
    return bool(select.select([process], [], [], timeout_s)[0])


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(process, signal.SIGKILL)
    _ends(process)


def _disk(device: str, name: str, options: str) -> list[str]:
    return ["-drive", f"if=none,id={name},{options}", "-device", f"{device},drive={name}"]


def _with_id(end: str, name: str) -> str:
    kind, comma, rest = end.partition(",")
    return f"{kind},id={name}{comma}{rest}"


def speaks(port: int, timeout_s: float = _PATIENCE_S) -> bool:
    """Whether an SSH server answers at a port of this host in that time."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout_s) as connection:
            connection.settimeout(timeout_s)
            return connection.recv(64).startswith(_BANNER)
    except OSError:
        return False
