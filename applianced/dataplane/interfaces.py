"""Interfaces of the namespace: what the configuration names is set, everything else is left as found."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import Any

from applianced.dataplane.host import run
from applianced.errors import DataplaneError

Link = dict[str, Any]
"""One of Plan.interfaces: name, enabled, mtu, addresses (text with prefix length)."""


class Interfaces:
    """What this process has set on interfaces, so that it can take it back."""

    def __init__(self) -> None:
        self._added: set[tuple[str, str]] = set()

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
        if not links and not self._added:
            return
        wanted = {(link["name"], address) for link in links for address in link["addresses"]}
        found = {
            (name, f"{address['local']}/{address['prefixlen']}")
            for name, link in self._found().items()
            for address in link.get("addr_info", ())
            if "local" in address
        }
        commands = [f"address delete {address} dev {name}" for name, address in sorted(self._added - wanted)]
        commands += [
            f"address add {address} dev {name}" + (" nodad" if ":" in address else "")
            for name, address in sorted(wanted - found)
        ]
        for link in links:
            if link["mtu"] is not None:
                commands.append(f"link set dev {link['name']} mtu {link['mtu']}")
            if link["enabled"] is not None:
                commands.append(f"link set dev {link['name']} {'up' if link['enabled'] else 'down'}")
        if commands:
            run(["ip", "-batch", "-"], stdin="\n".join(commands) + "\n")
        self._added = (self._added & wanted) | (wanted - found)

    def release(self) -> None:
        """Remove the addresses that were added here."""
        for name, address in sorted(self._added):
            with contextlib.suppress(DataplaneError):
                run(["ip", "address", "delete", address, "dev", name])
        self._added.clear()
