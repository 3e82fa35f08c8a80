"""The folder of support bundles, and what is put into one."""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from applianced.datastore.persist import Commit
from applianced.datastore.sealed import StorageError
from applianced.datastore.secrets import Secrets
from applianced.northbound import bundling
from applianced.northbound.bundles import DIRECTORY, KEPT, BundleFolder, write_bundle
from applianced.northbound.bundling import LIST_MAX, Known, content, shortened
from applianced.northbound.recording import Author
from tests.yang.models import shipped

AUTHOR = Author("admin", "192.0.2.1:4711")
COMMIT = Commit(number=3, time_s=1700000000.0, user="admin", source="192.0.2.1:1", comment="why")


def known(**more: Any) -> Known:
    fields: dict[str, Any] = {"configuration": {}, "commits": [COMMIT], "state": [], "files": {}, "missing": []}
    return Known(**{**fields, **more})


def made(tmp_path: Path, **more: Any) -> bundling.Content:
    return content(Secrets(shipped()), known(**more), tmp_path, AUTHOR)


def test_bundles_are_kept_listed_and_deleted(tmp_path: Path) -> None:
    folder = BundleFolder(tmp_path)
    assert folder.kept() == []
    names = [folder.keep({"a.txt": f"{number}\n", "b/c.txt": "ü\udcff"}).name for number in range(KEPT + 1)]
    assert len(set(names)) == KEPT + 1
    assert {bundle.name for bundle in folder.kept()} == set(names[1:])
    last = folder.find(names[-1])
    assert last is not None
    with tarfile.open(tmp_path / DIRECTORY / last.name) as archive:
        assert all(name.startswith("support-20") for name in archive.getnames())
        members = {member.name.partition("/")[2]: archive.extractfile(member) for member in archive.getmembers()}
        assert {name: file.read() for name, file in members.items() if file} == {
            "a.txt": f"{KEPT}\n".encode(),
            "b/c.txt": "ü\\udcff".encode(),
        }
    whole = (tmp_path / DIRECTORY / last.name).read_bytes()
    assert folder.part(last, 0, 10) + folder.part(last, 10, 1 << 20) == whole
    assert folder.part(last, 1 << 63, 10) == b""
    folder.delete(last)
    assert folder.find(last.name) is None


@pytest.mark.parametrize("name", ["../secret", "secret", "support-20261121T000000Z.tar.gz", ".", ""])
def test_names_that_are_no_bundle(tmp_path: Path, name: str) -> None:
    (tmp_path / DIRECTORY).mkdir()
    (tmp_path / "secret").write_text("x")
    (tmp_path / DIRECTORY / "secret").write_text("x")
    (tmp_path / DIRECTORY / "support-20261121T000000Z.tar.gz").symlink_to(tmp_path / "secret")
    assert BundleFolder(tmp_path).find(name) is None
    assert BundleFolder(tmp_path).kept() == []


def test_what_an_interrupted_one_left_goes(tmp_path: Path) -> None:
    directory = tmp_path / DIRECTORY
    directory.mkdir()
    (directory / "support-20200101T000000Z.tar.gz.tmp").write_text("half")
    BundleFolder(tmp_path).keep({"a": "b"})
    assert [path.suffix for path in directory.iterdir()] == [".gz"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / DIRECTORY).write_text("no folder")
    with pytest.raises(StorageError):
        BundleFolder(tmp_path).keep({"a": "b"})


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    with pytest.raises(FileExistsError):
        write_bundle(tmp_path / "there", "x", {})
    assert (tmp_path / "there").read_text() == "mine"


def test_content(tmp_path: Path) -> None:
    found = made(tmp_path, files={"kernel/x": "text"}, missing=["kernel/y: busy"])
    assert json.loads(found.files["commits.json"])[0]["comment"] == "why"
    assert json.loads(found.files["versions.json"])["made-by"] == {"user": "admin", "source": "192.0.2.1:4711"}
    assert json.loads(found.files["limits.json"])["state-directory"]["total"] > 0
    assert found.files["kernel/x"] == "text"
    assert found.files["missing.txt"] == "kernel/y: busy\n"


def test_a_secret_is_removed_wherever_it_is(tmp_path: Path) -> None:
    user = {"name": "u", "authentication": {"ssh-public-key": ["ssh-rsa uncommon-word"]}}
    configuration = {"applianced-system:system": {"login": {"user": [user]}}}
    found = made(
        tmp_path,
        configuration=configuration,
        state=[{"x": "state of ssh-rsa uncommon-word"}, configuration],
        files={"log": "log of ssh-rsa uncommon-word"},
        missing=["why: ssh-rsa uncommon-word"],
        commits=[replace(COMMIT, comment="ssh-rsa uncommon-word")],
    )
    assert not [name for name, text in found.files.items() if "uncommon-word" in text]
    assert found.missing == ["why: [removed]"]


def test_a_bundle_has_its_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundling, "FILE_MAX", 10_000)
    monkeypatch.setattr(bundling, "CONTENT_MAX", 30_000)
    found = made(tmp_path, files=dict.fromkeys("abcdef", "x" * 20000))
    assert found.files["a"].endswith("[10000 characters left out]\n")
    assert "f" not in found.files
    assert any("the bundle is full" in each for each in found.missing)
    assert sum(map(len, found.files.values())) < 31_000


def test_long_lists_are_cut() -> None:
    assert shortened({"a": [{"b": list(range(LIST_MAX + 5))}]})["a"][0]["b"][-2:] == [LIST_MAX - 1, "5 more"]
    assert shortened([1] * LIST_MAX) == [1] * LIST_MAX
