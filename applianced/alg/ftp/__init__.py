"""The FTP ALG (RFC 959, 1639, 2228, 2428, 4217): data sessions are announced in PORT, EPRT, LPRT and 227, 228, 229.

Where to look: `dialogue` reads one control session; `announcements` finds and writes the six messages that carry an
endpoint; `admission` decides what becomes of one; `exchange` matches replies to commands and keeps the gates; `events`
names everything that is counted.

What it promises
    * A gate always leads to the speaker's own address. An announced address that is not the speaker's own (nor
      0.0.0.0 or ::) is refused; with `allow-mismatch-ip-address` the message passes, and yet no gate leads to it:
      see `Admission.announce`.
    * A refusal keeps the length of the message, so it is possible without NAT too: a command gets a verb that no
      server knows (the client reads the server's 500), a reply becomes a 425.
    * After AUTH TLS nothing can be read. The session is handed over and passes untouched. `ftps-extension` then
      admits the client's passive data connections to this server, on any port, while the control session lives.
    * CCC (RFC 4217 12.3) is sent inside TLS, so it is not seen, and what follows it stays unread: the session has
      left the queue for good. FTPS clients that rely on CCC for NAT need `ftps-extension`, and passive mode.
"""

from __future__ import annotations

from applianced.alg.contract import Descriptor
from applianced.alg.ftp.dialogue import Dialogue
from applianced.alg.ftp.events import EVENTS, VIOLATIONS
from applianced.alg.ftp.settings import LIMITS, FtpSettings
from applianced.model.tuples import TCP

__all__ = ["DESCRIPTOR", "Dialogue", "FtpSettings"]

DESCRIPTOR = Descriptor(
    name="ftp",
    ports=((TCP, 21),),
    streams=Dialogue,
    settings=FtpSettings,
    events=EVENTS,
    violations=VIOLATIONS,
    limits=LIMITS,
)
