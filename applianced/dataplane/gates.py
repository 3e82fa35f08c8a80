"""Gates as elements of the maps and sets in the gates table, written by raw netlink.

One transaction carries everything that one message opens and closes: about 9 microseconds a gate, against 6.6 ms for
the nft command. A failed transaction blocks for 8 to 16 ms, so none is written that can fail for what the kernel may
or may not hold: a closing is add + delete of the element, which succeeds whether it is present, absent or expired;
where the kernel has it (6.3), destroy, which does the same at half the cost.

Keys and data of a map have one length, so a message is three constant pieces with key, data and time between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from errno import EINVAL
from struct import Struct

from applianced.compiler.gates_media import SENT_TO
from applianced.compiler.gates_table import ONCE_OFFLOAD
from applianced.compiler.marks import GATES_TABLE
from applianced.dataplane import calls, keyed
from applianced.dataplane.netlink import (
    CREATE,
    FAMILY_INET,
    NFTABLES,
    Netlink,
    attribute,
    attributes,
    nested,
    nft_message,
    number,
    text,
)
from applianced.errors import DataplaneError
from applianced.model.gates import Gate
from applianced.model.media import ControlGate, MediaGate
from applianced.model.tuples import ESP, GRE, ORIGINAL, REPLY, TCP, Direction, Endpoint, FlowTuple

_NEWSETELEM, _GETSETELEM, _DELSETELEM, _DESTROYSETELEM = 12, 13, 14, 30
_MARK = Struct("=I")
_CLOSING_MS = number(60000, 8)

Element = tuple[str, bytes, bytes]
"""(map or set, key, data); data b"" for a set."""

Place = tuple[str, bytes]
"""An element's map or set, and its key."""

Before = tuple[Place, Gate | None, tuple[Gate, ...]]
"""An element, who had it, and who else."""


def elements(gate: Gate) -> list[Element]:
    """What a gate is in the kernel."""
    if isinstance(gate, MediaGate):
        return [*_of_end(gate, ORIGINAL), *_of_end(gate, REPLY)]
    if isinstance(gate, ControlGate):
        return _of_control(gate)
    if gate.protocol == GRE:
        return calls.elements(gate)
    if gate.protocol == ESP or gate.key:
        return keyed.elements(gate)
    inside, outside = gate.inside, gate.outside
    version = "4" if len(inside.address) == 4 else "6"
    protocol = bytes((gate.protocol, 0, 0, 0))
    flow = protocol + gate.peer + inside.address
    if gate.every_port:
        return [(f"pair{version}", flow, b"")]
    inside_port = inside.port.to_bytes(2, "big") + b"\0\0"
    once = ONCE_OFFLOAD if gate.offload else "once"
    found: list[Element] = [((once if gate.one_shot else "several") + version, flow + inside_port, b"")]
    if outside != inside:
        key = protocol + gate.peer + outside.address + outside.port.to_bytes(2, "big") + b"\0\0"
        found.append((f"dnat{version}", key, inside.address + inside_port))
    if gate.source:
        found.append((f"source{version}", flow + inside_port, gate.source))
    return found


def _end(endpoint: Endpoint) -> bytes:
    return endpoint.address + endpoint.port.to_bytes(2, "big") + b"\0\0"


def _of_end(gate: MediaGate, side: Direction) -> list[Element]:
    """What one end of a medium can be sent, and what it sends; see compiler.gates_media."""
    own, known, other = gate.own[side], gate.known[side], gate.own[1 - side]
    if own is None or known is None:
        return []
    version = "4" if len(own.address) == 4 else "6"
    protocol, here = bytes((gate.protocol, 0, 0, 0)), _end(own)
    mark = _MARK.pack(gate.mark)
    if other is None:
        return _to_any(gate, side, version, protocol + here, mark)
    found = [("media" + version, protocol + other.address + here, mark)]
    if known != own:
        there = _end(known)
        found.append(("dnat" + version, protocol + other.address + there, here))
        found.append(("leave" + version, protocol + here + other.address, there))
    return found


def _to_any(gate: MediaGate, side: Direction, version: str, key: bytes, mark: bytes) -> list[Element]:
    """The same for an end whose other party nobody knows. key: protocol and endpoint."""
    own, known, told = gate.own[side], gate.known[side], gate.known[side.opposite]
    found = [(f"{'learn' if gate.learn else 'media_any'}{version}", key, mark)]
    if gate.learn:
        found.append((f"first{version}", key, b""))
    if known is not None and known != own:
        found.append((f"dnat_any{version}", key[:4] + _end(known), key[4:]))
        found.append((f"leave_any{version}", key, _end(known)))
    if told is not None:
        found.append((f"arrive_any{version}", key, _end(told)))
        found.append((f"unlearned{version}", key[:-4] + _end(told), b""))
    return found


def _of_control(gate: ControlGate) -> list[Element]:
    inside, outside = gate.inside, gate.outside
    version = "4" if len(inside.address) == 4 else "6"
    protocol, here, there = bytes((gate.protocol, 0, 0, 0)), _end(inside), _end(outside)
    mark, kind = _MARK.pack(gate.mark), "" if gate.peer else "_any"
    found = [(f"control{kind}{version}", protocol + gate.peer + here, mark)]
    if outside != inside:
        found.append((f"dnat{kind}{version}", protocol + gate.peer + there, here))
    if gate.protocol == TCP:
        found.append((f"attach{version}", protocol + there, b""))
    return found


