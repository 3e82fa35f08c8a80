"""The TFTP ALG (RFC 1350, 2347, 2348, 2349, 7440): a request to the server's port, answered from another one.

Where to look: `requests` reads a request; `transfers` decides what becomes of it; `events` names everything counted.

What it promises
    * A well-formed request admits one session from the server, any port of it, to the client's own endpoint, as NAT
      shows it. The transfer itself is never read.
    * A session has one gate: the same request again renews it, another one takes it over.
    * What is no request is dropped and counted, unless the server answers from the port that it was asked on: some do,
      and then the transfer goes through the control session.
"""

from __future__ import annotations

from applianced.alg.contract import Descriptor, Limits
from applianced.alg.tftp.events import EVENTS, VIOLATIONS
from applianced.alg.tftp.transfers import TftpSettings, Transfers
from applianced.model.tuples import UDP

__all__ = ["DESCRIPTOR", "TftpSettings", "Transfers"]

DESCRIPTOR = Descriptor(
    name="tftp",
    ports=((UDP, 69),),
    datagrams=Transfers,
    settings=TftpSettings,
    events=EVENTS,
    violations=VIOLATIONS,
    limits=Limits(silence_s=10.0),
)
