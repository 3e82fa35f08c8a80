"""Upgrades that go wrong: a damaged disk, disk or power gone meanwhile, a system that does not come up.

After each of them the machine is what it was, and the next upgrade succeeds.
"""

from __future__ import annotations

import hashlib
import random
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from applianced.tools.namespaces import run
from applianced.tools.vm.disk import make_iso, make_upgrade
from applianced.tools.vm.facts import MIB
from applianced.tools.vm.monitor import monitor
from applianced.tools.vm.qemu import Hardware
from tests.image.conftest import IMAGE, opened_lab
from tests.image.hotplug import plug_in, pull_out, slots
from tests.image.lab import BOOTING_S, Lab, Wanted
from tests.support.soak import LONG, rounds
from tests.support.until import until

FIRST, SECOND, THIRD = "slot1", "slot2", "slot3"
WANTED = Wanted(options=slots(FIRST, SECOND, THIRD))
WRITING_S = 600
LATEST = 1.1
"""When the power goes, in terms of the time that writing takes: in its middle, at its end, or just before the machine
starts anew."""
GIVEN_UP_S = 120
"""After so long, instead of a quarter of an hour, the broken system is given up."""
FAST = 1
"""Level of zstd: these disks are read once."""
UNITS = "/usr/lib/systemd/system"
RUNS = ", system {}"
REFUSED = "the disk's files are not what its SHA256SUMS says: nothing was changed"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Its disks take hundreds of megabytes."""
    directory = tmp_path_factory.mktemp("upgrades")
    yield directory
    shutil.rmtree(directory)


def good_disk() -> Path:
    return next(Path(IMAGE).glob("*.upgrade.iso")).absolute()


def files_of(iso: Path, tree: Path) -> Path:
    run(["xorriso", "-osirrox", "on", "-indev", str(iso), "-extract", "/", str(tree)], timeout_s=120)
    run(["chmod", "-R", "u+w", str(tree)])
    return tree


def damaged_disk(work: Path) -> Path:
    """One octet of the system is another one."""
    tree = files_of(good_disk(), work / "damaged")
    with (tree / "system.ext4.zst").open("r+b") as file:
        file.seek(1 << 20)
        (octet,) = file.read(1)
        file.seek(1 << 20)
        file.write(bytes([octet ^ 1]))
    return make_iso(tree, work / "damaged.iso", "APUPGRADE")


def changed_disk(work: Path, name: str, changes: Sequence[tuple[str, str, str]]) -> Path:
    """The image's system with lines of units changed. changes: unit, pattern, what takes its place."""
    tree = files_of(good_disk(), work / name)
    system = work / "system.ext4"
    run(["zstd", "-q", "-d", "-f", str(tree / "system.ext4.zst"), "-o", str(system)], timeout_s=120)
    for unit, pattern, line in changes:
        _change(system, unit, pattern, line)
    iso = work / f"{name}.iso"
    make_upgrade(system, tree, iso, FAST)
    shutil.rmtree(tree)
    return iso


def _change(system: Path, unit: str, pattern: str, line: str) -> None:
    """Replace a line of a unit in a file system that is not mounted."""
    text = run(["debugfs", "-R", f"cat {UNITS}/{unit}", str(system)]).stdout
    changed, count = re.subn(rf"(?m)^{pattern}$", line, text)
    assert count == 1, f"{unit}: {text}"
    local = system.with_name(unit)
    local.write_text(changed)
    for request in (f"rm {UNITS}/{unit}", f"write {local} {UNITS}/{unit}"):
        run(["debugfs", "-w", "-R", request, str(system)])
    assert run(["debugfs", "-R", f"cat {UNITS}/{unit}", str(system)]).stdout == changed


def identity(lab: Lab) -> tuple[str, str]:
    """What an upgrade keeps: a leaf of the configuration, a host key."""
    return lab.host_name(), lab.host_key()


