"""The image between a client and a server, and NETCONF to it."""

from __future__ import annotations

import os
import socket
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from applianced.tools import serving
from applianced.tools.namespaces import HOST_INTERFACE, PLANS, CommandError, Topology, run
from applianced.tools.netconf_client import PREFIXES, SYSTEM, NetconfClient, connect
from applianced.tools.vm.__main__ import seed_files
from applianced.tools.vm.diagnosis import stands_before_kernel
from applianced.tools.vm.facts import read_facts
from applianced.tools.vm.qemu import Hardware, Kernel, Machine, Wiring, accelerator
from tests.image import shell
from tests.image.relay import Relay
from tests.image.shell import Shell
from tests.image.taps import tap_in

ROOT = Path(__file__).parents[2]
MANAGER, MANAGEMENT = "192.0.2.1", "192.0.2.10"
MANAGER_IPV6, MANAGEMENT_IPV6 = "2001:db8:9::1", "2001:db8:9::10"
"""Addresses of the management network: ours, the machine's."""
SHELL_S = 120
TYPING_S = 0.05
BOOTING_S = 400
"""On a machine that does other things, too; a boot that takes so long never ends."""
FIRMWARE_S = 200
"""UEFI's firmware that takes so long never ends."""
NETWORK = f"""
version: 2
ethernets:
  management:
    addresses: [{MANAGEMENT}/24, "{MANAGEMENT_IPV6}/64"]
    routes: [{{to: default, via: {MANAGER}}}]
    nameservers: {{addresses: [{MANAGER}]}}
    mtu: 1400
"""


def seed_with_address(public_key: str) -> dict[str, str]:
    """A seed that gives management its address, where nobody answers DHCP."""
    return {**seed_files(public_key), "network-config": NETWORK}


