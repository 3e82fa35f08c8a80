"""QEMU's monitor, and what it tells of a machine that does not answer: of a machine without a disk."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from applianced.tools.namespaces import CommandError
from applianced.tools.vm.diagnosis import explain, stands_before_kernel
from applianced.tools.vm.monitor import monitor
from tests.support.until import until


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Path]:
    """The directory of a machine that waits for ever, since nothing is there to boot from."""
    directory = tmp_path / ("long" * 30)
    directory.mkdir()
    argv = ["qemu-system-x86_64", "-accel", "tcg", "-nodefaults", "-display", "none", "-m", "32", "-smp", "2"]
    argv += ["-qmp", "unix:monitor,server=on,wait=off"]
    process = subprocess.Popen(argv, cwd=directory)
    try:
        until(lambda: (directory / "monitor").exists(), 20)
        yield directory
    finally:
        process.kill()
        process.wait()


def test_questions_and_answers(machine: Path) -> None:
    with monitor(machine) as opened:
        assert opened.ask("query-status")["status"] == "running"
        opened.ask("stop")
        assert opened.ask("query-status")["status"] == "paused", "the event in between is no answer"
        assert "paused" in opened.shows("info status")
        with pytest.raises(CommandError, match="QEMU refuses device_del: Device 'none' not found"):
            opened.ask("device_del", id="none")


def test_a_machine_is_explained(machine: Path) -> None:
    (machine / "console.log").write_text("the last words")
    told = explain(machine)
    assert "'running': True" in told
    processors = [line for line in told.splitlines() if line.startswith("processors: ")]
    assert len(processors) == 4
    assert all(line.count("IP=") == 2 and line.count("HLT=") == 2 for line in processors)
    assert "info blockstats:" in told
    assert told.endswith("the end of console.log:\nthe last words")


def test_a_machine_without_a_disk_stands_in_its_firmware(machine: Path) -> None:
    assert stands_before_kernel(machine)


def test_what_is_gone_is_explained_too(tmp_path: Path) -> None:
    told = explain(tmp_path)
    assert "QEMU's monitor says nothing" in told
    assert told.endswith("the end of console.log:\nnot there")