def on_disk(lab: Lab, work: Path) -> dict[str, str]:
    """Digests of every file on the boot partition, and of the partitions of both systems, as the machine left them."""
    raw, facts = work / "whole.raw", lab.machine.facts
    with monitor(lab.machine.directory, timeout_s=60) as opened:
        opened.ask("stop")
        try:
            # What QEMU itself still holds back, too.
            opened.shows("qemu-io system flush")
            run(["qemu-img", "convert", "-U", "-O", "raw", str(lab.machine.disk), str(raw)], timeout_s=300)
        finally:
            opened.ask("cont")
    found = {}
    for name in ("system-a", "system-b"):
        partition = facts.partition(name)
        with raw.open("rb") as file:
            file.seek(partition.start_mib * MIB)
            found[name] = hashlib.sha256(file.read(partition.size_mib * MIB)).hexdigest()
    boot = work / "boot"
    shutil.rmtree(boot, ignore_errors=True)
    boot.mkdir()
    run(["mcopy", "-s", "-n", "-i", f"{raw}@@{facts.partition('boot').start_mib}M", "::/*", str(boot)])
    for path in sorted(boot.rglob("*")):
        found[str(path.relative_to(boot))] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    raw.unlink()
    return found


def test_a_damaged_disk_changes_nothing(lab: Lab, work: Path) -> None:
    lab.name_it("kept")
    who, before = identity(lab), on_disk(lab, work)
    assert {"system-b", "a/vmlinuz", "b", "syslinux/syslinux.cfg"} <= set(before)
    plug_in(lab.machine, damaged_disk(work), FIRST)
    until(lambda: REFUSED in lab.console(), WRITING_S, what="the console says that the disk is damaged")
    pull_out(lab.machine, FIRST)
    assert identity(lab) == who
    assert on_disk(lab, work) == before
    assert "is written" not in lab.console()


def test_the_disk_goes_while_an_upgrade_is_written(lab: Lab) -> None:
    """It is pulled out as soon as something is written; most of it was read before, for its digest."""
    who = identity(lab)
    plug_in(lab.machine, good_disk(), SECOND)
    until(lambda: "system b is being written; system a goes on" in lab.console(), WRITING_S)
    pull_out(lab.machine, SECOND)
    told = "system b could not be written, and system a goes on: attach the disk again"
    until(lambda: told in lab.console(), WRITING_S, what="the console says that it was not written")
    assert identity(lab) == who


NEVER_UP = ("applianced.service", r"ExecStart=.*", "ExecStart=/bin/false")
NEVER_UP_AT_ONCE = (*NEVER_UP[:2], "ExecStart=+/bin/sh -c ': >/run/applianced/answers; exit 1'")
"""The same, and disks are looked at without the minute in which it might answer."""
SOON_GIVEN_UP = ("applianced-go-back.timer", r"OnActiveSec=.*", f"OnActiveSec={GIVEN_UP_S}s")


def systems(lab: Lab) -> tuple[str, str]:
    """The one that runs, the other one."""
    until(lambda: RUNS.format("") in lab.console(), BOOTING_S)
    runs = lab.console().rpartition(RUNS.format(""))[2][:1]
    return runs, "b" if runs == "a" else "a"


class After:
    """What the console shows from now on, or after so many characters since power-on."""

    def __init__(self, lab: Lab, shown: int | None = None) -> None:
        self.lab = lab
        self.shown = len(lab.console()) if shown is None else shown

    def text(self) -> str:
        return self.lab.console()[self.shown :]

    def until(self, *lines: str, timeout_s: float = BOOTING_S) -> None:
        """Each of them, in this order."""
        for line in lines:
            until(partial(self._tells, line), timeout_s, what=f"the console says {line}")
            self.shown += self.text().index(line) + len(line)

    def _tells(self, line: str) -> bool:
        return line in self.text()


@pytest.fixture(scope="module")
def silent(work: Path) -> Path:
    """The disk of a system that never answers."""
    return changed_disk(work, "silent", [NEVER_UP_AT_ONCE, SOON_GIVEN_UP])


@pytest.fixture(scope="module")
def writing() -> list[float]:
    """How long it took to write a system."""
    return []


