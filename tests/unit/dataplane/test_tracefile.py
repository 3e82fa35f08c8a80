"""The file that the trace goes to."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from applianced.dataplane.tracefile import TraceFile


def made(path: Path, *, files: int = 3, world_readable: bool = False) -> TraceFile:
    return TraceFile(path, size=100, files=files, world_readable=world_readable)


def test_full_files_move_on(tmp_path: Path) -> None:
    file = made(tmp_path / "t")
    for number in range(12):
        file.write(f"{number:02}" + "x" * 27)
    file.close()
    firsts = {path.name: path.read_text()[:2] for path in tmp_path.iterdir()}
    assert firsts == {"t": "09", "t.0": "06", "t.1": "03"}
    assert all(path.stat().st_size == 90 for path in tmp_path.iterdir())


def test_a_line_longer_than_a_file_is_written_alone(tmp_path: Path) -> None:
    file = made(tmp_path / "t")
    file.write("a")
    file.write("b" * 500)
    file.close()
    assert (tmp_path / "t").stat().st_size == 501


def test_it_goes_on_where_it_ended(tmp_path: Path) -> None:
    for number in range(2):
        file = made(tmp_path / "t")
        file.write(str(number))
        file.close()
    assert (tmp_path / "t").read_text() == "0\n1\n"


def test_who_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        for world_readable, mode in ((True, 0o644), (False, 0o640)):
            file = made(tmp_path / "t", world_readable=world_readable)
            for _ in range(4):
                file.write("x" * 60)
            file.close()
            assert stat.S_IMODE((tmp_path / "t").stat().st_mode) == mode
    finally:
        os.umask(before)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Whoever may write into the directory shall not have other files written."""
    (tmp_path / "other").write_text("kept")
    (tmp_path / "t").symlink_to(tmp_path / "other")
    file = made(tmp_path / "t")
    file.write("x")
    assert file.lost == 1
    assert (tmp_path / "other").read_text() == "kept"


def test_a_place_that_cannot_be_written_costs_the_line(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    file = made(tmp_path / "t")
    file.write("x")
    (tmp_path / "t").rmdir()
    file.write("y")
    file.close()
    assert (file.lost, (tmp_path / "t").read_text()) == (1, "y\n")
