"""The DNS ALG (RFC 1035, 2694, 6891, 7766): messages are checked, replies matched, addresses translated.

Where to look: `messages` reads one; `inspection` decides what becomes of it; `doctoring` translates addresses as static
NAT does; `transports` are its two forms; `events` names everything counted.

What it promises
    * No message passes that does not hold together, unless it is over the limit or `doctoring none` says so.
    * A reply passes that answers a query of its session, by identification and question, and does so once.
    * A session over UDP is over with the reply to its last query.
    * A translated answer keeps its length. One that is signed is never changed.
"""

from __future__ import annotations

from applianced.alg.contract import Descriptor
from applianced.alg.dns.events import EVENTS, VIOLATIONS
from applianced.alg.dns.settings import LIMITS, DnsSettings
from applianced.alg.dns.transports import Datagrams, Stream
from applianced.model.tuples import TCP, UDP

__all__ = ["DESCRIPTOR", "Datagrams", "DnsSettings", "Stream"]

DESCRIPTOR = Descriptor(
    name="dns",
    ports=((UDP, 53), (TCP, 53)),
    streams=Stream,
    datagrams=Datagrams,
    settings=DnsSettings,
    events=EVENTS,
    violations=VIOLATIONS,
    limits=LIMITS,
    kept=False,
)
