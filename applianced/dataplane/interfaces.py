"""Interfaces of the namespace: what the configuration names is set, everything else is left as found."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from applianced.dataplane.host import run
from applianced.errors import DataplaneError

Link = dict[str, Any]
"""One of Plan.interfaces: name, enabled, mtu, addresses (text with prefix length)."""


class Interfaces:
    """What this process has set on interfaces, so that it can take it back."""

    def __init__(self) -> None:
        self._added: set[tuple[str, str]] = set()
        self._as_found: dict[str, tuple[int, bool]] = {}
        """Interface -> MTU and whether it was up, before a plan first set one of them."""

    @staticmethod
    def _found() -> dict[str, Link]:
        return {link["ifname"]: link for link in json.loads(run(["ip", "-json", "address", "show"]))}

    def own_addresses(self) -> list[str]:
        """Every address of the appliance itself, without link-local ones."""
        return [
            address["local"]
            for link in self._found().values()
            for address in link.get("addr_info", ())
            if address.get("scope") != "link" and "local" in address
        ]

    def check(self, links: Sequence[Link]) -> None:
        """Every interface that the configuration sets exists. Raises DataplaneError."""
        if not links:
            return
        found = self._found()
        for link in links:
            if link["name"] not in found:
                raise DataplaneError(
                    "interfaces", f"there is no interface {link['name']}; the namespace has {', '.join(sorted(found))}"
                )

    def apply(self, links: Sequence[Link]) -> None:
        """Add what is configured, remove what an earlier plan had added. Raises DataplaneError."""
        if not links and not self._added and not self._as_found:
            return
        before = self._found()
        wanted = {(link["name"], address) for link in links for address in link["addresses"]}
        found = {
            (name, f"{address['local']}/{address['prefixlen']}")
            for name, link in before.items()
            for address in link.get("addr_info", ())
            if "local" in address
        }
        commands = [f"address delete {address} dev {name}" for name, address in sorted(self._added - wanted)]
        commands += [
            f"address add {address} dev {name}" + (" nodad" if ":" in address else "")
            for name, address in sorted(wanted - found)
        ]
        commands += self._settings(links, before)
        if commands:
            run(["ip", "-batch", "-"], stdin="\n".join(commands) + "\n")
        self._added = (self._added & wanted) | (wanted - found)

    def _settings(self, links: Sequence[Link], before: Mapping[str, Link]) -> list[str]:
        """What brings MTU and state of each interface to what the plan says, or back to what was found."""
        wanted = {link["name"]: link for link in links}
        commands = []
        for name in sorted({*wanted, *self._as_found} & before.keys()):
            now = int(before[name]["mtu"]), "UP" in before[name].get("flags", ())
            link = wanted.get(name, {})
            if link.get("mtu") is not None or link.get("enabled") is not None:
                self._as_found.setdefault(name, now)
            mtu, up = self._as_found.get(name, now)
            mtu = link["mtu"] if link.get("mtu") is not None else mtu
            up = link["enabled"] if link.get("enabled") is not None else up
            if mtu != now[0]:
                commands.append(f"link set dev {name} mtu {mtu}")
            if up != now[1]:
                commands.append(f"link set dev {name} {'up' if up else 'down'}")
        return commands

    def release(self) -> None:
        """Remove the addresses that were added here, and put MTU and state back."""
        for name, address in sorted(self._added):
            with contextlib.suppress(DataplaneError):
                run(["ip", "address", "delete", address, "dev", name])
        self._added.clear()
        with contextlib.suppress(DataplaneError, KeyError):
            commands = self._settings((), self._found())
            if commands:
                run(["ip", "-batch", "-"], stdin="\n".join(commands) + "\n")
        self._as_found.clear()
