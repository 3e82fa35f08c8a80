"""The programs of upgrades: what they do with a disk, and with a system that has not answered yet.

They are run as they are, but for their places, which lie in a folder, and for what only an appliance has.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from applianced.tools.vm import disk
from applianced.tools.vm.facts import read_facts

RECIPE = Path(__file__).parents[3] / "vm-image"
PROGRAMS = RECIPE / "tree/usr/lib/applianced"
PLACES = ("/var/lib/image", "/run/applianced", "/proc/cmdline", "/sys/", "/usr/share/applianced/boot")
STAND_INS = {
    "mount": """
for last; do from=${to-}; to=$last; done
[ ! -d "$from" ] || cp "$from"/* "$to"
case "$2" in remount,rw) how=$2 ;; ro,*) how=ro ;; *) how=rw ;; esac
echo "mount $how ${to##*/}" >>"$ROOT/mounts"
grep -qxs "$to" "$ROOT/mounted" || echo "$to" >>"$ROOT/mounted"
""",
    "umount": """
echo "umount ${1##*/}" >>"$ROOT/mounts"
! grep -qxs "${1##*/}" "$ROOT/busy" || exit 32
left=$(grep -vx "$1" "$ROOT/mounted")
echo "$left" >"$ROOT/mounted"
""",
    "mountpoint": 'case "$1" in -d) echo 8:2 ;; -q) grep -qxs "$2" "$ROOT/mounted" ;; esac',
    "sync": 'echo "$*" >>"$ROOT/synced"',
    "fsck.vfat": 'echo check >>"$ROOT/mounts"',
    "systemctl": 'echo "$*" >>"$ROOT/asked"',
    "blkid": ":",
    "chattr": ":",
}
CHOSEN = "system b answers: it is the one that starts from now on\n"
PARTITIONS = ("boot", "system-a", "system-b", "state")
FORMER, PRESENT, STRANGE = "sums of a\n", "sums of b\n", "sums of neither\n"


class Appliance:
    """System b runs, and a lies beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.image, self.run, self.boot = root / "var/lib/image", root / "run/applianced", root / "run/applianced/boot"
        for folder in (self.image, self.boot, root / "proc", root / "sys/dev/block"):
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
        for name, text in disk.loader_files(read_facts(RECIPE), "a").items():
            for folder in (self.boot, root / "usr/share/applianced/boot"):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text)
        self.choose("b")
        (self.image / "seeded").write_text("--config first.json\n")
        (root / "bin").mkdir()
        for name, text in STAND_INS.items():
            self.stands_in(name, text)

    def stands_in(self, name: str, text: str) -> None:
        """For a program of the image."""
        self._program(self.root / "bin" / name, f"#!/bin/sh\n{text}\n")

    @staticmethod
    def _program(path: Path, text: str) -> Path:
        path.write_text(text)
        path.chmod(0o755)
        return path

    def choose(self, slot: str) -> None:
        """What both boot loaders start."""
        files = disk.loader_files(read_facts(RECIPE), slot)
        for name in disk.CHOICES:
            (self.boot / name).write_text(files[name])

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
        """What both boot loaders start; their files say nothing else than before."""
        found = {name: (self.boot / name).read_text() for name in disk.CHOICES}
        (slot,) = [slot for slot in disk.SLOTS if found.items() <= disk.loader_files(read_facts(RECIPE), slot).items()]
        return slot

    @property
    def asked(self) -> list[str]:
        """Of systemctl."""
        return self._lines("asked")

    @property
    def mounts(self) -> list[str]:
        """What was mounted, checked, and unmounted."""
        return self._lines("mounts")

    @property
    def synced(self) -> list[str]:
        return self._lines("synced")

    def _lines(self, name: str) -> list[str]:
        path = self.root / name
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
    appliance.choose("a")
    assert appliance.runs("upgrade", "confirm") == (0, CHOSEN)
    assert appliance.starts == "b"
    assert not appliance.on_trial
    assert appliance.runs("upgrade", "confirm") == (0, "")


def test_a_system_that_was_given_up_is_confirmed_no_more(tried: Appliance) -> None:
    tried.runs("upgrade", "back")
    assert tried.runs("upgrade", "confirm") == (0, "")
    assert tried.starts == "a"
    assert tried.asked == ["--no-block reboot"]


def test_what_cannot_be_unmounted_does_not_keep_it_from_going_back(tried: Appliance) -> None:
    """Nor is it checked while it is mounted."""
    (tried.root / "mounted").write_text(f"{tried.boot}\n")
    (tried.root / "busy").write_text("boot\n")
    tried.runs("upgrade", "back")
    assert tried.starts == "a"
    assert tried.asked == ["--no-block reboot"]
    assert "mount remount,rw boot" in tried.mounts
    assert "check" not in tried.mounts


def test_what_cannot_be_recorded_does_not_keep_it_from_going_back(tried: Appliance) -> None:
    """The state is read-only, say. The former system has to do it."""
    tried.stands_in("rm", 'case "$*" in *image/trial) exit 1 ;; esac; exec /bin/rm "$@"')
    assert tried.runs("upgrade", "back") == (0, "system b does not answer; going back to a\n")
    assert (tried.on_trial, tried.starts, tried.asked) == (True, "a", ["--no-block reboot"])


