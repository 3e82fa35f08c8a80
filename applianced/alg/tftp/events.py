"""Everything that the TFTP ALG counts, by name. A request that is refused costs two: its cause and the refusal."""

from __future__ import annotations

_ORDINARY: dict[str, str] = {
    "read": "Read requests that opened a gate",
    "write": "Write requests that opened a gate",
    "options": "Requests with options (RFC 2347)",
    "again": "Requests said again: their gate was renewed",
    "superseded": "Requests that took the place of one before, in the same session",
    "same-port": "Transfers that the server answered from the port it was asked on",
    "error": "ERROR packets of the server, and of the client in transfers on one port",
}

_VIOLATIONS: dict[str, str] = {
    "refused-request": "Requests refused, for any cause",
    "refused-gate": "Requests refused because no gate could be opened",
    "long-request": "Requests over 512 octets (RFC 2347), refused",
    "bad-request": "Requests with a part that does not end or has no name, refused",
    "bad-mode": "Requests with another mode than netascii or octet, or mail to write, refused",
    "bad-option": "Requests with an option twice, or with a value that its RFC does not allow, refused",
    "no-request": "Datagrams to a server that are no request and belong to no transfer, dropped",
    "unasked": "Datagrams of a server that answer no request, dropped",
    "bad-answer": "Datagrams of a server on the port it was asked on that are no answer, dropped",
}

EVENTS: dict[str, str] = {**_ORDINARY, **_VIOLATIONS}
VIOLATIONS = frozenset(_VIOLATIONS)
"""Those that break the protocol or are refused."""
