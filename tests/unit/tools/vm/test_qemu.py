"""Which accelerator is chosen, by what happens when a kernel is tried with KVM; and whose process is ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from applianced.tools.vm import qemu
from applianced.tools.vm.facts import read_facts
from applianced.tools.vm.qemu import Machine, accelerator

RECIPE = Path(__file__).parents[4] / "vm-image"
LOCKS = """
import fcntl, os, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print(os.getpid(), file=file, flush=True)
print("locked", flush=True)
sys.stdin.read()
"""
"""What QEMU does with its -pidfile."""


@pytest.mark.parametrize(
    ("act", "device", "chosen"),
    [("exit 0", True, "kvm"), ("exit 1", True, "tcg"), ("exec sleep 60", True, "tcg"), ("exit 0", False, "tcg")],
    ids=["it runs", "it fails", "it hangs", "there is none"],
)
def test_the_accelerator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str, device: bool, chosen: str) -> None:
    program = tmp_path / "qemu-system-x86_64"
    program.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/said\n{act}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(qemu, "_TRYING_S", 0.5)
    monkeypatch.setattr(qemu.os, "access", lambda path, mode: device)
    assert accelerator(tmp_path) == chosen
    if device:
        assert f"-kernel {tmp_path}/vmlinuz -initrd {tmp_path}/initrd" in (tmp_path / "said").read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(read_facts(RECIPE), tmp_path / "vm")


@contextmanager
def process(code: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """One that runs until its input ends."""
    words = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as made:
        try:
            yield made
        finally:
            made.kill()


def test_the_machine_s_own_process_is_ended(machine: Machine) -> None:
    with process(LOCKS, str(machine.directory / "qemu.pid")) as own:
        assert own.stdout is not None
        assert own.stdout.readline() == b"locked\n"
        assert machine.process_id == own.pid
        machine.power_cut()
        assert own.wait(timeout=0) == -9, "it has ended when this returns"
    assert machine.process_id == 0


def test_a_machine_that_hears_no_button_is_ended_when_the_time_is_over(machine: Machine) -> None:
    with process(LOCKS, str(machine.directory / "qemu.pid")) as own:
        assert own.stdout is not None
        assert own.stdout.readline() == b"locked\n"
        machine.shut_down(timeout_s=0.2)
        assert own.wait(timeout=0) == -9


def test_a_stranger_with_the_number_of_a_machine_that_is_gone_is_left_alone(machine: Machine) -> None:
    """A power cut, or one of the host, leaves the file."""
    with process("import sys; sys.stdin.read()") as stranger:
        (machine.directory / "qemu.pid").write_text(f"{stranger.pid}\n")
        assert machine.process_id == 0
        machine.shut_down(timeout_s=0.2)
        machine.power_cut()
        assert stranger.poll() is None


def test_a_number_that_became_a_stranger_s_meanwhile_is_left_alone(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with process("import sys; sys.stdin.read()") as stranger:
        answers = iter([stranger.pid, 0])
        monkeypatch.setattr(Machine, "process_id", property(lambda _: next(answers)))
        machine.power_cut()
        assert stranger.poll() is None


def test_a_machine_without_files_does_not_run(machine: Machine) -> None:
    assert machine.process_id == 0
    machine.power_cut()
