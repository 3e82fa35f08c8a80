"""The command line's own readings."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from applianced.errors import ConfigError
from applianced.main import _address, main
from applianced.supervisor import appliance, watchdog
from applianced.supervisor.dataplane import DataplaneOptions


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


@pytest.fixture(name="started")
def _started(monkeypatch: pytest.MonkeyPatch) -> list[appliance.Options]:
    """What management would be started with."""
    seen: list[appliance.Options] = []

    def run(options: appliance.Options, *_: object) -> int:
        seen.append(options)
        return 0

    monkeypatch.setattr(appliance, "run", run)
    # It would go on keeping the lines of the tests that follow.
    monkeypatch.setattr("applianced.main.keep_recent", lambda _: None)
    return seen


def test_further_options_may_come_later(tmp_path: Path, started: list[appliance.Options]) -> None:
    """Management is loaded while whoever writes them is at work."""
    later = tmp_path / "later"
    thread = threading.Thread(
        target=main, args=[["serve", "--state-dir", "s", "--options", str(later), "--listen", "[::1]"]]
    )
    thread.start()
    thread.join(0.2)
    assert thread.is_alive()
    assert not started
    written = tmp_path / "written"
    written.write_text("--config first.json  # the seed's\n--admin-key 'a b'\n")
    written.rename(later)
    thread.join(5)
    (options,) = started
    assert (options.config, options.admin_key, options.host) == (Path("first.json"), Path("a b"), "::1")


def test_the_dataplane_waits_when_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[DataplaneOptions] = []

    def run(options: DataplaneOptions) -> int:
        began.append(options)
        return 0

    monkeypatch.setattr(watchdog, "run_dataplane", run)
    monkeypatch.setattr("applianced.main.keep_recent", lambda _: None)
    there = tmp_path / "there"
    words = ["dataplane", "--directory", "d", "--management-uid", "1", "--after", str(there)]
    thread = threading.Thread(target=main, args=[words])
    thread.start()
    thread.join(0.2)
    assert thread.is_alive()
    assert not began
    there.touch()
    thread.join(5)
    assert began[0].directory == Path("d")


def test_what_is_no_option_is_refused_as_on_the_command_line(
    tmp_path: Path, started: list[appliance.Options], capsys: pytest.CaptureFixture[str]
) -> None:
    later = tmp_path / "later"
    later.write_text("--no-such")
    with pytest.raises(SystemExit):
        main(["serve", "--state-dir", "s", "--options", str(later)])
    assert "unrecognized arguments: --no-such" in capsys.readouterr().err
    assert not started