class _Shape:
    """The constant pieces of the messages about one map or set.

    Found by encoding an element with recognisable values once and cutting at them.
    """

    def __init__(self, name: str, key: bytes, data: bytes, *, destroys: bool) -> None:
        """key, data: of any element. destroys: as Gates has it."""
        self.destroys = destroys
        key, data, time = b"\xa1" * len(key), b"\xa2" * len(data), b"\xa3" * 8
        add = nft_message(_NEWSETELEM, CREATE, _body(name, key, data, time))
        if data:
            self.before_key, rest = add.split(key)
            self.before_data, rest = rest.split(data)
        else:
            self.before_data, (self.before_key, rest) = b"", add.split(key)
        self.before_time, self.end = rest.split(time)
        self.time, self.rest = time, b""
        """The last time that was written, and the rest of its message."""
        kind = _DESTROYSETELEM if destroys else _DELSETELEM
        self.delete, self.delete_end = nft_message(kind, 0, _body(name, key, b"", b"")).split(key)

    def add(self, key: bytes, data: bytes, time: bytes) -> bytes:
        if time != self.time:
            self.time, self.rest = time, self.before_time + time + self.end
        return self.before_key + key + self.before_data + data + self.rest

    def remove(self, key: bytes, data: bytes) -> tuple[bytes, ...]:
        """Destroy; or add, so that there is something to delete, and delete."""
        if self.destroys:
            return (self.delete + key + self.delete_end,)
        return self.add(key, data, _CLOSING_MS), self.delete + key + self.delete_end


def _body(name: str, key: bytes, data: bytes, time: bytes) -> bytes:
    parts = [nested(1, attribute(1, key))]
    if data:
        parts.append(nested(2, attribute(1, data)))
    if time:
        parts.append(attribute(4, time))
    return attribute(1, text(GATES_TABLE)) + attribute(2, text(name)) + nested(3, nested(1, *parts))


def destroys(netlink: Netlink) -> bool:
    """Whether the kernel knows NFT_MSG_DESTROYSETELEM. It is asked with a set that is not there."""
    return netlink.transaction([nft_message(_DESTROYSETELEM, 0, _body("none", b"\0\0\0\0", b"", b""))]) != EINVAL


