"""The life of a machine: shut down, booted again, upgraded; what it knew stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from applianced.tools.namespaces import run
from applianced.tools.netconf_client import PREFIXES, SYSTEM
from applianced.tools.vm.facts import MIB
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


def disk_of_another(lab: Lab) -> Path:
    """Attach a disk with partitions of the names that ours have."""
    path = lab.directory / "another.raw"
    with path.open("wb") as file:
        file.truncate(40 * MIB)
    table = "".join(f'size=8MiB, name="{name}"\n' for name in ("boot", "system-a", "system-b", "state"))
    run(["sfdisk", "--quiet", str(path)], stdin=f"label: gpt\n{table}")
    drive = f"if=none,id=another,format=raw,file={path}"
    lab.wanted = replace(lab.wanted, options=("-drive", drive, "-device", "nvme,drive=another,serial=another"))
    return path


def test_an_upgrade_keeps_configuration_and_keys(lab: Lab) -> None:
    """A disk with partitions of the same names is left alone."""
    key = host_key(lab)
    lab.machine.shut_down(BOOTS_S)
    another = disk_of_another(lab)
    untouched = another.read_bytes()
    lab.boot(disks=[next(Path(IMAGE).glob("*.upgrade.iso")).absolute()])
    until(lambda: "system b is written; starting it" in lab.console(), BOOTS_S)
    lab.machine.await_silence(lab.port, BOOTS_S)
    lab.machine.await_netconf(lab.port, BOOTS_S)
    assert (host_name(lab), host_key(lab)) == ("kept", key)
    until(lambda: "installed already, as b" in lab.console(), BOOTS_S)
    assert another.read_bytes() == untouched
