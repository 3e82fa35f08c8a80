"""Whether an announced data session is admitted: bounce defence, binding, gate, and the line that tells of it.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from collections.abc import Generator

from applianced.alg.actions import Action, Bind, CloseGate, Note, OpenGate, Reply
from applianced.alg.ftp.announcements import Announcement
from applianced.alg.ftp.exchange import Exchange
from applianced.alg.ftp.lines import quote
from applianced.alg.ftp.settings import LIMITS, FtpSettings
from applianced.alg.ftp.verbs import ANNOUNCED, Kind
from applianced.model.sessions import ControlSession
from applianced.model.tuples import ORIGINAL, Direction, Endpoint


class Admission:
    """What one control session may have opened.

    public: the address by which the other party knows each speaker, b"" until a binding has told it.
    """

    __slots__ = ("_exchange", "_session", "_settings", "public")

    def __init__(self, settings: FtpSettings, session: ControlSession, exchange: Exchange) -> None:
        self._settings = settings
        self._session = session
        self._exchange = exchange
        self.public = [b"", b""]

    def announce(
        self, speaker: Direction, kind: Kind, found: Announcement, line: bytes
    ) -> Generator[Action, Reply, tuple[int, bytes | None]]:
        """Open a gate for what was announced. Returns its number, 0 for none, and the line to release, None to refuse.

        The gate leads to the speaker's own address, whatever was announced. With `allow-mismatch-ip-address` another
        address passes: when it turns out to be the speaker's public one it is treated as its own; a server's gets a
        gate to the server (clients connect there when 227 names a private address); FXP's gets none, so whether the
        two servers may meet is left to the policy.
        """
        reason = quote(line)
        own = self._session.party(speaker).address
        foreign = any(found.address) and found.address != own
        fault = self._fault(found, foreign=foreign)
        if fault:
            yield Note(fault, reason)
            return 0, None
        if foreign:
            yield Note("foreign-address", reason)
            if self._leads_away(speaker, found.address):
                return 0, line
        inside = Endpoint(own, found.port)
        outside = yield Bind(speaker, inside)
        if not isinstance(outside, Endpoint):
            yield Note("refused-binding", reason)
            return 0, None
        self.public[speaker] = outside.address
        if foreign and self._leads_away(speaker, found.address):
            return 0, line
        elsewhere = foreign and outside.address != found.address
        encoded = b"" if elsewhere or outside == inside else found.encode(outside)
        if encoded is None:
            yield Note("family", reason)
            return 0, None
        for spent in self._exchange.take_spent():
            yield CloseGate(spent)
        gate = yield OpenGate(speaker, inside, outside, reason)
        if not isinstance(gate, int):
            yield Note("refused-gate", reason)
            return 0, None
        yield Note(ANNOUNCED[kind], reason)
        return gate, line[: found.start] + encoded + line[found.end :] if encoded else line

    def _leads_away(self, speaker: Direction, announced: bytes) -> bool:
        """Whether a foreign address is known to lead elsewhere than to the speaker, and no gate can help."""
        public = self.public[speaker]
        if public in (b"", announced):
            return False
        return speaker is ORIGINAL or public != self._session.party(speaker).address

    def _fault(self, found: Announcement, *, foreign: bool) -> str:
        """The event that an announcement is refused with, or ""."""
        if found.port == 0:
            return "port-zero"
        if foreign and not self._settings.allow_mismatch_ip_address:
            return "bounce"
        return "privileged-port" if found.port < LIMITS.lowest_port else ""
