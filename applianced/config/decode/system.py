"""`system` and `interfaces`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from applianced.config.decode.access import decode_call_home, decode_netconf, decode_retries, decode_urls
from applianced.config.decode.node import Node, interface
from applianced.config.schema import Interface, Link, System, User


def decode_system(data: Mapping[str, Any]) -> System:
    """Raises ConfigError."""
    system = Node(data).child("applianced-system:system")
    netconf = system.child("services").child("netconf")
    ssh = netconf.child("ssh")
    default = System()
    return System(
        host_name=system.text("host-name", default.host_name),
        platform_profile=system.text("platform-profile", default.platform_profile),
        users={entry.text("name"): _user(entry) for entry in system.child("login").entries("user")},
        netconf_port=ssh.number("port") if ssh.has("port") else default.netconf_port,
        netconf=decode_netconf(netconf),
        call_home=decode_call_home(netconf),
        url=decode_urls(netconf),
        retry=decode_retries(system.child("login")),
    )


def _user(entry: Node) -> User:
    secrets = entry.child("authentication")
    return User(
        name=entry.text("name"),
        password=secrets.text("encrypted-password"),
        keys=tuple(key for key, _ in secrets.texts("ssh-public-key")),
        login_class=entry.text("class"),
    )


def decode_links(data: Mapping[str, Any]) -> tuple[Link, ...]:
    """Interfaces that the configuration names, RFC 8343 and RFC 8344. Raises ConfigError."""
    return tuple(_link(entry) for entry in Node(data).child("ietf-interfaces:interfaces").entries("interface"))


def _link(entry: Node) -> Link:
    return Link(
        name=entry.text("name"),
        enabled=bool(entry.data["enabled"]) if entry.has("enabled") else None,
        mtu=entry.number("applianced-system:mtu") if entry.has("applianced-system:mtu") else None,
        addresses=tuple(
            _address(address)
            for family in ("ietf-ip:ipv4", "ietf-ip:ipv6")
            for address in entry.child(family).entries("address", "ip")
        ),
    )


def _address(entry: Node) -> Interface:
    return interface(f"{entry.text('ip')}/{entry.text('prefix-length')}", entry.path)
