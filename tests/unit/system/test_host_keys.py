"""Host keys: kept, made, and what a power cut or a careless hand left of them."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from applianced.errors import ConfigError
from applianced.netconf.ssh import _generate, _is_private_key
from applianced.system.host_keys import ALGORITHMS, load_or_create


def load(directory: Path) -> list[bytes]:
    return [file.read_bytes() for file in load_or_create(directory, _generate, _is_private_key)]


def test_made_once_private_and_kept(tmp_path: Path) -> None:
    first = load(tmp_path)
    assert all(_is_private_key(key) for key in first)
    assert load(tmp_path) == first
    directory = tmp_path / "host-keys"
    assert sorted(path.name for path in directory.iterdir()) == sorted(ALGORITHMS)
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}


@pytest.mark.parametrize("left", [b"", b"\0" * 400, b"\n"])
def test_an_empty_one_is_made_again_and_said_loudly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, left: bytes
) -> None:
    first = load(tmp_path)
    file = tmp_path / "host-keys" / ALGORITHMS[0]
    file.write_bytes(left)
    with caplog.at_level(logging.WARNING):
        again = load(tmp_path)
    assert again[0] != first[0]
    assert again[1] == first[1]
    assert str(file) in caplog.text
    assert "NEW HOST KEY" in caplog.text
    assert file.with_suffix(".empty").read_bytes() == left
    assert load(tmp_path) == again


@pytest.mark.parametrize("left", [b"junk", None])
def test_a_damaged_one_is_an_error_and_not_touched(tmp_path: Path, left: bytes | None) -> None:
    whole = load(tmp_path)[1]
    torn = whole[:100] if left is None else left
    file = tmp_path / "host-keys" / ALGORITHMS[1]
    file.write_bytes(torn)
    with pytest.raises(ConfigError, match=f"the host key {file} is damaged: put it back from a copy, or remove"):
        load(tmp_path)
    assert file.read_bytes() == torn


def test_a_key_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "host-keys" / f"{ALGORITHMS[0]}.tmp").mkdir(parents=True)
    with pytest.raises(ConfigError, match=f"cannot write the host key {tmp_path}/host-keys/{ALGORITHMS[0]}: Is a"):
        load(tmp_path)
