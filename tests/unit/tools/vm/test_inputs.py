"""Whether an image is of the sources as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from applianced.tools.vm import inputs
from applianced.tools.vm.inputs import SOURCES, current, digest, record, recorded


@pytest.fixture(name="root")
def _root(tmp_path: Path) -> Path:
    for name in SOURCES:
        path = tmp_path / name if "." in name else tmp_path / name / "file"
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    return tmp_path


def test_the_sources_are_there() -> None:
    assert [name for name in SOURCES if not (Path(__file__).parents[4] / name).exists()] == []


def test_an_image_of_these_sources_is_current_until_one_changes(root: Path) -> None:
    note = root / "origin.json"
    assert not current(note, root), "nothing is noted"
    record(note, digest(root))
    assert current(note, root)
    (root / "applianced/__pycache__").mkdir()
    (root / "applianced/__pycache__/file.pyc").write_text("compiled")
    (root / "docs").write_text("no source")
    assert current(note, root)
    for change in (
        lambda: (root / "vm-image/file").write_text("other"),
        lambda: (root / "vm-image/file").chmod(0o755),
        lambda: (root / "yang/new").touch(),
        lambda: (root / "packages.list").write_text("other"),
    ):
        change()
        assert not current(note, root)
        record(note, digest(root))


def test_what_is_noted_says_when_and_of_what(root: Path) -> None:
    note = root / "origin.json"
    record(note, "0123456789abcdef")
    found = recorded(note)
    assert found is not None
    assert str(found).endswith("sources 0123456789ab")
    assert found.made.endswith("+00:00")
    note.write_text("{}")
    assert recorded(note) is None, "of another version"
    note.write_text("{")
    assert recorded(note) is None


def test_without_git_the_commit_is_unknown(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(root.parent))
    monkeypatch.chdir(root)
    record(root / "origin.json", "0" * 64)
    assert "of commit unknown" in str(inputs.recorded(root / "origin.json"))
