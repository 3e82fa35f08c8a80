"""Everything that the FTP ALG counts, by name. A command or reply that is refused costs two: its cause and the refusal.

Rule: a `Note` names nothing that is not here; a test holds it.
"""

from __future__ import annotations

_ORDINARY: dict[str, str] = {
    # What was announced, and a gate opened for it
    "port": "PORT commands that opened a gate",
    "eprt": "EPRT commands that opened a gate",
    "lprt": "LPRT commands that opened a gate",
    "pasv": "227 replies to PASV that opened a gate",
    "epsv": "229 replies to EPSV that opened a gate",
    "lpsv": "228 replies to LPSV that opened a gate",
    "epsv-all": "Sessions that agreed on EPSV alone (EPSV ALL)",
    "tls": "Sessions handed over after AUTH was accepted",
    "tls-implicit": "Sessions that began with TLS, handed over",
    "ftps-gate": "Encrypted sessions whose passive data connections were admitted (ftps-extension)",
    "ccc": "CCC commands seen in clear, where they have no meaning",
    "telnet": "Commands preceded by Telnet control sequences",
    "bare-lf": "Lines ended by LF alone",
    "truncated": "Streams that ended inside a line",
}

_VIOLATIONS: dict[str, str] = {
    # What was refused
    "refused-command": "Commands refused, for any cause",
    "refused-reply": "Replies refused, for any cause",
    "refused-binding": "Announcements refused because no outside port was to be had",
    "refused-gate": "Announcements refused because no gate could be opened",
    "refused-epsv-only": "Data port commands refused after EPSV ALL",
    "refused-not-ftp": "Data port commands refused in a session that has carried something else than FTP",
    "bounce": "Announcements of an address that is not the speaker's own, refused",
    "foreign-address": "Announcements of an address that is not the speaker's own, let through",
    "port-zero": "Announcements of port 0, refused",
    "privileged-port": "Announcements of a port below 1024, refused",
    "family": "Announcements whose translation does not fit their form, refused",
    # What broke the protocol
    "bad-port": "PORT commands with a syntax error, refused",
    "bad-eprt": "EPRT commands with a syntax error, refused",
    "bad-lprt": "LPRT commands with a syntax error, refused",
    "bad-pasv": "PASV commands with a syntax error, refused",
    "bad-epsv": "EPSV commands with a syntax error, refused",
    "bad-lpsv": "LPSV commands with a syntax error, refused",
    "bad-227": "227 replies with a syntax error, refused",
    "bad-228": "228 replies with a syntax error, refused",
    "bad-229": "229 replies with a syntax error, refused",
    "bad-command": "Lines of the client that are no command",
    "bad-reply": "Lines of the server that are no reply",
    "long-command": "Command lines over the limit, refused",
    "long-reply": "Reply lines over the limit, passed unread",
    "reply-mismatch": "Replies that answer no command, or not the oldest",
    "pipeline": "Commands forgotten because too many were unanswered",
}

EVENTS: dict[str, str] = {**_ORDINARY, **_VIOLATIONS}
VIOLATIONS = frozenset(_VIOLATIONS)
"""Those that break the protocol or are refused."""