_INTERFACE = """
<interface><name>{name}</name><type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type>
  <ipv4 xmlns="urn:ietf:params:xml:ns:yang:ietf-ip"><address><ip>{ipv4}</ip><prefix-length>24</prefix-length></address></ipv4>
  <ipv6 xmlns="urn:ietf:params:xml:ns:yang:ietf-ip"><address><ip>{ipv6}</ip><prefix-length>64</prefix-length></address></ipv6>
</interface>
"""  # noqa: E501


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the lab of a module differs from the usual one, which a module says by its WANTED.

    seed: the files of the seed, from the public key of admin. seeded: it is there from power-on.
    managed_by_card: management ends in the namespace of the topology's gateway, not in QEMU's user network; the seed is
    to give it MANAGEMENT. past_loader: QEMU itself loads the kernel. shell: and there is a root shell inside.
    swapped: the card that is second on the bus ends at the server, the third one at the client. options: of QEMU.
    left: files that are in /run from power-on, by their path there; needs shell. hardware: what the machine is made of.
    """

    seed: Callable[[str], Mapping[str, str]] = seed_files
    seeded: bool = True
    managed_by_card: bool = False
    past_loader: bool = False
    shell: bool = False
    swapped: bool = False
    options: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)
    hardware: Hardware = field(default_factory=Hardware)


class Lab:
    """A machine, whose inside and outside cards end in the client's and the server's namespace."""

    def __init__(self, topology: Topology, directory: Path, image: Path, wanted: Wanted | None = None) -> None:
        directory.chmod(0o755)
        self.topology = topology
        self.directory = directory
        self.machine = Machine(read_facts(ROOT / "vm-image"), directory / "vm")
        self.image = image
        self.wanted = wanted or Wanted()
        self.boot_times_s: list[float] = []
        self._taps: dict[str, int] = {}
        self._relay: Relay | None = None
        self._shell: Shell | None = None
        self._attached: Sequence[Path] = ()
        self._uefi = False
        self.port = serving.free_port("127.0.0.1")
        self.seed = Path()

    @property
    def shell(self) -> Shell:
        """Inside; needs Wanted.shell."""
        assert self._shell
        return self._shell

    def open(self) -> None:
        """Make disk, seed, namespaces and their cards."""
        serving.make_admin_key(self.machine.directory)
        public = self.machine.key.with_name("admin.pub").read_text()
        self.seed = self.machine.make_seed(self.wanted.seed(public))
        self.machine.make_disk(self.image)
        managing = [self.topology.gateway] if self.wanted.managed_by_card else []
        for namespace in (self.topology.client, self.topology.server, *managing):
            run(["ip", "netns", "add", namespace])
            run(["ip", "-n", namespace, "link", "set", "lo", "up"])
            self._taps[namespace] = tap_in(namespace, HOST_INTERFACE)
            self.topology.sysctl(namespace, f"net/ipv6/conf/{HOST_INTERFACE}/accept_dad", "0")
            run(["ip", "-n", namespace, "link", "set", HOST_INTERFACE, "up"])
        for plan in PLANS.values():
            self.topology.add_address(self.topology.client, plan, plan.client)
            self.topology.add_address(self.topology.server, plan, plan.server)
            self.topology.add_route(self.topology.client, plan, "default", plan.lan)
        for namespace in managing:
            for address in (f"{MANAGER}/24", f"{MANAGER_IPV6}/64"):
                run(["ip", "-n", namespace, "address", "add", address, "dev", HOST_INTERFACE])
            self._relay = Relay(namespace, MANAGEMENT, self.machine.facts.netconf_port)
            self.port = self._relay.port

    def start(self, disks: Sequence[Path] = (), *, uefi: bool = False) -> None:
        """Power on."""
        self._set_console_aside()
        self._attached, self._uefi = disks, uefi
        self.machine.hardware = self.wanted.hardware
        options = [*self.wanted.options, *(shell.options(self.machine.directory) if self.wanted.shell else ())]
        self.machine.start(
            self.port,
            accelerator(self.image.parent / "boot"),
            self._wiring(),
            uefi=uefi,
            disks=disks or self._disks(),
            kernel=self._kernel(),
            options=options,
        )
        if self.wanted.shell:
            if self._shell:
                self._shell.close()
            self._shell = Shell(self.machine.directory)

    def boot(self, disks: Sequence[Path] = (), *, uefi: bool = False) -> None:
        """Power on, and return when NETCONF answers."""
        started = time.monotonic()
        self.start(disks, uefi=uefi)
        self.await_netconf(BOOTING_S)
        self.boot_times_s.append(time.monotonic() - started)
        if self._shell:
            self._shell.await_ready(SHELL_S)

    def await_netconf(self, timeout_s: float) -> None:
        """Return when NETCONF answers. A machine that stands still in UEFI's firmware is off and on once more, with a
        warning: emulated beside another one, OVMF 2022.11 was seen to serve its timer's interrupts and nothing else."""
        try:
            self.machine.await_netconf(self.port, FIRMWARE_S if self._uefi else timeout_s)
        except CommandError as error:
            if not self._uefi:
                raise
            if self._stands_in_firmware():
                warnings.warn(f"off and on again: {error}", stacklevel=2)
                self.machine.power_cut()
                self.start(self._attached, uefi=self._uefi)
            self.machine.await_netconf(self.port, timeout_s)

    def _stands_in_firmware(self) -> bool:
        """And not in our boot loader, or a kernel that does not restart."""
        since_restart = self.console().rpartition("reboot: Restarting system")[2]
        return "BdsDxe: starting" not in since_restart and stands_before_kernel(self.machine.directory)

    @property
    def _earlier(self) -> Path:
        return self.directory / "earlier.log"

    def _set_console_aside(self) -> None:
        """QEMU begins it anew."""
        if self.machine.console_log.exists():
            with self._earlier.open("ab") as file:
                file.write(self.machine.console_log.read_bytes() + b"\n---- off\n")

    def _disks(self) -> list[Path]:
        return [self.seed] if self.wanted.seeded else []

    def _wiring(self) -> Wiring:
        inside, outside = (f"tap,fd={self._taps[name]}" for name in (self.topology.client, self.topology.server))
        if self.wanted.swapped:
            inside, outside = outside, inside
        managing = self._taps.get(self.topology.gateway)
        management = None if managing is None else f"tap,fd={managing}"
        return Wiring(inside, outside, management, tuple(self._taps.values()))

    def _kernel(self) -> Kernel | None:
        facts, boot = self.machine.facts, self.image.parent / "boot"
        if self.wanted.shell:
            init = ROOT / "vm-image/initrd/init"
            return shell.kernel_with_shell(facts, boot, init, self.machine.directory, self.wanted.left)
        return shell.plain_kernel(facts, boot) if self.wanted.past_loader else None

    @contextmanager
    def netconf(self) -> Iterator[NetconfClient]:
        with connect("127.0.0.1", self.port, self.machine.key) as session:
            yield session

    def configure_addresses(self) -> None:
        """Give the appliance the addresses that the topology expects of its gateway."""
        four, six = PLANS[4], PLANS[6]
        with self.netconf() as session:
            session.push(
                '<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces">'
                + _INTERFACE.format(name="inside", ipv4=four.lan, ipv6=six.lan)
                + _INTERFACE.format(name="outside", ipv4=four.public, ipv6=six.public)
                + "</interfaces>"
            )

    def name_it(self, name: str) -> None:
        """Commit a host-name."""
        with self.netconf() as session:
            session.push(f'<system xmlns="{SYSTEM}"><host-name>{name}</host-name></system>')

    def host_name(self) -> str:
        """Of the running configuration."""
        with self.netconf() as session:
            data = session.get_config(f'<system xmlns="{SYSTEM}"><host-name/></system>')
        return str(data.findtext(".//sys:host-name", namespaces=PREFIXES))

    def host_key(self) -> str:
        """What the SSH server shows who it is by."""
        scanned = run(["ssh-keyscan", "-t", "ed25519", "-p", str(self.port), "127.0.0.1"], timeout_s=60).stdout
        assert scanned
        return scanned

    def console(self) -> str:
        """What it has shown since power-on."""
        return serving.tail(self.machine.console_log)

    def types(self, text: str) -> None:
        """At the serial console, as fast as somebody types: a boot loader loses what comes at once."""
        with socket.socket(socket.AF_UNIX) as console:
            console.connect(os.path.relpath(self.machine.directory / "console"))
            for letter in text:
                console.sendall(letter.encode())
                time.sleep(TYPING_S)

    def keep_logs(self, directory: Path, name: str) -> None:
        """Leave there what the console showed from the first boot on, and what was seen of boots that took long."""
        directory.mkdir(exist_ok=True)
        self._set_console_aside()
        for log, suffix in ((self._earlier, "console.log"), (self.machine.stall_log, "stall.log")):
            kept = directory / f"{name}.{suffix}"
            kept.unlink(missing_ok=True)
            if log.exists():
                kept.write_bytes(log.read_bytes())

    def close(self) -> None:
        """Power off and remove everything."""
        self.machine.power_cut()
        if self._shell:
            self._shell.close()
        if self._relay:
            self._relay.close()
        for descriptor in self._taps.values():
            os.close(descriptor)
        self.topology.close()
