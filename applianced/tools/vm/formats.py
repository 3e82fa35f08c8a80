"""Descriptions of the machine for other labs, from the same facts: a libvirt domain, a containerlab topology."""

from __future__ import annotations

from pathlib import Path

from lxml import etree

from applianced.tools.vm.facts import Facts

_E = etree.SubElement
POOL = Path("/var/lib/libvirt/images")
"""Where libvirt has disks unless told otherwise; it takes absolute paths only."""


def libvirt_domain(facts: Facts) -> str:
    """A domain for `virsh define` (https://libvirt.org/formatdomain.html), with image and seed in its usual place.

    Its networks are libvirt's `default` for management, and `inside` and `outside`, which are to be made.
    """
    domain = etree.Element("domain", type="kvm")
    _E(domain, "name").text = facts.name
    _E(domain, "memory", unit="MiB").text = str(facts.memory_mib)
    _E(domain, "vcpu").text = str(facts.cpus)
    system = _E(domain, "os")
    _E(system, "type", arch="x86_64", machine="q35").text = "hvm"
    _E(system, "boot", dev="hd")
    features = _E(domain, "features")
    _E(features, "acpi")
    _E(domain, "cpu", mode="host-passthrough")
    _E(domain, "clock", offset="utc")
    devices = _E(domain, "devices")
    disks = (("vda", "qcow2", f"{facts.name}.qcow2", False), ("vdb", "raw", "seed.iso", True))
    for target, kind, file, readonly in disks:
        disk = _E(devices, "disk", type="file", device="disk")
        _E(disk, "driver", name="qemu", type=kind)
        _E(disk, "source", file=str(POOL / file))
        _E(disk, "target", dev=target, bus="virtio")
        if readonly:
            _E(disk, "readonly")
    networks = {"management": "default"}
    for slot, card in enumerate(facts.cards, 16):
        interface = _E(devices, "interface", type="network")
        _E(interface, "mac", address=card.mac)
        _E(interface, "source", network=networks.get(card.name, card.name))
        _E(interface, "model", type="virtio")
        # The image names its cards by their order on the bus.
        _E(interface, "address", type="pci", domain="0x0000", bus="0x00", slot=f"0x{slot:02x}", function="0x0")
    console = _E(devices, "console", type="pty")
    _E(console, "target", type="serial", port="0")
    rng = _E(devices, "rng", model="virtio")
    _E(rng, "backend", model="random").text = "/dev/urandom"
    return etree.tostring(domain, pretty_print=True, encoding="unicode")


def containerlab_topology(facts: Facts, seed: str = "seed.iso") -> str:
    """A topology with the appliance between two hosts (https://containerlab.dev/manual/vrnetlab/).

    `generic_vm` is containerlab's kind for a disk image in a vrnetlab container: the first card is management, the
    others follow as eth1, eth2. seed: beside the topology.
    """
    inside, outside = (card.name for card in facts.cards[1:])
    lines = [
        f"name: {facts.name}",
        "topology:",
        "  nodes:",
        f"    {facts.name}:",
        "      kind: generic_vm",
        f"      image: vrnetlab/{facts.name}:latest",
        f'      binds: ["{seed}:/{seed}:ro"]',
        "      env:",
        f'        QEMU_ADDITIONAL_ARGS: "-drive if=virtio,format=raw,readonly=on,file=/{seed}"',
        f'        QEMU_MEMORY: "{facts.memory_mib}"',
        f'        QEMU_SMP: "{facts.cpus}"',
        "    client:",
        "      kind: linux",
        "      image: alpine:latest",
        "    server:",
        "      kind: linux",
        "      image: alpine:latest",
        "  links:",
        f'    - endpoints: ["client:eth1", "{facts.name}:eth1"]  # {inside}',
        f'    - endpoints: ["server:eth1", "{facts.name}:eth2"]  # {outside}',
    ]
    return "\n".join([*lines, ""])


def write(facts: Facts, directory: Path) -> None:
    """Put both beside the image."""
    (directory / f"{facts.name}.libvirt.xml").write_text(libvirt_domain(facts))
    (directory / f"{facts.name}.clab.yml").write_text(containerlab_topology(facts))
