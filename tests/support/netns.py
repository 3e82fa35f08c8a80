"""Namespaces for one test: a unique name, and loss on the path when asked for."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from enum import Enum

from applianced.tools.namespaces import HOST_INTERFACE, LAN_INTERFACE, WAN_INTERFACE, Topology

_numbers = itertools.count()


class Loss(Enum):
    """Where packets are lost: at the very entrance of a namespace, so that conntrack there never sees them."""

    CLIENT_TO_GATEWAY = ("gateway", LAN_INTERFACE)
    GATEWAY_TO_CLIENT = ("client", HOST_INTERFACE)
    SERVER_TO_GATEWAY = ("gateway", WAN_INTERFACE)
    GATEWAY_TO_SERVER = ("server", HOST_INTERFACE)


EVERYWHERE = tuple(Loss)


def unique_topology(*, route_back: bool = False, offloads: bool = False) -> Topology:
    """A topology whose name no other run on this machine has."""
    return Topology(f"apt{os.getpid():x}-{next(_numbers)}", route_back=route_back, offloads=offloads)


def lose(topology: Topology, percent: int, places: Iterable[Loss] = EVERYWHERE) -> None:
    """Drop so many packets of a hundred at random, at each of the places."""
    for place in places:
        role, interface = place.value
        topology.nft(
            getattr(topology, role),
            f"""
            table netdev loss_{interface} {{
                chain entrance {{
                    type filter hook ingress device "{interface}" priority -500;
                    numgen random mod 100 < {percent} counter drop
                }}
            }}
            """,
        )


def lost(topology: Topology, place: Loss) -> int:
    """How many packets the rule at this place has dropped so far."""
    role, interface = place.value
    listing = topology.run(getattr(topology, role), ["nft", "list", "table", "netdev", f"loss_{interface}"]).stdout
    words = listing.split()
    return int(words[words.index("packets") + 1])
