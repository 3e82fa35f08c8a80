"""The disk of the image, made of files alone: no loop devices, nothing is mounted, no boot loader runs.

BIOS: the boot record looks for the partition that GPT marks as bootable, in which syslinux lies. UEFI: systemd-boot
lies in the same one. Each of the two system partitions has kernel and initial file system in a folder of it.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from applianced.tools.namespaces import run
from applianced.tools.vm.facts import MIB, SECTOR_OCTETS, Facts, Partition

BOOT_RECORD = Path("/usr/lib/SYSLINUX/gptmbr.bin")
SYSTEMD_BOOT = Path("/usr/lib/systemd/boot/efi/systemd-bootx64.efi")
SLOTS = {"a": "system-a", "b": "system-b"}
"""Folder on the boot partition -> partition of the system."""
CHOICES = ("loader/loader.conf", "syslinux/syslinux.cfg")
"""The files that say which system starts by itself, among those of both boot loaders."""
_COPYING_S = 900.0
_ROOM = 1.06
"""The file system of a system is that much larger than its content."""


def make_disk(facts: Facts, root: Path, boot: Path, raw: Path) -> Path:
    """Write the raw disk; returns the file system of the system, which an upgrade brings.

    root: the system. boot: holds its vmlinuz and initrd. Raises CommandError.
    """
    work = raw.parent
    system = _system(facts, root, work / "system.ext4")
    parts = {
        "boot": _boot_partition(facts, boot, work / "boot.vfat"),
        "system-a": system,
        "state": _state(facts, work / "state.ext4"),
    }
    raw.unlink(missing_ok=True)
    with raw.open("wb") as file:
        file.truncate(facts.disk_mib * MIB)
    run(["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", str(raw)], stdin=_table(facts))
    for name, part in parts.items():
        _put(part, raw, facts.partition(name).start_mib)
    run(["dd", f"if={BOOT_RECORD}", f"of={raw}", "bs=440", "count=1", "conv=notrunc", "status=none"])
    for name in ("boot", "state"):
        parts[name].unlink()
    return system


def take_boot_files(facts: Facts, raw: Path, tree: Path) -> Path:
    """Copy all that the boot partition of a raw disk holds, those files of boot loaders too that they install
    themselves. Raises CommandError.
    """
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    run(["mcopy", "-s", "-n", "-i", f"{raw}@@{facts.partition('boot').start_mib}M", "::/*", str(tree)])
    # FAT has none: these are of whoever copies.
    run(["chmod", "-R", "u=rwX,go=rX", str(tree)])
    return tree


def make_upgrade(system: Path, boot: Path, iso: Path, level: int = 10) -> None:
    """A disk that upgrades a running appliance: a system for the other partition. Raises CommandError.

    level: of zstd.
    """
    tree = iso.with_suffix(".tree")
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    for name in ("vmlinuz", "initrd"):
        shutil.copy(boot / name, tree / name)
    run(["zstd", "-q", f"-{level}", "-T0", str(system), "-o", str(tree / f"{system.name}.zst")], timeout_s=_COPYING_S)
    sums = {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in sorted(tree.iterdir())}
    (tree / "SHA256SUMS").write_text("".join(f"{digest}  {name}\n" for name, digest in sums.items()))
    make_iso(tree, iso, "APUPGRADE")
    shutil.rmtree(tree)


def make_iso(tree: Path, iso: Path, label: str) -> Path:
    """A disk with the files of a folder. Raises CommandError."""
    iso.unlink(missing_ok=True)
    run(["xorriso", "-as", "mkisofs", "-quiet", "-V", label, "-J", "-r", "-o", str(iso), str(tree)], timeout_s=300)
    return iso


def compress(raw: Path, qcow2: Path) -> None:
    """The same disk as qcow2. Raises CommandError."""
    form = ["-c", "-O", "qcow2", "-o", "compression_type=zstd"]
    run(["qemu-img", "convert", *form, str(raw), str(qcow2)], timeout_s=_COPYING_S)


def _put(part: Path, raw: Path, start_mib: int) -> None:
    where = ["bs=1M", f"seek={start_mib}", "conv=notrunc,sparse", "status=none"]
    run(["dd", f"if={part}", f"of={raw}", *where], timeout_s=_COPYING_S)


def _table(facts: Facts) -> str:
    lines = ["label: gpt", f"label-id: {facts.table_id}", f"sector-size: {SECTOR_OCTETS}"]
    for each in facts.partitions:
        attributes = ', attrs="LegacyBIOSBootable"' if each.bios_bootable else ""
        sectors = MIB // SECTOR_OCTETS
        lines.append(
            f"start={each.start_mib * sectors}, size={each.size_mib * sectors}, type={each.type}, uuid={each.id},"
            f' name="{each.name}"{attributes}'
        )
    return "\n".join([*lines, ""])


def _ext4(facts: Facts, partition: Partition, path: Path, size_mib: int, *options: str) -> Path:
    path.unlink(missing_ok=True)
    extended = f"root_owner=0:0,hash_seed={facts.table_id},lazy_itable_init=0,lazy_journal_init=0,nodiscard"
    fixed = ["-q", "-t", "ext4", "-L", partition.name[:16], "-U", partition.id, "-E", extended]
    dated = {"E2FSPROGS_FAKE_TIME": str(facts.epoch)}
    run(["mke2fs", *fixed, *options, str(path), f"{size_mib}M"], timeout_s=_COPYING_S, environment=dated)
    return path


def _system(facts: Facts, root: Path, path: Path) -> Path:
    used_mib = int(run(["du", "-sm", str(root)]).stdout.split()[0])
    partition = facts.partition("system-a")
    size_mib = min(int(used_mib * _ROOM) + 16, partition.size_mib)
    # It is never written: no journal, nothing reserved.
    return _ext4(facts, partition, path, size_mib, "-m", "0", "-O", "^has_journal", "-d", str(root))


def _state(facts: Facts, path: Path) -> Path:
    partition = facts.partition("state")
    return _ext4(facts, partition, path, partition.size_mib, "-m", "2", "-O", "metadata_csum")


def _boot_partition(facts: Facts, boot: Path, path: Path) -> Path:
    path.unlink(missing_ok=True)
    size_kib = facts.partition("boot").size_mib * 1024
    run(["mkfs.vfat", "--invariant", "-F", "32", "-n", "BOOT", "-C", str(path), str(size_kib)])
    tree = path.with_suffix(".tree")
    shutil.rmtree(tree, ignore_errors=True)
    for name, content in loader_files(facts, "a").items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(content)
    (tree / "EFI/BOOT").mkdir(parents=True)
    shutil.copy(SYSTEMD_BOOT, tree / "EFI/BOOT/BOOTX64.EFI")
    for slot in SLOTS:
        (tree / slot).mkdir()
    for name in ("vmlinuz", "initrd"):
        shutil.copy(boot / name, tree / "a" / name)
    dated = {"SOURCE_DATE_EPOCH": str(facts.epoch)}
    copied = sorted(str(each) for each in tree.iterdir())
    run(["mcopy", "-s", "-i", str(path), *copied, "::"], environment=dated)
    run(["syslinux", "--install", "--directory", "syslinux", str(path)])
    shutil.rmtree(tree)
    return path


def loader_files(facts: Facts, slot: str) -> Mapping[str, str]:
    """The files of both boot loaders by their path on the boot partition; `slot` is what they start by themselves.

    Nobody changes the kernel's arguments at the console: that would be a root shell.
    """
    entries = {each: (f"system {each.upper()}", each, kernel_arguments(facts, each)) for each in SLOTS}
    for each in SLOTS:
        title = f"system {each.upper()}, FORGET EVERYTHING"
        entries[f"reset-{each}"] = (title, each, f"{kernel_arguments(facts, each)} applianced.reset")
    # An octet on the serial line ends the first timeout, and nothing the second: nobody may be there.
    lines = ["SERIAL 0 115200", "PROMPT 1", "TIMEOUT 10", "TOTALTIMEOUT 600"]
    lines += ["ALLOWOPTIONS 0", "IMPLICIT 0", f"DEFAULT {slot}"]
    # On a screen alone: the serial line is not used before the last of these lines was read.
    lines += ["SAY a, b: a system; reset-a, reset-b: it forgets everything"]
    # systemd-boot counts no second time: an octet on the serial line leaves it in its menu for ever, where it counts at
    # all. One that has come before is a key all the same; what forgets everything asks once more.
    files = {"loader/loader.conf": f"timeout 0\ndefault {slot}.conf\neditor no\nconsole-mode keep\n"}
    for number, (label, (title, folder, arguments)) in enumerate(entries.items()):
        lines += [f"LABEL {label}", f"LINUX /{folder}/vmlinuz", f"INITRD /{folder}/initrd", f"APPEND {arguments}"]
        files[f"loader/entries/{label}.conf"] = (
            # Without the key systemd-boot has the last name first.
            f"title {facts.name}: {title}\nsort-key {number}\n"
            f"linux /{folder}/vmlinuz\ninitrd /{folder}/initrd\noptions {arguments}\n"
        )
    files["syslinux/syslinux.cfg"] = "\n".join([*lines, ""])
    return files


def kernel_arguments(facts: Facts, slot: str) -> str:
    """Of the system in a slot."""
    return " ".join([f"root=PARTLABEL={SLOTS[slot]}", *facts.kernel_arguments])
