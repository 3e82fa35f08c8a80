"""The list of what the image holds."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from applianced.tools.vm import contents


def test_a_line_for_every_file(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir(mode=0o755)
    (tmp_path / "bin/program").write_bytes(b"octets")
    (tmp_path / "bin/program").chmod(0o750)
    (tmp_path / "link").symlink_to("bin/program")
    owner, digest = f"{os.getuid()}:{os.getgid()}", hashlib.sha256(b"octets").hexdigest()
    assert list(contents.listing(tmp_path, Path("boot"))) == [
        f"drwxr-xr-x {owner} - boot/bin",
        f"lrwxrwxrwx {owner} -> bin/program boot/link",
        f"-rwxr-x--- {owner} {digest} boot/bin/program",
    ]


def test_extended_attributes_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A capability makes of the same octets another program. Not every file system of a builder has them."""
    path = tmp_path / "program"
    path.touch()
    attributes = {"security.capability": b"\x01\x00", "user.note": b"n"}
    monkeypatch.setattr(contents.os, "listxattr", lambda path, *, follow_symlinks: ["user.note", "security.capability"])
    monkeypatch.setattr(contents.os, "getxattr", lambda path, name, *, follow_symlinks: attributes[name])
    (line,) = contents.listing(tmp_path)
    assert line.split()[1] == f"{os.getuid()}:{os.getgid()},security.capability=0100,user.note=6e"