def test_what_hangs_does_not_keep_it_from_going_back(tried: Appliance) -> None:
    """A disk may, which is being read for an upgrade."""
    tried.stands_in("flock", f'[ "$1 $2" = "-w 300" ] || exit 64; shift 2; exec {shutil.which("flock")} -w 0 "$@"')
    with (tried.run / "upgrade.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        status, said = tried.runs("upgrade", "back")
    assert (status, said.splitlines()[-1]) == (0, "system b does not answer; going back to a")
    assert (tried.on_trial, tried.starts, tried.asked) == (False, "a", ["--no-block reboot"])


def test_a_choice_changes_one_letter_of_each_file_where_it_is(tried: Appliance) -> None:
    """No other file takes its place, and it is never shorter: the power may go in any moment."""
    files = [tried.boot / name for name in disk.CHOICES]
    nodes, folders = [each.stat().st_ino for each in files], [sorted(each.parent.iterdir()) for each in files]
    tried.stands_in("dd", f'echo "$*" >>"$ROOT/written"; exec {shutil.which("dd")} "$@"')
    tried.runs("upgrade", "back")
    assert tried.starts == "a"
    assert [each.stat().st_ino for each in files] == nodes
    assert [sorted(each.parent.iterdir()) for each in files] == folders
    written = (tried.root / "written").read_text().splitlines()
    assert len(written) == 2
    assert all({"bs=1", "conv=notrunc,fsync"} < set(line.split()) for line in written)


@pytest.mark.parametrize("name", disk.CHOICES)
@pytest.mark.parametrize("damaged", ["", "\0" * 512, None])
def test_a_file_of_a_boot_loader_that_is_damaged_is_made_anew(
    appliance: Appliance, name: str, damaged: str | None
) -> None:
    """By the system that answers."""
    if damaged is None:
        (appliance.boot / name).unlink()
    else:
        (appliance.boot / name).write_text(damaged)
    assert appliance.runs("upgrade", "confirm") == (0, CHOSEN)
    assert appliance.starts == "b"
    assert appliance.runs("upgrade", "confirm") == (0, "")


def test_what_starts_already_is_looked_at_and_not_written(appliance: Appliance) -> None:
    assert appliance.runs("upgrade", "confirm") == (0, "")
    assert appliance.mounts == ["mount ro boot", "umount boot"]


def test_what_does_not_start_yet_is_checked_and_written(appliance: Appliance) -> None:
    appliance.choose("a")
    assert appliance.runs("upgrade", "confirm") == (0, CHOSEN)
    assert appliance.starts == "b"
    assert appliance.mounts == ["mount ro boot", "umount boot", "check", "mount rw boot", "umount boot"]


def test_a_disk_that_is_refused_has_nothing_written(appliance: Appliance) -> None:
    appliance.takes(STRANGE)
    assert appliance.mounts == ["mount ro upgrade", "mount ro boot", "umount boot", "umount upgrade"]


@pytest.mark.parametrize("busy", ["", "boot"])
def test_what_was_left_mounted_by_one_that_was_killed_is_not_checked_as_it_is(appliance: Appliance, busy: str) -> None:
    """What can be unmounted is, whether or not the first can."""
    (appliance.root / "mounted").write_text(f"{appliance.boot}\n{appliance.run / 'upgrade'}\n")
    (appliance.root / "busy").write_text(f"{busy}\n")
    appliance.choose("a")
    assert appliance.runs("upgrade", "confirm")[0] == 0
    assert appliance.starts == "b"
    assert appliance.mounts[:2] == ["umount boot", "umount upgrade"]
    assert ("check" in appliance.mounts) == (not busy)


def test_what_was_chosen_in_the_menu_of_uefi_comes_no_longer_first(appliance: Appliance) -> None:
    variables = appliance.root / "sys/firmware/efi/efivars"
    variables.mkdir(parents=True)
    for name in ("LoaderEntryDefault-4a67b082", "LoaderEntrySelected-4a67b082"):
        (variables / name).write_text("")
    assert appliance.runs("upgrade", "confirm") == (0, CHOSEN)
    assert [each.name for each in variables.iterdir()] == ["LoaderEntrySelected-4a67b082"]
    assert appliance.runs("upgrade", "confirm") == (0, "")


def test_a_system_on_trial_that_was_chosen_at_the_boot_prompt_is_the_one_that_stays(tried: Appliance) -> None:
    """The power went when it was written and had not been chosen yet."""
    tried.choose("a")
    assert tried.runs("upgrade", "confirm") == (0, CHOSEN)
    assert (tried.on_trial, tried.starts) == (False, "b")


@pytest.mark.parametrize("ends", ["confirm", "back"])
def test_the_end_of_a_trial_outlives_a_power_cut(tried: Appliance, ends: str) -> None:
    tried.runs("upgrade", ends)
    assert str(tried.image) in tried.synced


def test_a_system_that_is_started_a_fourth_time_is_given_up(tried: Appliance) -> None:
    for _ in range(3):
        assert tried.runs("upgrade", "boot") == (0, "")
        assert (tried.on_trial, tried.starts, tried.asked) == (True, "b", [])
    told = "system b was started 3 times and did not answer; going back to a\n"
    assert tried.runs("upgrade", "boot") == (0, told)
    assert (tried.on_trial, tried.starts, tried.asked) == (False, "a", ["--no-block reboot"])


def test_starts_without_a_seed_are_not_counted(tried: Appliance) -> None:
    (tried.image / "seeded").unlink()
    for _ in range(4):
        assert tried.runs("upgrade", "boot") == (0, "")
    assert (tried.on_trial, tried.starts, tried.asked) == (True, "b", [])
    assert not (tried.image / "trial-boots").exists()


def test_the_former_system_is_the_one_that_starts_when_it_runs_again(appliance: Appliance) -> None:
    """Chosen at the boot prompt, where the other one did not start."""
    (appliance.image / "trial").write_text("b\n")
    appliance.choose("a")
    told = "system b runs again: it is the one that starts from now on\n"
    assert appliance.runs("upgrade", "boot") == (0, told)
    assert (appliance.on_trial, appliance.starts, appliance.asked) == (False, "b", [])
