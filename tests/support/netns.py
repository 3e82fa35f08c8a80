"""Namespaces for one test: a unique name, and loss on the path when asked for."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import Enum

from applianced.tools.namespaces import (
    HOST_INTERFACE,
    LAN_INTERFACE,
    PLANS,
    WAN_INTERFACE,
    Topology,
    end_all_in,
    run,
)

SECOND_INSIDE = {4: "10.71.1.3", 6: "fd71:1::3"}
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


@contextmanager
def second_inside(topology: Topology) -> Iterator[str]:
    """The name of a fourth namespace, inside as the client's: both reach the gateway, and each other only through it.

    Its addresses are those of SECOND_INSIDE.
    """
    name = f"{topology.name}-second"
    run(["ip", "netns", "add", name])
    try:
        # A macvlan and the interface below it do not hear each other. Linux 6.1 wants its name to be free here, too.
        link = ["link", HOST_INTERFACE, "netns", name, "name", "beside0", "type", "macvlan", "mode", "bridge"]
        run(["ip", "-n", topology.client, "link", "add", *link])
        run(["ip", "-n", name, "link", "set", "beside0", "name", HOST_INTERFACE])
        topology.sysctl(name, f"net/ipv6/conf/{HOST_INTERFACE}/accept_dad", "0")
        for interface in ("lo", HOST_INTERFACE):
            run(["ip", "-n", name, "link", "set", interface, "up"])
        for version, address in SECOND_INSIDE.items():
            topology.add_address(name, PLANS[version], address)
            topology.add_route(name, PLANS[version], "default", PLANS[version].lan)
        yield name
    finally:
        end_all_in(name)
        run(["ip", "netns", "delete", name])


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
