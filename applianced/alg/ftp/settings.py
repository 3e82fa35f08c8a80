"""What an operator can choose about the FTP ALG, and the bounds that nobody can.

Rule: values only.
"""

from __future__ import annotations

from dataclasses import dataclass

from applianced.alg.contract import Limits

LIMITS = Limits()

COMMAND_LIMIT = 2048
"""Octets of a command line with its end. RFC 959 sets none; half of PATH_MAX, more than any real path takes."""

REPLY_LIMIT = 1024
"""Octets of a reply line that are read; the rest of a longer one passes."""

REWRITE_LIMIT = 1024
"""Octets of one rewrite: what leaves changed must fit into a packet, also behind a tunnel."""

FTPS_LIFETIME_S = 86400.0
"""Of the any-port gate of an encrypted session; it ends with the control session anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FtpSettings:
    """Leaves of `security alg ftp`.

    ftps_extension: admit passive data connections of a session that went over to TLS.
    line_break_extension: a data port command or its reply may end in LF alone; otherwise it is refused. Other lines
    that do are counted and pass: they announce nothing.
    allow_mismatch_ip_address: an announced address need not be the speaker's own.
    """

    ftps_extension: bool = False
    line_break_extension: bool = False
    allow_mismatch_ip_address: bool = False
