"""The PPTP ALG (RFC 2637): calls are set up over TCP, and each goes through enhanced GRE, told apart by its call ID.

Where to look: `messages` finds and cuts control messages; `control` reads one control connection; `calls` keeps its
calls and their gates; `events` names everything that is counted.

What it promises
    * Each party of a call names an ID under which it takes the call's packets. NAT makes it another one where several
      hosts share an address, so hosts that chose the same ID do not meet; the messages keep their length.
    * A gate always leads to the speaker's own address, for packets of the other party alone. A call has two, one for
      each way; each opens with the message that names its ID, and both close with the call.
    * What breaks the framing or the order of messages ends the control connection, as RFC 2637 3 asks for, and with it
      its gates: nothing behind it can be trusted.
    * A call for which no gate can be opened is answered with `No-Resource` in the server's reply.
"""

from __future__ import annotations

from applianced.alg.contract import Descriptor
from applianced.alg.pptp.control import ControlConnection, PptpSettings
from applianced.alg.pptp.events import EVENTS, VIOLATIONS
from applianced.model.tuples import TCP

__all__ = ["DESCRIPTOR", "ControlConnection", "PptpSettings"]

DESCRIPTOR = Descriptor(
    name="pptp",
    ports=((TCP, 1723),),
    streams=ControlConnection,
    settings=PptpSettings,
    events=EVENTS,
    violations=VIOLATIONS,
)
