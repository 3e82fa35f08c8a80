"""The last lines of the log."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

import pytest

from applianced.recentlog import LINE_MAX, LINES, MESSAGE_MAX, OneLine, RecentLines, keep_recent, recent


@pytest.fixture
def keeping() -> Iterator[None]:
    root = logging.getLogger()
    keep_recent(logging.Formatter("%(name)s %(levelname)s %(message)s"))
    yield
    for handler in list(root.handlers):
        if isinstance(handler, RecentLines):
            root.removeHandler(handler)


def test_nothing_is_kept_unasked() -> None:
    assert recent() == ""


def test_the_last_lines_are_kept(keeping: None) -> None:
    log = logging.getLogger("applianced.test")
    for number in range(LINES + 5):
        log.error("line %d", number)
    log.error("two\nlines, the second %s", "x" * 2 * LINE_MAX)
    kept = recent().splitlines()
    assert len(kept) == LINES
    assert kept[0] == "applianced.test ERROR line 7"
    assert kept[-2] == "applianced.test ERROR two"
    assert len(kept[-1]) == LINE_MAX


def test_a_line_that_cannot_be_made_costs_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    handler = RecentLines()
    for message, argument in (("%d", "no number"), ("%d", 1)):
        handler.handle(logging.LogRecord("applianced", logging.ERROR, __file__, 1, message, (argument,), None))
    assert list(handler.lines) == ["1"]
    assert "no number" in capsys.readouterr().err


def test_a_message_is_one_line_of_bounded_length() -> None:
    def line(message: str, *values: object) -> str:
        return OneLine("%(levelname)s %(message)s").format(
            logging.LogRecord("n", logging.WARNING, "p", 1, message, values, None)
        )

    assert line("name %s", "a\n2026 forged\x1b[1m \u2028 \u00e9 \ud800") == (
        "WARNING name a\\n2026 forged\\x1b[1m \\u2028 \u00e9 \\ud800"
    )
    long = line("%s", "x" * 10_000_000)
    assert len(long) < MESSAGE_MAX + 40
    assert long.endswith("... (10000008 characters)")


def test_a_traceback_keeps_its_lines() -> None:
    try:
        raise ValueError("a\nb")
    except ValueError:
        record = logging.LogRecord("n", logging.ERROR, "p", 1, "failed", (), sys.exc_info())
    assert OneLine("%(message)s").format(record).startswith("failed\nTraceback (most recent call last):\n")
