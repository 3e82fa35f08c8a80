"""Session descriptions, read line by line (RFC 8866 9, 3264, 3605, 4975, 5761, 8839, 8843).

Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

from applianced.alg.sdp.description import Description

MEDIA_LIMIT = 32
CANDIDATE_LIMIT = 256


def read(data: bytes, start: int = 0, end: int | None = None) -> Description:
    """The description between two offsets. Lines end with CRLF, or with one of CR and LF alone. Raises ProtocolError bad-sdp: a line that
    is no `x=`, no v= or m= where one must be, an address or port that cannot be read, more media than MEDIA_LIMIT."""
    raise NotImplementedError
