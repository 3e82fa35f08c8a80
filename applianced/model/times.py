"""Times as text.

Rule: nothing here performs I/O or reads a clock.
"""

from __future__ import annotations

from datetime import UTC, datetime


def date_and_time(time_s: float) -> str:
    """yang:date-and-time (RFC 6991 3) of a wall clock time, in UTC with milliseconds."""
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
