"""`applianced support-bundle` where no management and no dataplane runs."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from applianced.datastore.persist import CommitLog
from applianced.main import main

FIRST = {"applianced-system:system": {"host-name": "first"}}
SECOND = {"applianced-system:system": {"host-name": "second"}}


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory in use, with two commits."""
    monkeypatch.chdir(tmp_path)
    log = CommitLog(tmp_path / "state")
    for content in (FIRST, SECOND):
        log.stage(time_s=1.0, user="u", source="s", comment="c", body=json.dumps(content).encode()).publish()
    (log.directory / "commit-0000000009.tmp").write_text("under way")
    return tmp_path / "state"


def files_of(bundle: Path) -> dict[str, str]:
    with tarfile.open(bundle) as archive:
        contents = {member.name.partition("/")[2]: archive.extractfile(member) for member in archive.getmembers()}
        return {name: file.read().decode() for name, file in contents.items() if file is not None}


def test_a_bundle_of_what_is_on_disk(state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["support-bundle", "--state-dir", str(state_dir)]) == 0
    said = capsys.readouterr()
    bundle = Path(said.out.strip())
    assert bundle.parent == state_dir.parent
    assert "missing: state.json, kernel, dataplane: dataplane agent (hello): " in said.err
    files = files_of(bundle)
    assert json.loads(files["configuration.json"]) == SECOND
    assert [commit["number"] for commit in json.loads(files["commits.json"])] == [2, 1]
    assert (state_dir / "commits" / "commit-0000000009.tmp").exists(), "a running management's own"


def test_a_torn_commit_is_passed_over(state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (state_dir / "commits" / "commit-0000000002.json").write_text("torn")
    assert main(["support", "--state-dir", str(state_dir), "--output", "bundle"]) == 0, "the short name"
    assert "missing: configuration.json: commit 2" in capsys.readouterr().err
    assert json.loads(files_of(state_dir.parent / "bundle")["configuration.json"]) == FIRST


@pytest.mark.parametrize("made", [[], ["commits"]])
def test_a_directory_without_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], made: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in made:
        (tmp_path / name).mkdir()
    assert main(["support-bundle", "--state-dir", str(tmp_path), "--output", "bundle"]) == 1
    assert capsys.readouterr().err.startswith("applianced: ")
    assert not (tmp_path / "bundle").exists()
    assert main(["support-bundle", "--state-dir", str(tmp_path / "nowhere")]) == 1
