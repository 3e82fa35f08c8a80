"""Big files arrive whole in every mode and on every kind of path, also when packets are lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from applianced.tools.ftp_server import FtpServer, make_certificate, vsftpd
from applianced.tools.namespaces import PLANS, Plan, Topology
from tests.support.appliance import Appliance
from tests.support.programs import ALL_MODES, Mode

LOSS_PERCENT = 3


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of path. security: what is configured. inside: the server is. tls: explicit, control and data.

    modes: those that can work: what is encrypted cannot be translated.
    """

    name: str
    security: Callable[[Plan], str] | None = None
    inside: bool = False
    tls: bool = False
    modes: tuple[tuple[int, Mode], ...] = ALL_MODES

    def server(self, topology: Topology, appliance: Appliance, directory: Path) -> FtpServer:
        """Configure the appliance, start the server."""
        if self.security:
            for plan in PLANS.values():
                appliance.push(self.security(plan))
        certificate = make_certificate(directory) if self.tls else None
        namespace = topology.client if self.inside else topology.server
        return vsftpd(topology, directory, namespace=namespace, certificate=certificate)