def disk_of_nothing(work: Path) -> Path:
    """Whose SHA256SUMS says of no file what it is."""
    tree = work / "nothing"
    tree.mkdir(exist_ok=True)
    (tree / "SHA256SUMS").write_text("")
    return make_iso(tree, work / "nothing.iso", "APUPGRADE")


def test_a_system_that_does_not_answer_is_given_up(lab: Lab, silent: Path, work: Path, writing: list[float]) -> None:
    """The former system runs again, with its configuration; the disk is still there, and nothing begins anew."""
    who, (runs, other), console = identity(lab), systems(lab), After(lab)
    plug_in(lab.machine, silent, THIRD)
    console.until(f"system {other} is being written", timeout_s=WRITING_S)
    begun_s = time.monotonic()
    console.until(f"system {other} is written; starting it", timeout_s=WRITING_S)
    writing.append(time.monotonic() - begun_s)
    console.until("applianced is starting")
    # Meanwhile no disk is taken, and its own, which is still there, is none that should be.
    plug_in(lab.machine, disk_of_nothing(work), FIRST)
    begun = console.shown
    After(lab, begun).until(f"the disk's system is installed already, as {other}")
    After(lab, begun).until(f"system {other} has not answered yet: attach the disk again when it does")
    pull_out(lab.machine, FIRST)
    console.until(f"system {other} does not answer; going back to {runs}")
    returns(lab, who, runs, console)
    console.until(f"the disk's system is installed already, as {other}")
    assert "is being written" not in console.text()
    pull_out(lab.machine, THIRD)


def test_the_power_goes_while_an_upgrade_is_written(lab: Lab, work: Path, writing: list[float]) -> None:
    """From a disk that is plugged in, and from one that is there at power-on. Each time it boots, and is who it was."""
    assert writing, "the test before this one measures it"
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    who = identity(lab)
    for number in range(rounds(1)):
        # None that is installed already, if the power went after that was done.
        plugged, there = [another_disk(work, 2 * number + each) for each in range(2)]
        plug_in(lab.machine, plugged, SECOND)
        cut_within(lab, chance, max(writing))
        lab.boot([there])
        assert identity(lab) == who, f"after cut {number}, while one was plugged in"
        cut_within(lab, chance, max(writing))
        lab.boot()
        assert identity(lab) == who, f"after cut {number}, while one was there at power-on"
        plugged.unlink()
        there.unlink()


def another_disk(work: Path, number: int) -> Path:
    """One that is another upgrade by its SHA256SUMS, and as good."""
    tree = files_of(good_disk(), work / f"another-{number}")
    (tree / "number").write_text(f"{number}\n")
    with (tree / "SHA256SUMS").open("a") as sums:
        sums.write(f"{hashlib.sha256((tree / 'number').read_bytes()).hexdigest()}  number\n")
    iso = make_iso(tree, work / f"another-{number}.iso", "APUPGRADE")
    shutil.rmtree(tree)
    return iso


def cut_within(lab: Lab, chance: random.Random, writing_s: float) -> None:
    until(lambda: "is being written" in lab.console(), WRITING_S)
    time.sleep(chance.uniform(0, LATEST * writing_s))  # the moment is the test's subject: nothing is waited for
    lab.machine.power_cut()


def test_the_upgrade_then_succeeds(lab: Lab, work: Path) -> None:
    who, (runs, other), console = identity(lab), systems(lab), After(lab)
    plug_in(lab.machine, good_disk(), SECOND)
    console.until(f"system {other} is being written; system {runs} goes on meanwhile", timeout_s=WRITING_S)
    console.until(f"system {other} is written; starting it", "NETCONF answers")
    returns(lab, who, other, After(lab, 0))
    console.until(f"the disk's system is installed already, as {other}")
    # One that comes while another is being done with is not lost.
    plug_in(lab.machine, disk_of_nothing(work), FIRST)
    console.until(REFUSED)
    for slot in (FIRST, SECOND):
        pull_out(lab.machine, slot)


AT_ONCE_S = 20
"""Where nothing else is to be seen before."""


