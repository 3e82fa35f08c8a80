"""Traffic to the appliance itself: nothing by default, then what host-inbound-traffic admits per zone or interface."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from applianced.compiler.applications import ICMP, ICMPV6, TCP, UDP, Line, Outcome
from applianced.compiler.ruleset import Chain, Choice, Do, Hook, Match, Rule, identifier, quoted
from applianced.compiler.services import rules
from applianced.config.schema import Config, Zone
from applianced.errors import ConfigError

INPUT = Hook(kind="filter", name="input", priority=0, policy="drop")

Service = tuple[int, int, int]
"""(protocol, low port, high port); for ICMP the low port is the type, for a protocol without ports both are 0."""

SERVICES: dict[str, tuple[Service, ...]] = {
    "dhcp": ((UDP, 67, 68),),
    "dhcpv6": ((UDP, 546, 547),),
    "dns": ((TCP, 53, 53), (UDP, 53, 53)),
    "ftp": ((TCP, 21, 21),),
    "http": ((TCP, 80, 80),),
    "https": ((TCP, 443, 443),),
    "ike": ((UDP, 500, 500), (UDP, 4500, 4500)),
    "netconf": ((TCP, 830, 830),),
    "ntp": ((UDP, 123, 123),),
    "ping": ((ICMP, 8, 8), (ICMPV6, 128, 128)),
    "snmp": ((UDP, 161, 161),),
    "ssh": ((TCP, 22, 22),),
    "telnet": ((TCP, 23, 23),),
    "tftp": ((UDP, 69, 69),),
    "traceroute": ((UDP, 33434, 33523),),
}
"""host-inbound-traffic system-services. `all` is their union. NETCONF is where it is configured to be."""

PROTOCOLS: dict[str, tuple[Service, ...]] = {
    "bfd": ((UDP, 3784, 3785), (UDP, 4784, 4784)),
    "bgp": ((TCP, 179, 179),),
    "igmp": ((2, 0, 0),),
    "ldp": ((TCP, 646, 646), (UDP, 646, 646)),
    "msdp": ((TCP, 639, 639),),
    "ospf": ((89, 0, 0),),
    "ospf3": ((89, 0, 0),),
    "pim": ((103, 0, 0),),
    "rip": ((UDP, 520, 520),),
    "ripng": ((UDP, 521, 521),),
    "rsvp": ((46, 0, 0),),
    "vrrp": ((112, 0, 0),),
}
"""host-inbound-traffic protocols. `all` is their union."""

# Without neighbour discovery and path MTU discovery a host does not work (RFC 4890 4.4.1).
_NEIGHBOURS = ("133", "134", "135", "136", "130", "131", "132", "143")
_ERRORS = (Match("icmp type", ("3", "11", "12")), Match("icmpv6 type", ("1", "2", "3", "4")))


def chains(config: Config) -> Iterator[Chain]:
    """The input chain, and one chain per zone or interface that admits anything. Raises ConfigError."""
    of_interface: dict[str, str] = {}
    found: dict[str, Chain] = {}
    for _, zone in sorted(config.zones.items()):
        for number, interface in enumerate(sorted(zone.interfaces)):
            own, services, protocols = _inbound(zone, interface)
            if services or protocols:
                name = identifier("host", zone.name, *([str(number)] if own else []))
                of_interface[interface] = name
                found[name] = Chain(name=name, rules=tuple(_admitted(config, services, protocols)))
    yield Chain(name="input", rules=tuple(_input(of_interface)), hook=INPUT)
    yield from found.values()


def admits_netconf(config: Config, interfaces: Collection[str]) -> bool:
    """Whether NETCONF comes in by one of them. Raises ConfigError."""
    port = config.system.netconf_port
    return any(
        protocol == TCP and low <= port <= high
        for zone in config.zones.values()
        for interface in set(interfaces).intersection(zone.interfaces)
        for protocol, low, high in _services(config, _inbound(zone, interface)[1])
    )


def _inbound(zone: Zone, interface: str) -> tuple[bool, tuple[str, ...], tuple[str, ...]]:
    """Services and protocols that are admitted there, and whether the interface has its own."""
    own = interface in zone.interface_services or interface in zone.interface_protocols
    if own:
        return True, zone.interface_services.get(interface, ()), zone.interface_protocols.get(interface, ())
    return False, zone.services, zone.protocols


def _input(of_interface: dict[str, str]) -> Iterator[Rule]:
    yield (Match("iifname", ('"lo"',)), Do("accept"))
    yield (Match("icmpv6 type", _NEIGHBOURS), Do("accept"))
    yield (Do("ct state invalid"), Do("counter"), Do("drop"))
    yield (Do("ct state established,related"), Do("accept"))
    yield from ((errors, Do("accept")) for errors in _ERRORS)
    if of_interface:
        yield (Choice("iifname", tuple((quoted(name), f"goto {of_interface[name]}") for name in sorted(of_interface))),)
    yield (Do("counter"), Do("drop"))


def _admitted(config: Config, services: Iterable[str], protocols: Iterable[str]) -> Iterator[Rule]:
    found = {*_services(config, services), *_named(protocols, PROTOCOLS, "protocols")}
    yield from rules((_line(service) for service in sorted(found)), lambda _: "accept")


def _services(config: Config, names: Iterable[str]) -> Iterator[Service]:
    netconf = (TCP, config.system.netconf_port, config.system.netconf_port)
    yield from _named(names, {**SERVICES, "netconf": (netconf,)}, "system-services")


def _named(names: Iterable[str], known: dict[str, tuple[Service, ...]], leaf: str) -> Iterator[Service]:
    for name in names:
        if name == "all":
            yield from (service for services in known.values() for service in services)
        elif name in known:
            yield from known[name]
        else:
            path = "/applianced-security:security/zones"
            raise ConfigError(path, f"host-inbound-traffic {leaf} '{name}' is not known; use one of {sorted(known)}")


def _line(service: Service) -> Line:
    protocol, low, high = service
    if protocol in (ICMP, ICMPV6):
        return Line(protocol, (0, 65535), None, low, None, Outcome(), "")
    return Line(protocol, (low, high) if high else (0, 65535), None, None, None, Outcome(), "")
