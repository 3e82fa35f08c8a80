"""Gates as elements of the maps and sets in the gates table, written by raw netlink.

One transaction carries everything that one message opens and closes: about 9 microseconds a gate, against 6.6 ms for
the nft command. A failed transaction blocks for 8 to 16 ms, so none is written that can fail for what the kernel may
or may not hold: a closing is add + delete of the element, which succeeds whether it is present, absent or expired.
"""

from __future__ import annotations

from collections.abc import Sequence

from applianced.compiler.marks import GATES_TABLE
from applianced.dataplane.netlink import CREATE, Netlink, attribute, nested, number, padded, text
from applianced.model.gates import Gate

_NEWSETELEM, _DELSETELEM = 12, 14
_CLOSING_MS = number(60000, 8)

Element = tuple[str, bytes, bytes]
"""(map or set, key, data); data b"" for a set."""


def elements(gate: Gate) -> list[Element]:
    """What a gate is in the kernel."""
    version = "4" if len(gate.inside.address) == 4 else "6"
    protocol = bytes((gate.protocol, 0, 0, 0))
    flow = protocol + gate.peer + gate.inside.address
    inside_port = padded(number(gate.inside.port, 2))
    found: list[Element] = []
    if gate.outside != gate.inside:
        key = protocol + gate.peer + gate.outside.address + padded(number(gate.outside.port, 2))
        found.append((f"dnat{version}", key, gate.inside.address + inside_port))
    if gate.source and gate.inside.port:
        found.append((f"source{version}", flow + inside_port, gate.source))
    if not gate.inside.port:
        found.append((f"pair{version}", flow, b""))
    else:
        found.append((("once" if gate.one_shot else "several") + version, flow + inside_port, b""))
    return found


def _body(element: Element, timeout: bytes | None) -> bytes:
    name, key, data = element
    parts = [nested(1, attribute(1, key))]
    if data and timeout is not None:
        parts.append(nested(2, attribute(1, data)))
    if timeout is not None:
        parts.append(attribute(4, timeout))
    return attribute(1, _TABLE) + attribute(2, text(name)) + nested(3, nested(1, *parts))


_TABLE = text(GATES_TABLE)


class Gates:
    """Writes gates of one worker into the kernel."""

    def __init__(self, netlink: Netlink) -> None:
        self._netlink = netlink
        self._owners: dict[tuple[str, bytes], int] = {}
        """Element -> the last gate that wrote it: two sessions of a host may announce the same endpoint, and the end
        of one must not take the element of the other."""

    def exchange(self, opened: Sequence[Gate], closed: Sequence[Gate], now: float) -> int:
        """Open and close in one transaction; the errno, 0 when it is in force."""
        messages: list[tuple[int, int, bytes]] = []
        for gate in closed:
            for element in elements(gate):
                key = element[:2]
                if self._owners.get(key) == gate.number:
                    del self._owners[key]
                    self._remove(element, messages)
        for gate in opened:
            timeout = number(max(1, int((gate.expires_s - now) * 1000)), 8)
            for element in elements(gate):
                key = element[:2]
                if key in self._owners:
                    # Another gate's element: its data and time are replaced, delete first (add of other data fails).
                    self._remove(element, messages)
                self._owners[key] = gate.number
                messages.append((_NEWSETELEM, CREATE, _body(element, timeout)))
        return self._netlink.transaction(messages) if messages else 0

    def adopt(self, gate: Gate) -> None:
        """A gate that is in the kernel since before this process."""
        for element in elements(gate):
            self._owners[element[:2]] = gate.number

    @staticmethod
    def _remove(element: Element, messages: list[tuple[int, int, bytes]]) -> None:
        messages.append((_NEWSETELEM, CREATE, _body(element, _CLOSING_MS)))
        messages.append((_DELSETELEM, 0, _body(element, None)))