@pytest.mark.skipif(not LONG, reason="a machine of its own, with three boots; make soak does it")
def test_a_system_whose_seed_comes_late_has_its_time_then(request: pytest.FixtureRequest, work: Path) -> None:
    """Its first time is over before that, and nothing was to be blamed."""
    given_up = ("applianced-go-back.timer", r"OnActiveSec=.*", f"OnActiveSec={AT_ONCE_S}s")
    with opened_lab(request.module, "late") as late:
        late.start([changed_disk(work, "late", [NEVER_UP, given_up])])
        console = After(late, 0)
        console.until("system b is written; starting it", timeout_s=WRITING_S)
        console.until("system b has no seed, without which none answers: its time begins when one is read")
        assert "going back" not in console.text()
        plug_in(late.machine, late.seed, FIRST)
        read = time.monotonic()
        console.until("system b does not answer; going back to a")
        assert time.monotonic() - read >= AT_ONCE_S
        console.until(RUNS.format("a"))
        late.await_netconf(BOOTING_S)


STARTS_ANEW = [
    ("applianced.service", r"Restart=always", "Restart=no"),
    ("applianced.service", r"StartLimitIntervalSec=0", "FailureAction=reboot-force"),
]


@pytest.mark.skipif(not LONG, reason="four more boots; make soak does it")
def test_a_system_that_starts_again_and_again_is_given_up(lab: Lab, work: Path) -> None:
    """After three starts, not in a quarter of an hour."""
    who, (runs, other), console = identity(lab), systems(lab), After(lab)
    plug_in(lab.machine, changed_disk(work, "looping", [NEVER_UP, *STARTS_ANEW]), FIRST)
    console.until(f"system {other} is written; starting it", timeout_s=WRITING_S)
    console.until(f"system {other} was started 3 times and did not answer; going back to {runs}")
    returns(lab, who, runs, console)
    pull_out(lab.machine, FIRST)


@pytest.mark.skipif(not LONG, reason="one more boot; make soak does it")
def test_a_disk_that_stayed_is_not_installed_again(lab: Lab, silent: Path) -> None:
    """Though another one has taken the place of its system. Its controller is seen late: the system's is another."""
    who, (runs, _) = identity(lab), systems(lab)
    lab.wanted = replace(WANTED, hardware=Hardware(more="scsi-hd,bus=scsi.0", controllers=("virtio-scsi-pci,id=scsi",)))
    lab.machine.power_cut()
    lab.boot([silent])
    console = After(lab, 0)
    console.until("the disk's system was installed once: attach the disk again if it is to be installed anew")
    returns(lab, who, runs, After(lab, 0))
    assert "is being written" not in lab.console()


def kernel_disk(work: Path) -> Path:
    """A system whose kernel finds nothing to start."""
    tree = files_of(good_disk(), work / "kernel")
    (tree / "initrd").write_bytes(bytes(1024))
    system = work / "system.ext4"
    run(["zstd", "-q", "-d", "-f", str(tree / "system.ext4.zst"), "-o", str(system)], timeout_s=120)
    iso = work / "kernel.iso"
    make_upgrade(system, tree, iso, FAST)
    shutil.rmtree(tree)
    return iso


@pytest.mark.skipif(not LONG, reason="three more boots; make soak does it")
def test_a_kernel_that_does_not_start_is_left_at_the_boot_prompt(lab: Lab, work: Path) -> None:
    """What is chosen there stays the one that starts."""
    who, (runs, other), console = identity(lab), systems(lab), After(lab)
    plug_in(lab.machine, kernel_disk(work), SECOND)
    console.until(f"system {other} is written; starting it", timeout_s=WRITING_S)
    console.until("Kernel panic", "boot:")
    lab.types(f"{runs}\r")
    console.until(f"system {runs} runs again: it is the one that starts from now on")
    returns(lab, who, runs, console)
    lab.machine.power_cut()
    lab.boot()
    returns(lab, who, runs, After(lab, 0))


def returns(lab: Lab, who: tuple[str, str], system: str, console: After) -> None:
    """This system answers, and is who it was. console: as it is while that system starts."""
    lab.await_netconf(BOOTING_S)
    After(lab, console.shown).until(RUNS.format(system))
    assert identity(lab) == who
