"""ctnetlink: look a session up, announce a length change, delete it, list data sessions.

Layouts follow linux/netfilter/nfnetlink_conntrack.h. A session is found by one of its two tuples: by the original one
as the forward path shows it when only its source is translated, by the reply one when its destination is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct

from applianced.compiler.marks import DATA, OFFLOAD_LABEL, POLICY_LABEL_BITS, SLOT_SHIFT
from applianced.dataplane.netlink import (
    ACK,
    CONNTRACK,
    REQUEST,
    Netlink,
    attribute,
    attributes,
    message,
    nested,
    number,
)
from applianced.engine.kernel import Translation
from applianced.model.tuples import TCP, Direction, Endpoint, FlowTuple

_NEW, _GET, _DELETE = 0, 1, 2
_TUPLE = (1, 2)
_ID, _PROTOINFO, _TIMEOUT, _MARK, _COUNTERS, _MARK_MASK, _LABELS, _TIMESTAMP = 12, 4, 7, 8, (9, 10), 21, 22, 20
_LABELS_MASK, _LABEL_OCTETS = 23, 16
_STATUS, _STATUS_MASK = 3, 26
_OFFLOADED = 1 << 14
"""IPS_OFFLOAD: the session is in a flow table. The kernel then tells neither its timeout nor the state of TCP."""
_ESTABLISHED = 3
_SEQUENCE_OFFSETS = (15, 16)
_SIGNED = Struct("!i")
_ICMP = {1: 4, 58: 7}
"""Protocol -> CTA_PROTO_*_ID; type and code follow it."""
_EMPTY = number(0)
_CORRECTION = [
    (whole[:8], whole[12:16], whole[20:24])
    for kind in _SEQUENCE_OFFSETS
    for whole in (nested(kind, attribute(1, _EMPTY), attribute(2, _EMPTY), attribute(3, _EMPTY)),)
]
"""By direction: what stands before the three numbers of CTA_SEQ_ADJ_*."""
_TCP_ENDING = frozenset({4, 5, 6, 7, 8, 9})
"""FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE, LISTEN of nf_conntrack_tcp.h."""
TCP_STATES = (
    "none", "syn-sent", "syn-recv", "established", "fin-wait", "close-wait", "last-ack", "time-wait", "close",
    "syn-sent2",
)  # fmt: skip


AT_ONCE = 64
"""Requests in one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A conntrack entry. octets, packets: both directions together. started_s: wall clock, 0 when unknown. id: the
    kernel's own number of it, 0 when unknown. offloaded: the kernel forwards it past the rules; it has no timeout_s
    meanwhile."""

    translation: Translation
    mark: int
    policy: int
    state: str
    ending: bool
    packets: int
    octets: int
    timeout_s: int
    started_s: float
    id: int = 0
    offloaded: bool = False


@lru_cache(maxsize=4096)
def _tuple(kind: int, flow: FlowTuple) -> bytes:
    v4 = len(flow.source.address) == 4
    source, destination = (1, 2) if v4 else (3, 4)
    ports = number(flow.source.port, 2), number(flow.destination.port, 2)
    first, values = 2, list(ports)
    if flow.protocol in _ICMP:
        first, values = _ICMP[flow.protocol], [ports[0], ports[1][:1], ports[1][1:]]
    return nested(
        kind,
        nested(1, attribute(source, flow.source.address), attribute(destination, flow.destination.address)),
        nested(
            2,
            attribute(1, bytes((flow.protocol,))),
            *(attribute(place, value) for place, value in enumerate(values, first)),
        ),
    )


def _family(flow: FlowTuple) -> int:
    return 2 if len(flow.source.address) == 4 else 10


def _quick_tuple(flow: FlowTuple) -> bytes:
    """The same as `_tuple` for the original direction, of what is asked for once."""
    protocol, (source, source_port), (destination, destination_port) = flow
    if len(source) != 4:
        return _tuple(_TUPLE[0], flow)
    return _QUICK.pack(
        _QUICK_PARTS[0], source, _QUICK_PARTS[1], destination, _QUICK_PARTS[2], protocol, _QUICK_PARTS[3], source_port,
        _QUICK_PARTS[4], destination_port,
    )  # fmt: skip


_PATTERN = nested(
    _TUPLE[0],
    nested(1, attribute(1, b"SSSS"), attribute(2, b"DDDD")),
    nested(2, attribute(1, b"P"), attribute(2, b"ss"), attribute(3, b"dd")),
)
_QUICK_PARTS = (_PATTERN[:12], _PATTERN[16:20], _PATTERN[24:32], _PATTERN[33:40], _PATTERN[42:48])
_QUICK = Struct("!12s4s4s4s8sB7sH6sH2x")
"""A tuple of IPv4 with ports: its constant parts, with addresses, protocol and ports between."""

_DELETE_HEAD = message(CONNTRACK, _DELETE, REQUEST, 2, bytes(_QUICK.size))[:20]


def deletion(flow: FlowTuple) -> bytes:
    """A request to delete the entry that has this as a tuple of either direction. It is answered only when there is
    none."""
    if len(flow.source.address) == 4:
        return _DELETE_HEAD + _quick_tuple(flow)
    return message(CONNTRACK, _DELETE, REQUEST, _family(flow), _quick_tuple(flow))


_V4_HEAD = nested(1, attribute(1, bytes(4)), attribute(2, bytes(4)))[:8]
_PORT_HEAD = attribute(2, bytes(2))[:4]
_V4_OCTETS = 48
"""What tells the tuple of an IPv4 session with ports, where each part has its place."""


def _endpoint(octets: bytes, address: int, port: int) -> Endpoint:
    return Endpoint(octets[address : address + 4], octets[port] << 8 | octets[port + 1])


def parse_tuple(octets: bytes) -> FlowTuple:
    """A CTA_TUPLE_*; ports are 0 where the protocol has none. ICMP has its identifier as the source port, type * 256 +
    code as the destination port. Raises KeyError or IndexError when it is incomplete."""
    if len(octets) == _V4_OCTETS and octets[:8] == _V4_HEAD and octets[32:36] == _PORT_HEAD:
        return FlowTuple(octets[28], _endpoint(octets, 8, 36), _endpoint(octets, 16, 44))
    parts = attributes(octets)
    ip, protocol = attributes(parts[1]), attributes(parts[2])
    source, destination = (ip[1], ip[2]) if 1 in ip else (ip[3], ip[4])
    first = _ICMP.get(protocol[1][0])
    values = protocol.get(2, b""), protocol.get(3, b"")
    if first is not None:
        values = protocol[first], protocol[first + 1] + protocol[first + 2]
    ports = [int.from_bytes(value, "big") for value in values]
    return FlowTuple(protocol[1][0], Endpoint(source, ports[0]), Endpoint(destination, ports[1]))


def _parse_offset(octets: bytes | None) -> int:
    return _SIGNED.unpack(attributes(octets)[3])[0] if octets else 0


def _translation(found: dict[int, bytes]) -> Translation:
    first, second = [_parse_offset(found.get(kind)) for kind in _SEQUENCE_OFFSETS]
    offload = bool(_labels(found) >> OFFLOAD_LABEL & 1)
    return Translation(parse_tuple(found[1]), parse_tuple(found[2]), (first, second), offload)


def _labels(found: Mapping[int, bytes]) -> int:
    return int.from_bytes(found.get(_LABELS, b"")[:4], "little")


def offloaded(found: Mapping[int, bytes]) -> bool:
    """Whether the entry with these attributes is in a flow table."""
    return bool(int.from_bytes(found.get(_STATUS, b""), "big") & _OFFLOADED)


def _packets(found: dict[int, bytes]) -> int:
    counters = [attributes(found[kind]) for kind in _COUNTERS if kind in found]
    return sum(int.from_bytes(counter.get(1, b""), "big") for counter in counters)


def _parse(found: dict[int, bytes]) -> Entry:
    translation = _translation(found)
    fast = offloaded(found)
    state = _ESTABLISHED if fast and translation.original.protocol == TCP else 0
    if _PROTOINFO in found and (tcp := attributes(found[_PROTOINFO]).get(1)):
        state = attributes(tcp).get(1, b"\0")[0]
    counters = [attributes(found[kind]) for kind in _COUNTERS if kind in found]
    started = attributes(found[_TIMESTAMP]).get(1, b"") if _TIMESTAMP in found else b""
    return Entry(
        translation=translation,
        mark=int.from_bytes(found.get(_MARK, b""), "big"),
        policy=_labels(found) & ((1 << POLICY_LABEL_BITS) - 1),
        state=TCP_STATES[state] if state < len(TCP_STATES) else "none",
        ending=state in _TCP_ENDING,
        packets=sum(int.from_bytes(counter.get(1, b""), "big") for counter in counters),
        octets=sum(int.from_bytes(counter.get(2, b""), "big") for counter in counters),
        timeout_s=int.from_bytes(found.get(_TIMEOUT, b""), "big"),
        started_s=int.from_bytes(started, "big") / 1e9,
        id=int.from_bytes(found.get(_ID, b""), "big"),
        offloaded=fast,
    )


class Conntrack:
    """Calls to the connection tracking of this network namespace."""

    def __init__(self, netlink: Netlink) -> None:
        self._netlink = netlink

    def find(self, flow: FlowTuple, mark: int) -> Entry | None:
        """The entry of a control session by its original direction as the forward path shows it.

        mark: its slot tells sessions apart whose source and destination are both translated (hairpin).
        """
        found = self._lookup(flow)
        return _parse(found) if found is not None else self._hairpin(flow, mark)

    def translation(self, flow: FlowTuple, mark: int) -> Translation | None:
        """The same, of which only the tuples and offsets are wanted."""
        found = self._lookup(flow)
        if found is not None:
            return _translation(found)
        entry = self._hairpin(flow, mark)
        return entry.translation if entry is not None else None

    def lookup(self, flow: FlowTuple) -> Entry | None:
        """The entry that has this as its original tuple, or turned round as its reply one; never a search."""
        found = self._lookup(flow)
        return _parse(found) if found is not None else None

    def _lookup(self, flow: FlowTuple) -> dict[int, bytes] | None:
        for kind, tuple_ in zip(_TUPLE, (flow, flow.reversed), strict=True):
            found = self._netlink.get(CONNTRACK, _GET, _family(flow), _tuple(kind, tuple_))
            if found is not None:
                return found
        return None

    def _hairpin(self, flow: FlowTuple, mark: int) -> Entry | None:
        slot = -1 << SLOT_SHIFT & 0xFFFFFFFF
        for entry in self.marked(mark & slot, slot):
            original, reply = entry.translation.original, entry.translation.reply
            if original.source == flow.source and reply.source == flow.destination:
                return entry
        return None

    def raw(self, original: FlowTuple) -> dict[int, bytes] | None:
        """The attributes (CTA_*) of the entry with this original tuple."""
        return self._netlink.get(CONNTRACK, _GET, _family(original), _tuple(_TUPLE[0], original))

    def every(self) -> Iterator[dict[int, bytes]]:
        """The attributes of every entry."""
        return self._netlink.dump(CONNTRACK, _GET, 0, b"")

    def marked(self, mark: int, mask: int) -> Iterator[Entry]:
        """All entries whose mark matches; the kernel filters, but walks its whole table."""
        body = attribute(_MARK, number(mark)) + attribute(_MARK_MASK, number(mask))
        for found in self._netlink.dump(CONNTRACK, _GET, 0, body):
            entry = _parse(found)
            if entry.mark & mask == mark:
                yield entry

    def data_sessions(self) -> list[Entry]:
        """Every session that a gate admitted."""
        return list(self.marked(DATA, DATA))

    def offloaded(self) -> int:
        """How many sessions are in flow tables; kernels from 5.19 on look through the others by themselves."""
        body = attribute(_STATUS, number(_OFFLOADED)) + attribute(_STATUS_MASK, number(_OFFLOADED))
        return sum(map(offloaded, self._netlink.dump(CONNTRACK, _GET, 0, body)))

    def announce(self, session: Translation, direction: Direction, position: int, before: int, after: int) -> int:
        """Set the direction's correction point: from this sequence number on the offset is `after`. The errno."""
        point, before_head, after_head = _CORRECTION[direction]
        change = b"".join((point, number(position), before_head, number(before), after_head, number(after)))
        body = _tuple(_TUPLE[0], session.original) + change
        return self._netlink.request(CONNTRACK, _NEW, _family(session.original), body)

    def delete(self, original: FlowTuple) -> int:
        """Delete an entry by its original tuple; the errno."""
        return self._netlink.request(CONNTRACK, _DELETE, _family(original), _tuple(_TUPLE[0], original))

    def delete_all(self, flows: Sequence[FlowTuple]) -> int:
        """Delete the entries that have one of these as a tuple of either direction; how many there were."""
        done = 0
        for start in range(0, len(flows), AT_ONCE):
            messages = [
                message(CONNTRACK, _DELETE, REQUEST | ACK, _family(flow), _quick_tuple(flow))
                for flow in flows[start : start + AT_ONCE]
            ]
            done += sum(answer == 0 for answer in self._netlink.each(messages))
        return done

    def packets(self, flows: Sequence[FlowTuple]) -> list[int]:
        """Of each entry that has this as a tuple of either direction, how many packets it had; 0 for none."""
        found: list[int] = []
        for start in range(0, len(flows), AT_ONCE):
            messages = [
                message(CONNTRACK, _GET, REQUEST, _family(flow), _quick_tuple(flow))
                for flow in flows[start : start + AT_ONCE]
            ]
            found += [_packets(answer) if isinstance(answer, dict) else 0 for answer in self._netlink.each(messages)]
        return found

    def keep(self, original: FlowTuple, timeout_s: int) -> int:
        """Have an entry last so long from now on without traffic, seconds; the errno."""
        body = _tuple(_TUPLE[0], original) + attribute(_TIMEOUT, number(timeout_s))
        return self._netlink.request(CONNTRACK, _NEW, _family(original), body)

    def relabel(self, original: FlowTuple, policy: int) -> int:
        """Have an entry belong to another policy (its number); the errno."""
        labels = policy.to_bytes(_LABEL_OCTETS, "little")
        mask = ((1 << POLICY_LABEL_BITS) - 1).to_bytes(_LABEL_OCTETS, "little")
        body = _tuple(_TUPLE[0], original) + attribute(_LABELS, labels) + attribute(_LABELS_MASK, mask)
        return self._netlink.request(CONNTRACK, _NEW, _family(original), body)

    def set_mark(self, original: FlowTuple, mark: int) -> int:
        """Replace the mark of an entry; the errno."""
        body = _tuple(_TUPLE[0], original) + attribute(_MARK, number(mark))
        return self._netlink.request(CONNTRACK, _NEW, _family(original), body)
