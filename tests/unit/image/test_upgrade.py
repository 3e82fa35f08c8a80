"""The programs of upgrades: what they do with a disk, and with a system that has not answered yet.

They are run as they are, but for their places, which lie in a folder, and for what only an appliance has.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parents[3] / "vm-image/tree/usr/lib/applianced"
PLACES = ("/var/lib/image", "/run/applianced", "/proc/cmdline", "/sys/")
STAND_INS = {
    "mount": 'for last; do from=${to-}; to=$last; done; [ ! -d "$from" ] || cp "$from"/* "$to"',
    "umount": 'exit "$(cat "$ROOT/umount" 2>/dev/null || echo 0)"',
    "mountpoint": '[ "$1" = -d ] && echo 8:2',
    "sync": ":",
    "fsck.vfat": ":",
    "systemctl": 'echo "$*" >>"$ROOT/asked"',
    "blkid": ":",
}
PARTITIONS = ("boot", "system-a", "system-b", "state")
FORMER, PRESENT, STRANGE = "sums of a\n", "sums of b\n", "sums of neither\n"


class Appliance:
    """System b runs, and a lies beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.image, self.run, self.boot = root / "var/lib/image", root / "run/applianced", root / "run/applianced/boot"
        for folder in (self.image, self.boot / "loader", self.boot / "syslinux", root / "proc", root / "sys/dev/block"):
            folder.mkdir(parents=True)
        (root / "proc/cmdline").write_text("root=PARTLABEL=system-b ro\n")
        for number, name in enumerate(PARTITIONS, 1):
            folder = root / f"sys/block/vda/vda{number}"
            folder.mkdir(parents=True)
            (folder / "uevent").write_text(f"PARTNAME={name}\n")
        (root / "sys/dev/block/8:2").symlink_to(root / "sys/block/vda/vda3")
        for slot, sums in (("a", FORMER), ("b", PRESENT)):
            (self.boot / slot).mkdir()
            (self.boot / slot / "SHA256SUMS").write_text(sums)
        (self.boot / "loader/loader.conf").write_text("timeout 0\ndefault b.conf\n")
        (self.boot / "syslinux/syslinux.cfg").write_text("DEFAULT b\n")
        (self.image / "seeded").write_text("--config first.json\n")
        (root / "bin").mkdir()
        for name, text in STAND_INS.items():
            self._program(root / "bin" / name, f"#!/bin/sh\n{text}\n")

    @staticmethod
    def _program(path: Path, text: str) -> Path:
        path.write_text(text)
        path.chmod(0o755)
        return path

    def runs(self, name: str, *arguments: str) -> tuple[int, str]:
        """A program of the image; its status, and what it said."""
        text = (PROGRAMS / name).read_text()
        for place in PLACES:
            text = text.replace(place, f"{self.root}{place}")
        program = self._program(self.root / name, text)
        environment = {"PATH": f"{self.root / 'bin'}:{os.environ['PATH']}", "ROOT": str(self.root)}
        done = subprocess.run(
            [program, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def takes(self, sums: str) -> tuple[int, str]:
        """A disk with these digests is there."""
        disk = self.root / "sys/class/block/vdb"
        disk.mkdir(parents=True, exist_ok=True)
        (disk / "diskseq").write_text("7\n")
        files = self.root / "disks/vdb"
        files.mkdir(parents=True, exist_ok=True)
        (files / "SHA256SUMS").write_text(sums)
        return self.runs("upgrade", "take", str(files))

    @property
    def on_trial(self) -> bool:
        return (self.image / "trial").exists()

    @property
    def starts(self) -> str:
        """What both boot loaders start."""
        (slot,) = {
            (self.boot / "loader/loader.conf").read_text().split()[-1].removesuffix(".conf"),
            (self.boot / "syslinux/syslinux.cfg").read_text().split()[-1],
        }
        return slot

    @property
    def asked(self) -> list[str]:
        """Of systemctl."""
        path = self.root / "asked"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def appliance(tmp_path: Path) -> Appliance:
    return Appliance(tmp_path)


@pytest.fixture
def tried(appliance: Appliance) -> Appliance:
    """System b has not answered yet."""
    (appliance.image / "trial").write_text("a\n")
    return appliance


@pytest.mark.parametrize(("sums", "slot"), [(PRESENT, "b"), (FORMER, "a")])
def test_while_a_system_is_on_trial_its_own_disk_is_nothing_to_do(tried: Appliance, sums: str, slot: str) -> None:
    """Nor is that of the one before it. A unit that fails would have somebody attach it again."""
    assert tried.takes(sums) == (0, f"the disk's system is installed already, as {slot}\n")
    assert tried.on_trial


def test_while_a_system_is_on_trial_no_other_is_written(tried: Appliance) -> None:
    status, said = tried.takes(STRANGE)
    assert (status, said) == (1, "system b has not answered yet: attach the disk again when it does\n")
    assert (tried.boot / "a/SHA256SUMS").read_text() == FORMER


def test_a_disk_that_is_damaged_changes_nothing(appliance: Appliance) -> None:
    status, said = appliance.takes(f"{'0' * 64}  vmlinuz\n")
    assert status == 1
    assert "the disk's files are not what its SHA256SUMS says: nothing was changed" in said


def test_no_disk_is_taken_by_a_machine_that_is_about_to_start_anew(appliance: Appliance) -> None:
    (appliance.run / "restarting").touch()
    assert appliance.takes(STRANGE) == (0, "")


def test_a_system_that_does_not_answer_is_given_up(tried: Appliance) -> None:
    assert tried.runs("upgrade", "back") == (0, "system b does not answer; going back to a\n")
    assert tried.starts == "a"
    assert not tried.on_trial
    assert tried.asked == ["--no-block reboot"]


def test_a_system_that_has_answered_is_never_given_up(tried: Appliance) -> None:
    assert tried.runs("upgrade", "confirm") == (0, "")
    assert not tried.on_trial
    assert tried.runs("upgrade", "back") == (0, "")
    assert tried.starts == "b"
    assert tried.asked == []


def test_without_a_seed_no_system_is_given_up(tried: Appliance) -> None:
    """A seed that comes, however late, gives it its time anew."""
    (tried.image / "seeded").unlink()
    told = "system b has no seed, without which none answers: its time begins when one is read\n"
    assert tried.runs("upgrade", "back") == (0, told)
    assert tried.on_trial
    (tried.image / "seeded").write_text("--config first.json\n")
    tried.runs("after-seed")
    assert tried.asked == ["--no-block restart applianced-go-back.timer"]
    assert tried.runs("upgrade", "back")[1] == "system b does not answer; going back to a\n"


def test_a_seed_of_a_system_that_is_not_on_trial_begins_no_time(appliance: Appliance) -> None:
    assert appliance.runs("after-seed") == (0, "")
    assert appliance.asked == []


def test_a_system_that_was_chosen_before_its_seed_came_is_the_one_that_stays(appliance: Appliance) -> None:
    """At the boot prompt, while the other one was to be tried."""
    (appliance.image / "trial").write_text("b\n")
    (appliance.boot / "loader/loader.conf").write_text("default a.conf\n")
    (appliance.boot / "syslinux/syslinux.cfg").write_text("DEFAULT a\n")
    told = "system b answers: it is the one that starts from now on\n"
    assert appliance.runs("upgrade", "confirm") == (0, told)
    assert appliance.starts == "b"
    assert not appliance.on_trial
    assert appliance.runs("upgrade", "confirm") == (0, "")


def test_a_system_that_was_given_up_is_confirmed_no_more(tried: Appliance) -> None:
    tried.runs("upgrade", "back")
    assert tried.runs("upgrade", "confirm") == (0, "")
    assert tried.starts == "a"
    assert tried.asked == ["--no-block reboot"]


def test_what_cannot_be_unmounted_does_not_keep_it_from_going_back(tried: Appliance) -> None:
    (tried.root / "bin/mountpoint").write_text('#!/bin/sh\n[ "$1" != -d ] || echo 8:2\n')
    (tried.root / "umount").write_text("32")
    tried.runs("upgrade", "back")
    assert tried.starts == "a"
    assert tried.asked == ["--no-block reboot"]
