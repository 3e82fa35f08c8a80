"""The life of a machine: shut down, booted again, upgraded; what it knew stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from applianced.tools.namespaces import run
from applianced.tools.vm.diagnosis import stands_before_kernel
from applianced.tools.vm.facts import MIB
from tests.image.conftest import IMAGE
from tests.image.lab import Lab
from tests.support.until import until

BOOTS_S = 600


def test_the_power_button_shuts_it_down(lab: Lab) -> None:
    lab.name_it("kept")
    key = lab.host_key()
    lab.machine.shut_down(BOOTS_S)
    assert "Power down" in lab.console(), "it was not the power that was cut"
    lab.boot()
    assert (lab.host_name(), lab.host_key()) == ("kept", key)


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
    """By UEFI, which boots the same disk. Another disk with partitions of the same names is left alone."""
    who = (lab.host_name(), lab.host_key())
    lab.machine.shut_down(BOOTS_S)
    another = disk_of_another(lab)
    untouched = another.read_bytes()
    lab.boot([next(Path(IMAGE).glob("*.upgrade.iso")).absolute()], uefi=True)
    assert (lab.host_name(), lab.host_key()) == who, "of a, while b is written"
    assert not stands_before_kernel(lab.machine.directory)
    until(lambda: "system b is written; starting it" in lab.console(), BOOTS_S)
    lab.machine.await_silence(lab.port, BOOTS_S)
    lab.await_netconf(BOOTS_S)
    assert (lab.host_name(), lab.host_key()) == who
    until(lambda: "installed already, as b" in lab.console(), BOOTS_S)
    until(lambda: ", system b" in lab.console(), BOOTS_S)
    assert another.read_bytes() == untouched


def test_bios_boots_what_uefi_has_upgraded(lab: Lab) -> None:
    lab.machine.shut_down(BOOTS_S)
    lab.wanted = replace(lab.wanted, options=())
    lab.boot()
    until(lambda: ", system b" in lab.console(), BOOTS_S)
    assert lab.host_name() == "kept"


ASKED = "type yes to have this machine forget everything that it was told"


def test_reset_at_the_boot_prompt_asks_once_more(lab: Lab) -> None:
    """Who does not say yes has chosen a system, which stays the one that starts when it answers."""
    key = lab.host_key()
    lab.machine.power_cut()
    lab.start()
    until(lambda: "boot:" in lab.console(), BOOTS_S)
    lab.types("reset-a\r")
    until(lambda: ASKED in lab.console(), BOOTS_S)
    lab.types("no\r")
    until(lambda: "nothing is forgotten" in lab.console(), BOOTS_S)
    lab.await_netconf(BOOTS_S)
    assert (lab.host_name(), lab.host_key()) == ("kept", key)
    until(lambda: "system a answers: it is the one that starts from now on" in lab.console(), BOOTS_S)


def test_reset_at_the_boot_prompt_forgets_everything(lab: Lab) -> None:
    """The seed, which is still there, makes it a new machine.

    Nobody gets a shell there: neither another kernel than the named ones nor arguments of one are taken.
    """
    key = lab.host_key()
    lab.machine.power_cut()
    lab.start()
    until(lambda: "boot:" in lab.console(), BOOTS_S)
    lab.types("/a/vmlinuz init=/bin/sh\r")
    until(lambda: lab.console().count("boot:") == 2, BOOTS_S)
    lab.types("reset-a init=/bin/sh\r")
    until(lambda: ASKED in lab.console(), BOOTS_S)
    lab.types("yes\r")
    lab.await_netconf(BOOTS_S)
    until(lambda: ", system a" in lab.console(), BOOTS_S)
    assert lab.host_name() != "kept"
    assert lab.host_key() != key
