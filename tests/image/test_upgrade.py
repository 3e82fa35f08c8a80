"""The life of a machine: shut down, booted again, upgraded; what it knew stays."""

from __future__ import annotations

from pathlib import Path

from applianced.tools.namespaces import run
from applianced.tools.netconf_client import PREFIXES, SYSTEM
from tests.image.conftest import IMAGE
from tests.image.lab import Lab
from tests.support.until import until

BOOTS_S = 600


def host_name(lab: Lab) -> str:
    with lab.netconf() as session:
        data = session.get_config(f'<system xmlns="{SYSTEM}"><host-name/></system>')
    return str(data.findtext(".//sys:host-name", namespaces=PREFIXES))


def host_key(lab: Lab) -> str:
    scanned = run(["ssh-keyscan", "-t", "ed25519", "-p", str(lab.port), "127.0.0.1"], timeout_s=60).stdout
    assert scanned
    return scanned


def test_the_power_button_shuts_it_down(lab: Lab) -> None:
    with lab.netconf() as session:
        session.push(f'<system xmlns="{SYSTEM}"><host-name>kept</host-name></system>')
    key = host_key(lab)
    lab.machine.shut_down(BOOTS_S)
    assert "Power down" in lab.console(), "it was not the power that was cut"
    lab.boot()
    assert (host_name(lab), host_key(lab)) == ("kept", key)


def test_uefi_boots_the_same_disk(lab: Lab) -> None:
    lab.machine.shut_down(BOOTS_S)
    lab.boot(uefi=True)
    assert host_name(lab) == "kept"


def test_an_upgrade_keeps_configuration_and_keys(lab: Lab) -> None:
    key = host_key(lab)
    lab.machine.shut_down(BOOTS_S)
    lab.boot(disks=[next(Path(IMAGE).glob("*.upgrade.iso")).absolute()])
    until(lambda: "system b is written; starting it" in lab.console(), BOOTS_S)
    lab.machine.await_silence(lab.port, BOOTS_S)
    lab.machine.await_netconf(lab.port, BOOTS_S)
    assert (host_name(lab), host_key(lab)) == ("kept", key)
    until(lambda: "installed already, as b" in lab.console(), BOOTS_S)
