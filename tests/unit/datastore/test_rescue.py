"""The rescue configuration on disk: there, torn, gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from applianced.datastore.rescue import Rescue, Saved
from applianced.datastore.sealed import StorageError
from applianced.errors import ConfigError

SAVED = Saved(time_s=1.5, user="admin", source="192.0.2.1:4711", number=7, body=b'{"a":1}')


def test_it_survives_a_restart_and_is_replaced(tmp_path: Path) -> None:
    Rescue(tmp_path).save(SAVED)
    assert Rescue(tmp_path).load() == SAVED
    assert Rescue(tmp_path).saved == SAVED._replace(body=b"")
    Rescue(tmp_path).save(SAVED._replace(body=b"{}"))
    assert Rescue(tmp_path).load().body == b"{}"


def test_a_torn_one_is_found_out(tmp_path: Path) -> None:
    Rescue(tmp_path).save(SAVED)
    file = tmp_path / "rescue.json"
    content = file.read_bytes()
    for torn in (b"", content[:-1], content.replace(b"7", b'7,"x":1', 1), content.replace(b'"a"', b'"b"')):
        file.write_bytes(torn)
        with pytest.raises(ConfigError, match="save it anew"):
            Rescue(tmp_path).load()


def test_deleting(tmp_path: Path) -> None:
    rescue = Rescue(tmp_path)
    rescue.save(SAVED)
    rescue.delete()
    assert rescue.saved is Rescue(tmp_path).saved is None
    for attempt in (rescue.load, rescue.delete):
        with pytest.raises(ConfigError) as caught:
            attempt()
        assert caught.value.tag == "data-missing"


def test_no_room(tmp_path: Path) -> None:
    Rescue(tmp_path).save(SAVED)
    (tmp_path / "rescue.tmp").mkdir()
    with pytest.raises(StorageError, match="rescue configuration"):
        Rescue(tmp_path).save(SAVED._replace(body=b"{}"))
    assert Rescue(tmp_path).load() == SAVED
