"""How long a test is: short in `make test`, long in `make soak`."""

from __future__ import annotations

import os

LONG = os.environ.get("APPLIANCED_SOAK", "") not in ("", "0")
FACTOR = 50
"""So many times as many examples and rounds in the long form."""


def rounds(number: int) -> int:
    """How many examples or rounds, `number` of them in the short form."""
    return number * FACTOR if LONG else number
