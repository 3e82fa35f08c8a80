"""The facts of the image, from vm-image/image.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECIPE = Path("vm-image")
SECTOR_OCTETS = 512
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Partition:
    """start_mib, size_mib: where it lies. type, id: UUIDs of GPT."""

    name: str
    start_mib: int
    size_mib: int
    type: str
    id: str
    bios_bootable: bool


@dataclass(frozen=True, slots=True)
class Card:
    """A network card. name: inside the image. mac: its address."""

    name: str
    mac: str


@dataclass(frozen=True, slots=True)
class Facts:
    """See image.toml. epoch: seconds since 1970 that everything is dated with."""

    name: str
    suite: str
    epoch: int
    memory_mib: int
    cpus: int
    cards: tuple[Card, ...]
    netconf_port: int
    disk_mib: int
    table_id: str
    partitions: tuple[Partition, ...]
    kernel_arguments: tuple[str, ...]

    def partition(self, name: str) -> Partition:
        """Raises KeyError when there is none."""
        for partition in self.partitions:
            if partition.name == name:
                return partition
        raise KeyError(name)


def read_facts(recipe: Path = RECIPE) -> Facts:
    """The facts of a recipe. Raises OSError, KeyError, tomllib.TOMLDecodeError."""
    read = tomllib.loads((recipe / "image.toml").read_text())
    machine, disk = read["machine"], read["disk"]
    prefix = machine["mac_prefix"]
    cards = tuple(Card(name, f"{prefix}:{number:02x}") for number, name in enumerate(machine["interfaces"], 1))
    return Facts(
        name=read["name"],
        suite=read["suite"],
        epoch=read["epoch"],
        memory_mib=machine["memory_mib"],
        cpus=machine["cpus"],
        cards=cards,
        netconf_port=machine["netconf_port"],
        disk_mib=disk["size_mib"],
        table_id=disk["table_id"],
        partitions=_partitions(disk["partitions"], disk["size_mib"]),
        kernel_arguments=tuple(read["kernel"]["arguments"]),
    )


def _partitions(listed: list[dict[str, Any]], disk_mib: int) -> tuple[Partition, ...]:
    """One after the other from 1 MiB on; the last one ends 1 MiB before the disk, where GPT's copy lies."""
    placed, start = [], 1
    for each in listed:
        size = each.get("size_mib", disk_mib - 1 - start)
        placed.append(Partition(each["name"], start, size, each["type"], each["id"], bool(each.get("bios_bootable"))))
        start += size
    return tuple(placed)
