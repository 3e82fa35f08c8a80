"""The lines of this process's log, and the last of them, kept in memory for a support bundle: who runs it may send them
anywhere."""

from __future__ import annotations

import logging
import re
from collections import deque

LINES = 2000
LINE_MAX = 1000
"""Characters of one line; a longer one is cut."""
MESSAGE_MAX = 4000
"""Characters of one message, which may name what a client sent."""
_UNPRINTED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class OneLine(logging.Formatter):
    """A message is one line of bounded length, whatever it names; a traceback follows on its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        text = super().formatMessage(record)
        if len(text) > MESSAGE_MAX:
            text = f"{text[:MESSAGE_MAX]}... ({len(text)} characters)"
        return _UNPRINTED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class RecentLines(logging.Handler):
    """A handler that keeps what was logged last."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: deque[str] = deque(maxlen=LINES)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.lines.extend(line[:LINE_MAX] for line in self.format(record).splitlines())
        except Exception:
            self.handleError(record)


def keep_recent(formatter: logging.Formatter) -> None:
    """Keep what is logged from now on in this process and those that it forks."""
    handler = RecentLines()
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)


def recent() -> str:
    """What was kept, a line each; "" when nothing is kept."""
    kept = [handler for handler in logging.getLogger().handlers if isinstance(handler, RecentLines)]
    return "".join(f"{line}\n" for handler in kept for line in list(handler.lines))
