"""Disks that are plugged into a machine that runs, and pulled out again."""

from __future__ import annotations

from pathlib import Path

from applianced.tools.namespaces import CommandError
from applianced.tools.vm.monitor import monitor
from applianced.tools.vm.qemu import Machine
from tests.support.until import until

LETTING_GO_S = 300


def slots(*names: str) -> tuple[str, ...]:
    """Options of QEMU: places on the bus that take a disk later."""
    ports = (f"pcie-root-port,id={name},chassis={number}" for number, name in enumerate(names, 1))
    return tuple(word for port in ports for word in ("-device", port))


def plug_in(machine: Machine, disk: Path, slot: str) -> None:
    """A raw disk, read-only. The slot is free again after `pull_out`."""
    with monitor(machine.directory) as opened:
        source = {"driver": "file", "filename": str(disk)}
        opened.ask("blockdev-add", driver="raw", node_name=f"in-{slot}", read_only=True, file=source)
        opened.ask("device_add", driver="virtio-blk-pci", id=f"disk-{slot}", drive=f"in-{slot}", bus=slot)


def pull_out(machine: Machine, slot: str) -> None:
    """Returns when the machine has let go of the disk."""

    def gone() -> bool:
        try:
            opened.ask("blockdev-del", node_name=f"in-{slot}")
        except CommandError:
            return False
        return True

    with monitor(machine.directory) as opened:
        opened.ask("device_del", id=f"disk-{slot}")
        until(gone, LETTING_GO_S, interval_s=0.5, what=f"the disk in {slot} is let go of")
