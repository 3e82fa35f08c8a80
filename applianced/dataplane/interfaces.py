"""Interfaces of the namespace: what the configuration names is set, everything else is left as found."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from applianced.dataplane.host import keep, kept, run
from applianced.errors import DataplaneError

Link = dict[str, Any]
"""One of Plan.interfaces: name, enabled, mtu, addresses (text with prefix length)."""


Address = tuple[str, str]
"""Interface, and an address of it as text with prefix length."""


class Interfaces:
    """What the appliance has set on interfaces, so that it can take it back."""

    def __init__(self, directory: Path) -> None:
        """directory: keeps what an agent after a crash must know."""
        self._file = directory / "interfaces.json"
        self._kept: dict[str, Any] = {"added": [], "as-found": {}}
        self._added: set[Address] = set()
        self._as_found: dict[str, tuple[int, bool]] = {}
        """Interface -> MTU and whether it was up, before a plan first set one of them."""

    def take(self, *, after_crash: bool) -> None:
        """after_crash: take over what an agent before this one has set here, and did not live to take back."""
        if not after_crash:
            self._file.unlink(missing_ok=True)
            return
        self._kept = kept(self._file) or self._kept
        self._added = {(name, address) for name, address in self._kept["added"]}
        self._as_found = {name: (mtu, up) for name, (mtu, up) in self._kept["as-found"].items()}

    def _keep(self, added: Iterable[Address], as_found: Mapping[str, tuple[int, bool]]) -> None:
        """Raises DataplaneError when the disk does not take it."""
        value = {
            "added": [list(address) for address in sorted(added)],
            "as-found": {name: list(found) for name, found in as_found.items()},
        }
        if value != self._kept:
            keep(self._file, value)
            self._kept = value

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
                message = f"there is no interface {link['name']}; the namespace has {', '.join(sorted(found))}"
                path = f"/ietf-interfaces:interfaces/interface[name='{link['name']}']"
                raise DataplaneError("interfaces", message, path=path)

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
        commands = [f"address delete {address} dev {name}" for name, address in sorted((self._added - wanted) & found)]
        commands += [
            f"address add {address} dev {name}" + (" nodad" if ":" in address else "")
            for name, address in sorted(wanted - found)
        ]
        as_found = self._to_remember(links, before)
        commands += _settings(links, before, as_found)
        # Written before it is done: whoever dies in between has at worst something to take back that is not there.
        self._keep(self._added | (wanted - found), as_found)
        self._added |= wanted - found
        self._as_found = as_found
        if commands:
            run(["ip", "-batch", "-"], stdin="\n".join(commands) + "\n")
        self._added &= wanted
        # What is left in the file if the disk is full is only more than was set.
        with contextlib.suppress(DataplaneError):
            self._keep(self._added, as_found)

    def _to_remember(self, links: Sequence[Link], before: Mapping[str, Link]) -> dict[str, tuple[int, bool]]:
        """MTU and state as found, with those of the interfaces that these links set for the first time."""
        fresh = {
            link["name"]: _mtu_and_state(before[link["name"]])
            for link in links
            if link["name"] in before and (link.get("mtu") is not None or link.get("enabled") is not None)
        }
        return {**fresh, **self._as_found}

    def release(self) -> None:
        """Remove the addresses that were added here, and put MTU and state back."""
        for name, address in sorted(self._added):
            with contextlib.suppress(DataplaneError):
                run(["ip", "address", "delete", address, "dev", name])
        self._added.clear()
        with contextlib.suppress(DataplaneError, KeyError):
            commands = _settings((), self._found(), self._as_found)
            if commands:
                run(["ip", "-batch", "-"], stdin="\n".join(commands) + "\n")
        self._as_found.clear()
        self._file.unlink(missing_ok=True)


def _mtu_and_state(link: Link) -> tuple[int, bool]:
    return int(link["mtu"]), "UP" in link.get("flags", ())


def _settings(links: Sequence[Link], before: Mapping[str, Link], as_found: Mapping[str, tuple[int, bool]]) -> list[str]:
    """What brings MTU and state of each interface to what the plan says, or back to what was found."""
    wanted = {link["name"]: link for link in links}
    commands = []
    for name in sorted({*wanted, *as_found} & before.keys()):
        now = _mtu_and_state(before[name])
        link = wanted.get(name, {})
        mtu, up = as_found.get(name, now)
        mtu = link["mtu"] if link.get("mtu") is not None else mtu
        up = link["enabled"] if link.get("enabled") is not None else up
        if mtu != now[0]:
            commands.append(f"link set dev {name} mtu {mtu}")
        if up != now[1]:
            commands.append(f"link set dev {name} {'up' if up else 'down'}")
    return commands
