"""The command line's own readings."""

from __future__ import annotations

import pytest

from applianced.errors import ConfigError
from applianced.main import _address


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("127.0.0.1:8830", ("127.0.0.1", 8830)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("127.0.0.1", ("127.0.0.1", None)),
        ("[::1]:830", ("::1", 830)),
        ("[::1]", ("::1", None)),
        ("2001:db8::1", ("2001:db8::1", None)),
        ("localhost:830", ("localhost", 830)),
    ],
)
def test_where_to_listen(text: str, read: tuple[str, int | None]) -> None:
    assert _address(text) == read


@pytest.mark.parametrize(
    "text", ["", ":830", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "[::1", "[::1]830", "[]:830"]
)
def test_what_is_no_place_to_listen(text: str) -> None:
    with pytest.raises(ConfigError, match="--listen"):
        _address(text)