class Gates:
    """Writes gates of one worker into the kernel."""

    def __init__(self, netlink: Netlink, *, destroys: bool = False) -> None:
        """destroys: whether the kernel can, see the function of this name."""
        self._netlink = netlink
        self._destroys = destroys
        self._shapes: dict[str, _Shape] = {}
        self._elements: dict[int, list[Element]] = {}
        """Number of an open gate -> what it is in the kernel."""
        self.fresh: list[Gate] = []
        """Of what was opened last: that of which nothing was open before."""
        self.gone: list[Gate] = []
        """Of what was closed last: that which no later gate has taken over."""
        self._owners: dict[Place, Gate] = {}
        """Element -> the last gate that wrote it: two sessions of a host may announce the same endpoint, and the end
        of one must not take the element of the other."""
        self._beside: dict[Place, tuple[Gate, ...]] = {}
        """Element -> gates of media, or for control sessions, that have it beside the one in `_owners`: two calls may
        announce the same endpoints, and it stays until the last of them ends."""
        self._before: dict[int, calls.Used] = {}
        """Number of a lasting gate -> what went through it before its element was written last."""

    def exchange(self, opened: Sequence[Gate], closed: Sequence[Gate], now: float) -> int:
        """Open and close in one transaction; the errno, 0 when it is in force. `fresh` and `gone` say what it changed
        besides."""
        gone: list[Gate] = []
        fresh: list[Gate] = []
        self.gone, self.fresh = gone, fresh
        messages: list[bytes] = []
        owners, shapes = self._owners, self._shapes
        before: list[Before] = []
        if self._before:
            for gate in (*closed, *opened):
                if gate.number in self._before:
                    self.count(gate, now)
        for gate in closed:
            found = self._elements.pop(gate.number, None) or elements(gate)
            if owners.get(found[0][:2]) is gate and found[0][:2] not in self._beside:
                gone.append(gate)
            for name, key, data in found:
                place = (name, key)
                owner = owners.get(place)
                if place in self._beside:
                    messages += self._hand_on(gate, place, before, now)
                elif owner is gate or (gate.awaited and owner is None):
                    before.append((place, owners.pop(place, None), ()))
                    messages += self._shape(name, key, data).remove(key, data)
        for gate in opened:
            time = _left(gate, now)
            found = elements(gate)
            if not gate.media:
                self._elements[gate.number] = found
            if found[0][:2] not in owners:
                fresh.append(gate)
            for name, key, data in found:
                place = (name, key)
                owner = owners.get(place)
                if owner is None:
                    before.append((place, None, ()))
                else:
                    messages += self._take_over(gate, place, owner, before)
                owners[place] = gate
                messages.append((shapes.get(name) or self._shape(name, key, data)).add(key, data, time))
        code = self._netlink.transaction(messages) if messages else 0
        if code:
            self._undo(opened, before)
        else:
            self._note_written(opened, closed)
        return code

    def count(self, gate: Gate, now: float) -> None:
        """Enter into a lasting gate what went through it so far, as far as the kernel says."""
        before = self._before.get(gate.number, calls.Used(0, 0))
        try:
            since = calls.used(self._netlink, *elements(gate)[0][:2])
        except DataplaneError:
            return
        gate.packets, gate.octets = before.packets + since.packets, before.octets + since.octets
        if gate.packets and not gate.used_s:
            gate.used_s = now

    def _note_written(self, opened: Sequence[Gate], closed: Sequence[Gate]) -> None:
        """Elements were written anew: they count from 0."""
        for gate in opened:
            if gate.lasting:
                self._before[gate.number] = calls.Used(gate.packets, gate.octets)
        for gate in closed if self._before else ():
            self._before.pop(gate.number, None)

    def _take_over(self, gate: Gate, place: Place, owner: Gate, before: list[Before]) -> Sequence[bytes]:
        """A gate opens that has an element in common with another one, or is written again: its data and time are
        replaced, delete first (add of other data fails)."""
        before.append((place, owner, self._beside.get(place, ())))
        if owner.apart and gate.apart:
            self._stand_beside(gate, place, owner)
        return self._removal(owner, place)

    def _removal(self, gate: Gate, place: Place) -> Sequence[bytes]:
        """Messages that take an element away which a gate has written."""
        name, key = place
        if self._destroys and name in self._shapes:
            return self._shapes[name].remove(key, b"")
        data = _data_of(gate, place)
        return self._shape(name, key, data).remove(key, data)

    def _stand_beside(self, gate: Gate, place: Place, owner: Gate) -> None:
        """A gate takes an element over from another one, or again for itself."""
        others = tuple([each for each in (*self._beside.get(place, ()), owner) if each is not gate])
        if others:
            self._beside[place] = others

    def _hand_on(self, gate: Gate, place: Place, before: list[Before], now: float) -> Sequence[bytes]:
        """A gate closes that shares an element: messages, when it was the one that wrote it last."""
        others, owner = self._beside[place], self._owners[place]
        before.append((place, owner, others))
        messages: tuple[bytes, ...] = ()
        if owner is gate:
            heir = others[-1]
            self._owners[place] = heir
            name, key = place
            data = _data_of(heir, place)
            messages = (*self._removal(gate, place), self._shape(name, key, data).add(key, data, _left(heir, now)))
            gate = heir
        self._beside[place] = tuple([each for each in others if each is not gate])
        if not self._beside[place]:
            del self._beside[place]
        return messages

    def _undo(self, opened: Sequence[Gate], before: Sequence[Before]) -> None:
        """The kernel took nothing of it."""
        for gate in opened:
            self._elements.pop(gate.number, None)
        for place, owner, beside in reversed(before):
            if owner is None:
                self._owners.pop(place, None)
            else:
                self._owners[place] = owner
            if beside:
                self._beside[place] = beside
            else:
                self._beside.pop(place, None)

    def _shape(self, name: str, key: bytes, data: bytes) -> _Shape:
        shape = self._shapes.get(name)
        if shape is None:
            shape = self._shapes[name] = _Shape(name, key, data, destroys=self._destroys)
        return shape

    def adopt(self, gate: Gate) -> None:
        """A gate that is in the kernel since before this process."""
        found = elements(gate)
        if not gate.media:
            self._elements[gate.number] = found
        for name, key, _ in found:
            owner = self._owners.get((name, key))
            if owner is not None and owner.apart and gate.apart:
                self._stand_beside(gate, (name, key), owner)
            self._owners[name, key] = gate
        if gate.lasting:
            self._before[gate.number] = calls.Used(0, 0)

    def sent_to(self, flow: FlowTuple) -> Endpoint | None:
        """Where the first datagram of a session was sent to, that waits behind NAT as this flow; None when nobody
        knows."""
        octets = len(flow.source.address)
        key = bytes((flow.protocol, 0, 0, 0)) + flow.source.address + _end(flow.destination)
        body = attribute(1, text(GATES_TABLE)) + attribute(2, text(SENT_TO[octets == 16]))
        found = self._netlink.get(
            NFTABLES, _GETSETELEM, FAMILY_INET, body + nested(3, nested(1, nested(1, attribute(1, key))))
        )
        if found is None:
            return None
        element = attributes(attributes(found[3])[1])
        data = attributes(element[2])[1]
        return Endpoint(data[:octets], int.from_bytes(data[octets : octets + 2], "big"))


def _left(gate: Gate, now: float) -> bytes:
    """Milliseconds that a gate has left, as an element has them."""
    return max(1, int((gate.ends_s(now) - now) * 1000)).to_bytes(8, "big")


def _data_of(gate: Gate, place: Place) -> bytes:
    """What a gate has written there."""
    return next(data for name, key, data in elements(gate) if (name, key) == place)
