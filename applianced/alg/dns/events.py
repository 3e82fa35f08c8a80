"""Everything that the DNS ALG counts, by name. A message that is refused costs two: its cause and the refusal."""

from __future__ import annotations

_ORDINARY: dict[str, str] = {
    "doctored": "Replies in which addresses were translated as static NAT does",
    "signed-left": "Replies that would have been translated but are signed: left as they are",
    "oversize": "Messages over maximum-message-length, passed uninspected",
    "forgotten": "Queries forgotten because too many of their session were unanswered",
    "truncated": "Streams that ended inside a message",
}

_VIOLATIONS: dict[str, str] = {
    "refused": "Messages refused, for any cause",
    "oversize-dropped": "Messages over maximum-message-length, dropped (oversize-message-drop)",
    "signed-dropped": "Replies that would have been translated but are signed, dropped (doctoring drop-signed)",
    "short": "Messages shorter than a header",
    "bad-header": "Messages whose header contradicts itself",
    "bad-count": "Messages that end before what their header promises",
    "bad-label": "Names with a label of an unknown type, or over 63 octets",
    "long-name": "Names over 255 octets",
    "bad-pointer": "Compression pointers that do not lead to an earlier place, loops among them",
    "bad-record": "Records whose length does not fit their type",
    "bad-edns": "Messages with more than one OPT record, or one with a name",
    "trailing": "Messages with octets behind their last record",
    "wrong-way": "Replies from a client, queries from a server",
    "unmatched": "Replies that answer no query",
}

EVENTS: dict[str, str] = {**_ORDINARY, **_VIOLATIONS}
VIOLATIONS = frozenset(_VIOLATIONS)
"""Those that break the protocol or are refused."""
