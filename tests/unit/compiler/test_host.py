"""By which interfaces NETCONF comes in."""

from __future__ import annotations

import pytest

from applianced.compiler.host import admits_netconf
from applianced.config.schema import Config, System, Zone


@pytest.mark.parametrize(
    ("zone", "admits"),
    [
        (Zone(name="z", interfaces=("mgmt0",), services=("ping", "netconf")), True),
        (Zone(name="z", interfaces=("mgmt0",), services=("all",)), True),
        (Zone(name="z", interfaces=("mgmt0",), services=("ping", "ssh")), False),
        (Zone(name="z", interfaces=("mgmt0",)), False),
        (Zone(name="z", services=("netconf",)), False),
        (Zone(name="z", interfaces=("ge-0/0/0",), services=("netconf",)), False),
        (Zone(name="z", interfaces=("mgmt0",), interface_services={"mgmt0": ("netconf",)}), True),
        (Zone(name="z", interfaces=("mgmt0",), services=("netconf",), interface_services={"mgmt0": ("ping",)}), False),
        (Zone(name="z", interfaces=("mgmt0",), services=("netconf",), interface_protocols={"mgmt0": ("bgp",)}), False),
    ],
)
def test_netconf_comes_in_where_a_zone_admits_it(zone: Zone, admits: bool) -> None:
    config = Config(zones={"empty": Zone(name="empty"), "z": zone})
    assert admits_netconf(config, ["mgmt0", "inside"]) is admits


@pytest.mark.parametrize(("service", "admits"), [("netconf", True), ("ssh", True), ("http", False)])
def test_what_counts_is_its_port(service: str, admits: bool) -> None:
    zones = {"z": Zone(name="z", interfaces=("mgmt0",), services=(service,))}
    assert admits_netconf(Config(zones=zones, system=System(netconf_port=22)), ["mgmt0"]) is admits
