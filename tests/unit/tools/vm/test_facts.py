"""The facts of the image, and what is made from them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lxml import etree

from applianced.tools.vm import disk, formats, system
from applianced.tools.vm.facts import read_facts

ROOT = Path(__file__).parents[4]
UNITS = ROOT / "vm-image/tree/usr/lib/systemd/system"
FACTS = read_facts(ROOT / "vm-image")


def test_partitions_follow_each_other_and_fit() -> None:
    end = 1
    for partition in FACTS.partitions:
        assert partition.start_mib == end
        end += partition.size_mib
    assert end == FACTS.disk_mib - 1, "GPT's copy has the last MiB"
    assert FACTS.partition("system-a").size_mib == FACTS.partition("system-b").size_mib


def test_both_boot_loaders_start_the_same() -> None:
    files = disk.loader_files(FACTS, "b")
    assert "default b.conf" in files["loader/loader.conf"]
    assert "DEFAULT b\n" in files["syslinux/syslinux.cfg"]
    for slot, partition in disk.SLOTS.items():
        arguments = f"root=PARTLABEL={partition} {' '.join(FACTS.kernel_arguments)}"
        assert f"options {arguments}\n" in files[f"loader/entries/{slot}.conf"]
        assert f"INITRD /{slot}/initrd\nAPPEND {arguments}\n" in files["syslinux/syslinux.cfg"]
        assert f"linux /{slot}/vmlinuz" in files[f"loader/entries/reset-{slot}.conf"]


def test_noise_on_the_serial_line_does_not_keep_it_from_booting() -> None:
    files = disk.loader_files(FACTS, "a")
    assert "PROMPT 1\nTIMEOUT 10\nTOTALTIMEOUT 600\n" in files["syslinux/syslinux.cfg"]
    assert "timeout 0\n" in files["loader/loader.conf"], "but for what has come when it starts"


def test_nobody_changes_the_kernel_s_arguments_at_the_console() -> None:
    files = disk.loader_files(FACTS, "a")
    assert "editor no\n" in files["loader/loader.conf"]
    assert "ALLOWOPTIONS 0\nIMPLICIT 0\n" in files["syslinux/syslinux.cfg"]


def test_the_lists_of_packages_are_one() -> None:
    in_image = system.packages(ROOT / "packages.list", ("run", "image"))
    assert {"nftables", "python3", "linux-image-cloud-amd64", "systemd-sysv"} <= set(in_image)
    assert not {"gcc", "python3-dev", "libc6-dev"} & set(in_image)


def test_the_libvirt_domain_has_the_cards_in_order() -> None:
    domain = etree.fromstring(formats.libvirt_domain(FACTS))
    cards = domain.findall("devices/interface")
    assert [card.find("mac").get("address") for card in cards] == [card.mac for card in FACTS.cards]  # type: ignore[union-attr]
    slots = [int(str(card.find("address").get("slot")), 16) for card in cards]  # type: ignore[union-attr]
    assert slots == sorted(slots)
    assert domain.findtext("memory") == str(FACTS.memory_mib)


def test_the_libvirt_domain_names_its_disks_by_absolute_paths() -> None:
    """Libvirt refuses others."""
    domain = etree.fromstring(formats.libvirt_domain(FACTS))
    found = [disk.get("file") for disk in domain.findall("devices/disk/source")]
    assert found == [f"/var/lib/libvirt/images/{name}" for name in (f"{FACTS.name}.qcow2", "seed.iso")]


def test_the_containerlab_topology_connects_inside_and_outside() -> None:
    text = formats.containerlab_topology(FACTS)
    assert f'["client:eth1", "{FACTS.name}:eth1"]  # inside' in text
    assert f'["server:eth1", "{FACTS.name}:eth2"]  # outside' in text


def exposure(unit: str) -> float:
    """What `systemd-analyze security` says of a unit of the image."""
    argv = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(UNITS / unit)]
    said = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    (line,) = (line for line in said.splitlines() if "Overall exposure level" in line)
    return float(line.split(":")[1].split()[0])


def test_management_is_exposed_little() -> None:
    assert exposure("applianced.service") <= 2.0
    assert exposure("applianced-dataplane.service") <= 4.0
