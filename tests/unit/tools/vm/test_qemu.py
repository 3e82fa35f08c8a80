"""Which accelerator is chosen, by what happens when a kernel is tried with KVM."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from applianced.tools.vm import qemu
from applianced.tools.vm.qemu import accelerator


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
