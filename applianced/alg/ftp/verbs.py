"""Commands and replies as small numbers, looked up by their first octets: the path that nearly every line takes.

Rule: tables only.
"""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """What a command means for data sessions. Fits four bits: a gate's number stands above them in the queue."""

    OTHER = 0
    PASV = 1
    EPSV = 2
    LPSV = 3
    PORT = 4
    EPRT = 5
    LPRT = 6
    TRANSFER = 7
    AUTH = 8
    EPSV_ALL = 9
    CCC = 10


KINDS: dict[bytes, Kind] = {
    b"PASV": Kind.PASV, b"EPSV": Kind.EPSV, b"LPSV": Kind.LPSV,
    b"PORT": Kind.PORT, b"EPRT": Kind.EPRT, b"LPRT": Kind.LPRT,
    b"AUTH": Kind.AUTH, b"CCC": Kind.CCC,
    **dict.fromkeys((b"RETR", b"STOR", b"STOU", b"APPE", b"LIST", b"NLST", b"MLSD"), Kind.TRANSFER),
}  # fmt: skip
"""Verbs that matter; every other is OTHER."""

ACTIVE = frozenset((Kind.PORT, Kind.EPRT, Kind.LPRT))
PASSIVE = frozenset((Kind.PASV, Kind.EPSV, Kind.LPSV))
DATA_PORT = ACTIVE | PASSIVE

ACTIVE_COMMANDS: dict[bytes, Kind] = {b"PORT ": Kind.PORT, b"EPRT ": Kind.EPRT}
"""How nearly every client begins the commands that open active mode."""
ANNOUNCED: dict[Kind, str] = {kind: kind.name.lower() for kind in DATA_PORT}
"""Kind -> the event of an announcement that was granted."""

_PLAIN_VERBS = (
    b"USER", b"PASS", b"ACCT", b"CWD ", b"CDUP", b"SMNT", b"QUIT", b"REIN", b"TYPE", b"STRU", b"MODE", b"ALLO",
    b"REST", b"RNFR", b"RNTO", b"ABOR", b"DELE", b"RMD ", b"MKD ", b"PWD\r", b"SITE", b"SYST", b"STAT", b"HELP",
    b"NOOP", b"FEAT", b"OPTS", b"SIZE", b"MDTM", b"MFMT", b"MLST", b"HOST", b"CLNT", b"LANG", b"PBSZ", b"PROT",
)  # fmt: skip

PLAIN: dict[bytes, int] = {
    **dict.fromkeys(_PLAIN_VERBS, int(Kind.OTHER)),
    **{verb: int(kind) for verb, kind in KINDS.items() if kind is Kind.TRANSFER},
}
"""First four octets, in upper case, of commands that pass without a second look; as numbers, as they are kept."""

LAST_LINES: dict[bytes, int] = {b"%d " % code: code for code in range(100, 700)}
"""First four octets of a reply's only or last line (RFC 959 4.2) -> code."""

ANSWERS: dict[int, Kind] = {227: Kind.PASV, 229: Kind.EPSV, 228: Kind.LPSV, 234: Kind.AUTH, 334: Kind.AUTH}
"""Codes that answer one command only."""
