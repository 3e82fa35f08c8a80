"""The command line's own readings."""

from __future__ import annotations

from pathlib import Path

import pytest

from applianced.errors import ConfigError
from applianced.main import _address, main


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


def test_a_file_may_have_the_name_of_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "serve").write_text("{}")
    assert main(["--log-level", "error", "compile", "serve", "--policy-only"]) == 0
    assert "table inet rules" in capsys.readouterr().out
