"""A topology with the appliance on it and PPTP through it, and what a test wants to know of it."""

from __future__ import annotations

from typing import NamedTuple

from lxml import etree

from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import Topology
from tests.support.appliance import Appliance
from tests.support.pptp_programs import Links
from tests.support.until import until


class Route(NamedTuple):
    topology: Topology
    appliance: Appliance
    links: Links
    translated: bool = True

    def open_gates(self) -> list[etree._Element]:
        return [gate for gate in self.appliance.gates() if not leaf(gate, "closed")]

    def no_gate_is_open(self) -> None:
        until(lambda: not self.open_gates(), 10, what="the gates are closed")
