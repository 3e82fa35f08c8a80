"""Interfaces of the namespace."""

from __future__ import annotations

from pathlib import Path

import pytest

from applianced.dataplane.interfaces import Interfaces
from applianced.errors import DataplaneError


def test_one_that_is_not_there_is_named_with_its_place(tmp_path: Path) -> None:
    link = {"name": "no-such-link", "addresses": [], "mtu": None, "enabled": None}
    with pytest.raises(DataplaneError, match="there is no interface no-such-link; the namespace has ") as caught:
        Interfaces(tmp_path).check([link])
    assert caught.value.path == "/ietf-interfaces:interfaces/interface[name='no-such-link']"
