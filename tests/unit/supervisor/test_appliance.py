"""How an appliance comes up, as far as it needs no dataplane."""

from __future__ import annotations

import errno
import os
import pwd
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from applianced.datastore.models import Models
from applianced.datastore.persist import claim
from applianced.datastore.sealed import StorageError
from applianced.errors import DataplaneError
from applianced.supervisor import appliance, dataplane
from applianced.supervisor.management import ManagementOptions

ROOT = os.geteuid() == 0
EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "netns-ftp.json"


class Started:
    """A management that ends at once; what it was given."""

    def __init__(self) -> None:
        self.options = ManagementOptions(state_dir=Path())

    async def __call__(self, options: ManagementOptions, participants: Any, state: Any, models: Models) -> None:
        self.options = options


def options(state_dir: Path, *, config: Path | None = None, port: int | None = 0) -> appliance.Options:
    return appliance.Options(
        namespace="",
        dataplane="none",
        config=config,
        state_dir=state_dir,
        host="127.0.0.1",
        port=port,
        admin_key=None,
        user="nobody" if ROOT else "",
        workers=1,
    )


def run(chosen: appliance.Options, started: Started | None = None) -> ManagementOptions:
    """Start in this process, which stays who and where it is."""
    started, here = started or Started(), Path.cwd()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(appliance, "drop_privileges", lambda user, *capabilities: None)
        try:
            assert appliance.run(chosen, started) == 0
        finally:
            os.chdir(here)
            if started.options.bound:
                started.options.bound.close()
            if started.options.lock is not None:
                os.close(started.options.lock)
    return started.options


def everything(directory: Path) -> list[tuple[str, int, int, int, bytes]]:
    """Name, owner, mode, time of change and content of all that is there."""
    found = []
    for path in (directory, *sorted(directory.rglob("*"))):
        about = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found.append((str(path), about.st_uid, about.st_mode, about.st_ctime_ns, content))
    return found


@pytest.mark.parametrize("port", [0, None])
def test_a_start_on_a_directory_in_use_changes_nothing(tmp_path: Path, port: int | None) -> None:
    state = tmp_path / "state"
    lock = claim(state)
    for name in ("commits", "host-keys", "first"):
        (state / name).mkdir()
        (state / name / "config.json").write_text("the first one's")
    before = everything(state)
    with pytest.raises(StorageError, match=f"{state} is in use by another applianced"):
        run(options(state, config=EXAMPLE, port=port))
    assert everything(state) == before
    os.close(lock)
    run(options(state, config=EXAMPLE))


def test_the_lock_is_held_from_the_start_on(tmp_path: Path) -> None:
    class Asking(Started):
        async def __call__(self, options: ManagementOptions, participants: Any, state: Any, models: Models) -> None:
            await super().__call__(options, participants, state, models)
            with pytest.raises(StorageError, match="in use"):
                claim(tmp_path)

    run(options(tmp_path, config=EXAMPLE, port=None), Asking())
    os.close(claim(tmp_path))


def test_copies_of_the_files_given_are_management_s_alone(tmp_path: Path) -> None:
    state, inbox = tmp_path / "state", tmp_path / "state" / "first"
    inbox.mkdir(parents=True, mode=0o755)
    inbox.chmod(0o755)
    (inbox / "config.json").write_text("of an earlier release")
    (inbox / "config.xml").symlink_to(EXAMPLE)
    given = run(options(state, config=EXAMPLE))
    owner = pwd.getpwnam("nobody").pw_uid if ROOT else os.geteuid()
    assert given.config == Path("first/config.json")
    assert given.shown == {Path(): state, given.config: EXAMPLE}
    assert [path.name for path in inbox.iterdir()] == ["config.json"]
    assert (inbox / "config.json").read_bytes() == EXAMPLE.read_bytes()
    for path, mode in ((inbox, 0o700), (inbox / "config.json", 0o600)):
        about = path.stat()
        assert (stat.S_IMODE(about.st_mode), about.st_uid) == (mode, owner)
    run(options(state))
    assert not list(inbox.iterdir()), "a copy that nobody needs is not kept"
    assert stat.S_IMODE(EXAMPLE.stat().st_mode) & 0o444


def test_a_file_is_no_state_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for state in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageError, match=f"cannot use {state} as state directory: it is no directory; give"):
            run(options(state, config=EXAMPLE))


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(appliance, "_copy_privately", full)
    with pytest.raises(StorageError, match=f"cannot write to {tmp_path}: No space left on device; free space"):
        run(options(tmp_path, config=EXAMPLE))
    other = tmp_path / "other"
    (other / "commits").mkdir(parents=True)
    (other / "commits" / "commit-0000000001.json").write_text("{}")
    given = run(options(other, config=EXAMPLE))
    assert (given.config, given.admin_key) == (None, None), "commits count; one that is full can be reached"


def test_a_dataplane_that_should_run_and_does_not_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataplane, "AWAITED_S", 0.05)
    with pytest.raises(DataplaneError, match=r"nobody answers at dataplane/agent\.sock; start 'applianced dataplane'"):
        run(replace(options(tmp_path, config=EXAMPLE), dataplane="running"))
