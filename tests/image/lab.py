"""The image between a client and a server, and NETCONF to it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from applianced.tools import serving
from applianced.tools.namespaces import HOST_INTERFACE, PLANS, Topology, run
from applianced.tools.netconf_client import NetconfClient, connect
from applianced.tools.vm.__main__ import BOOTING_S, seed_files
from applianced.tools.vm.facts import read_facts
from applianced.tools.vm.qemu import Machine, Wiring
from tests.image.taps import tap_in

ROOT = Path(__file__).parents[2]
_INTERFACE = """
<interface><name>{name}</name><type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type>
  <ipv4 xmlns="urn:ietf:params:xml:ns:yang:ietf-ip"><address><ip>{ipv4}</ip><prefix-length>24</prefix-length></address></ipv4>
  <ipv6 xmlns="urn:ietf:params:xml:ns:yang:ietf-ip"><address><ip>{ipv6}</ip><prefix-length>64</prefix-length></address></ipv6>
</interface>
"""  # noqa: E501


class Lab:
    """A machine, whose inside and outside cards end in the client's and the server's namespace."""

    def __init__(self, topology: Topology, directory: Path, image: Path) -> None:
        directory.chmod(0o755)
        self.topology = topology
        self.directory = directory
        self.machine = Machine(read_facts(ROOT / "vm-image"), directory / "vm")
        self.image = image
        self.port = serving.free_port("127.0.0.1")
        self._taps: list[int] = []
        self._seed = Path()

    def open(self) -> None:
        """Make disk, seed, namespaces and their cards."""
        serving.make_admin_key(self.machine.directory)
        public = self.machine.key.with_name("admin.pub").read_text()
        self._seed = self.machine.make_seed(seed_files(public))
        self.machine.make_disk(self.image)
        for namespace in (self.topology.client, self.topology.server):
            run(["ip", "netns", "add", namespace])
            run(["ip", "-n", namespace, "link", "set", "lo", "up"])
            self._taps.append(tap_in(namespace, HOST_INTERFACE))
            self.topology.sysctl(namespace, f"net/ipv6/conf/{HOST_INTERFACE}/accept_dad", "0")
            run(["ip", "-n", namespace, "link", "set", HOST_INTERFACE, "up"])
        for plan in PLANS.values():
            self.topology.add_address(self.topology.client, plan, plan.client)
            self.topology.add_address(self.topology.server, plan, plan.server)
            self.topology.add_route(self.topology.client, plan, "default", plan.lan)

    def boot(self, disks: Sequence[Path] = (), *, uefi: bool = False) -> None:
        """Power on, and return when NETCONF answers."""
        inside, outside = self._taps
        wiring = Wiring(f"tap,fd={inside}", f"tap,fd={outside}", (inside, outside))
        self.machine.start(self.port, wiring, uefi=uefi, disks=disks or [self._seed])
        self.machine.await_netconf(self.port, BOOTING_S)

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

    def console(self) -> str:
        return serving.tail(self.machine.console_log)

    def close(self) -> None:
        """Power off and remove everything."""
        self.machine.power_cut()
        for descriptor in self._taps:
            os.close(descriptor)
        self.topology.close()
