"""Single lines of an FTP control session: where the verb is, what a refusal looks like, how a line is quoted.

Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

import re

from applianced.alg.actions import Action, Pass, Rewrite

# Telnet commands before a verb (RFC 959 4.1.3 asks for IP and Synch before ABOR; RFC 854 gives their forms).
# A data mark without its IAC is what is left when the IAC went as urgent data and its receiver took it out.
_TELNET = re.compile(rb"(?:\xff[\xf0-\xf9]|\xff[\xfb-\xfe].|\xf2)+", re.DOTALL)
_VERB = re.compile(rb"[A-Za-z][A-Za-z0-9]{0,15}(?=[\x00- ])")
NO_ARGUMENT = re.compile(rb"[^ ]+ *\r?\n")
EPSV_COMMAND = re.compile(rb"[^ ]+(?: +(?:1|2|(ALL)))? *\r?\n", re.IGNORECASE)

REFUSAL = b" Data connection refused by the gateway."

_PRINTABLE = bytes(octet if 0x20 <= octet < 0x7F else ord("?") for octet in range(256))

LF = 0x0A
SPACE = 0x20


def release(line: bytes, released: bytes) -> Action:
    """Let a line go: as it is when `released` is the same, else as that."""
    return Pass(len(line)) if released == line else Rewrite(len(line), released)


def find_verb(line: bytes) -> re.Match[bytes] | None:
    """The verb of a command, behind Telnet commands."""
    telnet = _TELNET.match(line)
    return _VERB.match(line, telnet.end() if telnet else 0)


def refused_reply(line: bytes, *, alone: bool) -> bytes:
    """A refusal of the same length. The last of several lines must keep its code (RFC 959 4.2), and says no more."""
    body = line.rstrip(b"\r\n")
    text = (b"425" if alone else line[:3]) + REFUSAL
    return text[: len(body)].ljust(len(body)) + line[len(body) :]


def quote(line: bytes) -> str:
    """A line as a reason: printable, at most 80 characters, without Telnet commands.

    Only lines that announce something are quoted, and verbs and codes of others: none carries a secret.
    """
    text = line.strip()[:80].decode("latin-1")
    if text.isascii() and text.isprintable():
        return text
    telnet = _TELNET.match(line)
    return line[telnet.end() if telnet else 0 :].strip()[:80].translate(_PRINTABLE).decode("ascii")
