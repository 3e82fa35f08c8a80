"""Which messages open something: a worker with too much to do goes on with what is open first.

Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

import re

_OPENING = frozenset((b"INVITE", b"REGISTER", b"OPTIONS", b"SUBSCRIBE", b"PUBLISH", b"MESSAGE", b"REFER"))
_LONGEST = max(map(len, _OPENING))
_IN_DIALOG = re.compile(rb"\n(?:to|t)[ \t]*+:[^\n]*?;[ \t]*+tag[ \t]*+=", re.IGNORECASE)


def begins(data: bytes) -> bool:
    """Whether these octets are a request outside any dialog (RFC 3261 12.2: its To has no tag) that opens a call or
    another dialog, or stands alone. One that belongs to such a request, as ACK and CANCEL, is none."""
    end = data.find(b" ", 0, _LONGEST + 1)
    return data[: max(0, end)] in _OPENING and _IN_DIALOG.search(data) is None
