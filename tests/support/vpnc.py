"""vpnc in a namespace: an IKEv1 client (aggressive mode, XAUTH) that does no NAT traversal unless it is told to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from applianced.tools.namespaces import Topology
from tests.support.strongswan import NETWORK, SECRET
from tests.support.until import until

DEVICE = "tunnel0"
_SCRIPT = """#!/bin/sh
test "$reason" = connect || exit 0
ip address add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
ip link set "$TUNDEV" mtu 1300 up
ip route add {network} dev "$TUNDEV"
"""


@dataclass(slots=True)
class Vpnc:
    """One client. directory: its own. gateway: its address. user: its name there."""

    topology: Topology
    namespace: str
    directory: Path
    gateway: str
    user: str

    def start(self) -> None:
        """Connect, and wait until there is a tunnel."""
        self.directory.mkdir()
        script = self.directory / "script"
        script.write_text(_SCRIPT.format(network=NETWORK[4]))
        script.chmod(0o755)
        lines = (
            f"IPSec gateway {self.gateway}", "IPSec ID group", f"IPSec secret {SECRET}", f"Xauth username {self.user}",
            f"Xauth password {SECRET}", "IKE Authmode psk", "NAT Traversal Mode none", "Local Port 500",
            "IKE DH Group dh2", "Perfect Forward Secrecy nopfs", f"Script {script}", "No Detach",
            f"Interface name {DEVICE}", f"Pidfile {self.directory / 'pid'}", "Noninteractive",
        )  # fmt: skip
        configuration = self.directory / "vpnc.conf"
        configuration.write_text("\n".join(lines) + "\n")
        with (self.directory / "output").open("w") as output:
            self.topology.popen(
                self.namespace, ["vpnc", "--non-inter", str(configuration)], stdout=output, stderr=output
            )
        until(self.connected, what=f"vpnc has a tunnel: {self.output}", timeout_s=20)

    def connected(self) -> bool:
        """Whether the tunnel's route is there."""
        return DEVICE in self.topology.run(self.namespace, ["ip", "route", "show", NETWORK[4]]).stdout

    @property
    def output(self) -> str:
        """What it said."""
        return (self.directory / "output").read_text(errors="replace")
