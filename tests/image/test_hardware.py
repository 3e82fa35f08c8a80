"""Other disks and network cards than those of virtio: the system boots from them, and the seed is found on them.

One of them boots for the first time by UEFI, with the menu that a key brings.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from applianced.tools.namespaces import IPV4
from applianced.tools.vm.qemu import Hardware
from tests.image.conftest import opened_lab
from tests.image.lab import BOOTING_S, Lab, Wanted
from tests.support.soak import LONG
from tests.support.until import until

WAITING_S = 300
VIRTIO_SCSI, PVSCSI = "virtio-scsi-pci,id=scsi", "pvscsi,id=scsi"
ON_SCSI, ON_NVME = "scsi-hd,bus=scsi.0", "nvme,serial=1"
BY_UEFI = "nvme-and-pvscsi-and-vmxnet3"
MADE_OF = {
    "virtio-scsi-and-cd": Hardware("pc", ON_SCSI, "ide-cd", controllers=(VIRTIO_SCSI,)),
    BY_UEFI: Hardware("q35", ON_NVME, ON_SCSI, "vmxnet3", (PVSCSI,)),
}
if LONG:
    MADE_OF |= {
        "virtio-blk-and-cd": Hardware("pc", more="ide-cd"),
        "ide-and-virtio-scsi": Hardware("pc", "ide-hd", ON_SCSI, controllers=(VIRTIO_SCSI,)),
        "pvscsi-and-nvme-and-vmxnet3": Hardware("q35", ON_SCSI, ON_NVME, "vmxnet3", (PVSCSI,)),
    }
"""By the device of the system, and of the seed."""
HELD = 20
"""So often a key repeats itself."""
STATUS_LINE = "\x1b[27;01H"
"""The menu has come."""
UP, DOWN = "k", "j"
DRAWING_S = 0.5
"""No key comes meanwhile, or letters are lost again."""


@pytest.fixture(scope="module", params=MADE_OF)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with opened_lab(request.module, request.param) as made:
        made.wanted = replace(Wanted(), hardware=MADE_OF[request.param])
        if request.param == BY_UEFI:
            boot_from_menu(made)
        else:
            made.boot()
        made.configure_addresses()
        yield made


def boot_from_menu(lab: Lab) -> None:
    """By UEFI, a key held at power-on. The menu waits until something is chosen.

    The firmware loses what it writes to the serial line while something comes from there: the menu may have come
    without letters, and is drawn again when another of its lines is chosen.
    """
    lab.start(uefi=True)

    def drawn() -> bool:
        # It looks for one at a moment that nobody knows, and the firmware throws away what came long before.
        lab.types(" " * HELD)
        return STATUS_LINE in lab.console()

    def read() -> bool:
        lab.types(DOWN)
        time.sleep(DRAWING_S)
        lab.types(UP)
        time.sleep(DRAWING_S)
        return "applianced: system A" in lab.console()

    until(drawn, BOOTING_S, what="the menu")
    until(read, BOOTING_S, what="a menu that can be read")
    assert ", system a" not in lab.console()
    lab.types(UP * 3 + "\r")
    lab.await_netconf(BOOTING_S)


@pytest.mark.parametrize("lab", [BY_UEFI], indirect=True)
def test_a_machine_that_has_never_run_before_boots_from_the_menu(lab: Lab) -> None:
    """Its seed is read all the same."""
    until(lambda: ", system a" in lab.console(), BOOTING_S)
    assert lab.host_name() == "appliance", "the name is the seed's"


def test_it_forwards(lab: Lab) -> None:
    """The seed was read, or nobody could have configured it; and its cards have their places."""
    ping = ["ping", "-c1", "-W2", IPV4.server]
    until(lambda: not lab.topology.run(lab.topology.client, ping, check=False).returncode, WAITING_S)


@pytest.mark.skipif(not LONG, reason="one more boot of each; make soak does it")
def test_it_boots_again(lab: Lab) -> None:
    lab.name_it("kept")
    lab.machine.shut_down(WAITING_S)
    lab.boot()
    assert lab.host_name() == "kept"
