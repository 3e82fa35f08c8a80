"""What compiler.keyed leaves to raw netlink, and what gates for ESP and IKE are in its maps.

nft 1.0.6 cannot write 8 octets of a payload as part of a key.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack

from applianced.compiler.keyed import IKE_IN, IKE_OUT, IKE_PORT
from applianced.dataplane import expressions
from applianced.dataplane.expressions import FAMILIES, NETWORK_HEADER, TRANSPORT_HEADER, Family
from applianced.model.gates import Gate

ENTERED_S = 86400
"""How long the port of a client is remembered, from its last packet on: no state of IKE may be older."""
_SOURCE_PORT, _DESTINATION_PORT = (TRANSPORT_HEADER, 0, 2), (TRANSPORT_HEADER, 2, 2)
_CHECKSUM_AT = 6
_CHECKSUM = TRANSPORT_HEADER, _CHECKSUM_AT, 2
_INITIATOR = TRANSPORT_HEADER, 8, 8
_ORIGINAL_PORT = 11


def rules() -> Iterator[bytes]:
    """The messages that add them to a freshly made gates table."""
    kept = expressions.compare(expressions.load_original(0, _ORIGINAL_PORT), IKE_PORT.to_bytes(2, "big"))
    for family in FAMILIES:
        name = f"ike_ports{family.version}"
        words = family.octets // 4
        port = 2 * words + 2
        here, there = family.destination, family.source
        ours = expressions.of_family(family.number)
        written = (
            *_key(family, here, there),
            expressions.load(port, *_SOURCE_PORT),
            # Made anew: an element that is there already keeps what it says.
            expressions.delete_element(name, 0, port),
            expressions.add_element(name, 0, port, ENTERED_S),
        )
        yield expressions.rule(IKE_OUT, ours, kept, *written)
        for summed in (False, True):
            checksum = _CHECKSUM_AT if summed else 0
            has = expressions.compare(expressions.load(0, *_CHECKSUM), bytes(2), equal=not summed)
            yield expressions.rule(
                IKE_IN,
                ours,
                has,
                *_key(family, there, here),
                expressions.find(name, 0, port),
                expressions.store(port, *_DESTINATION_PORT, checksum=checksum),
                expressions.accept(),
            )
    for summed in (False, True):
        yield expressions.rule(
            IKE_OUT,
            expressions.compare(expressions.load(0, *_CHECKSUM), bytes(2), equal=not summed),
            kept,
            expressions.store(0, *_SOURCE_PORT, checksum=_CHECKSUM_AT if summed else 0),
            expressions.accept(),
        )


def _key(family: Family, gateway: int, outside: int) -> Iterator[bytes]:
    """Gateway, outside address and initiator's SPI. gateway, outside: where the packet has the two."""
    words = family.octets // 4
    yield expressions.load(0, NETWORK_HEADER, gateway, family.octets)
    yield expressions.load(words, NETWORK_HEADER, outside, family.octets)
    yield expressions.load(2 * words, *_INITIATOR)


def elements(gate: Gate) -> list[tuple[str, bytes, bytes]]:
    """What a gate is in the kernel; see gates.Element."""
    inside, outside = gate.inside, gate.outside
    version = "4" if len(inside.address) == 4 else "6"
    parties = gate.peer + outside.address
    if gate.key:
        return [("ike_ports" + version, parties + gate.key, outside.port.to_bytes(2, "big"))]
    if gate.awaits:
        return [("esp_awaited" + version, parties, pack("=I", gate.awaits))]
    spi = inside.port.to_bytes(4, "big")
    found = [("esp" + version, parties + spi, inside.address)]
    if gate.source:
        found.append(("esp_sources" + version, gate.peer + inside.address + spi, gate.source))
    return found
