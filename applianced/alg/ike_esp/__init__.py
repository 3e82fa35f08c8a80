"""The IKE-ESP ALG (RFC 2408, 2409, 7296, 4303): several hosts behind one address, to one gateway, without NAT
traversal.

Where to look: `isakmp` reads the header of a message; `exchanges` decides what becomes of it, with its `states`;
`spis` awaits and learns ESP; `gateways` what the sessions with one gateway know together;
`events` names everything counted.

What it promises
    * No message is changed: its integrity is protected. Both ends keep their port 500.
    * ESP is admitted by SPI, in the direction in which its first packet was seen, for as long as it comes.
    * The first unknown SPI of a gateway goes to the one host whose session awaits it. While one does, the negotiations
      of others with this gateway wait.
    * NAT traversal is left alone.
"""

from __future__ import annotations

from applianced.alg.contract import Descriptor, Limits
from applianced.alg.ike_esp.events import EVENTS, VIOLATIONS
from applianced.alg.ike_esp.exchanges import Exchanges
from applianced.alg.ike_esp.gateways import Gateways
from applianced.alg.ike_esp.settings import IkeEspSettings
from applianced.alg.ike_esp.spis import MOST
from applianced.model.tuples import UDP

__all__ = ["DESCRIPTOR", "Exchanges", "Gateways", "IkeEspSettings"]

DESCRIPTOR = Descriptor(
    name="ike-esp-nat",
    ports=((UDP, 500),),
    datagrams=Exchanges,
    settings=IkeEspSettings,
    events=EVENTS,
    shared=Gateways,
    by_peer=True,
    timed=True,
    after_nat=True,
    violations=VIOLATIONS,
    limits=Limits(gates=2 * MOST + 4, silence_s=60.0),
)
