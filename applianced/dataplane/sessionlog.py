"""`then log`: what becomes of the sessions of policies that log, as RT_FLOW events.

What is permitted is told by conntrack, when a session is made (with its translation, and its policy in the label) and
when it ends; only sessions that a rule has asked events for are told of. What is denied has no session: its packets
come from the rules' log statements. Those of global policies come too, since they alone show the zones.

A session is over for the log when TCP has closed it, not when conntrack forgets it two minutes later.
"""

from __future__ import annotations

import selectors
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

from applianced.compiler.marks import ALG_MASK, ALG_NAMES, CONTROL, LOG_GROUP, POLICY_LABEL_BITS
from applianced.dataplane.channel import Message
from applianced.dataplane.conntrack import Conntrack, offloaded, parse_tuple
from applianced.dataplane.eventlog import EventLog
from applianced.dataplane.listener import Heard, Listener, log_listener, messages
from applianced.dataplane.naming import UNKNOWN, Logged, Naming
from applianced.dataplane.netlink import CONNTRACK, attributes
from applianced.dataplane.nflog import HEADERS, LoggedPacket, packets
from applianced.model.tuples import FlowTuple, text

SESSIONS = 1 << 18
"""Sessions under way whose end is awaited; beyond, the end of the oldest goes unlogged."""
WAITING = 4096
"""First packets of global policies whose session is not yet made."""
LINES_PER_S = 2000
"""Lines written per second; more are counted as lost. A flood of denied packets must not occupy the agent."""

_EVENT_GROUPS = (1, 2, 3)
"""NFNLGRP_CONNTRACK_NEW, UPDATE, DESTROY."""
_UPDATE, _DELETE = 0, 2
_CREATE_FLAG = 0x400
_PROTOINFO, _TIMEOUT, _MARK, _COUNTERS, _ID, _TIMESTAMP, _LABELS = 4, 7, 8, (9, 10), 12, 20, 22
_ESTABLISHED, _TIME_WAIT, _CLOSE = 3, 7, 8
_FIN_STATES = frozenset((4, 5, 6, _TIME_WAIT))
_ICMP = {1: "icmp", 58: "icmp6"}


class Awaited(NamedTuple):
    """A session whose end is to be logged. alg: its ALG, "" for none. started_s: wall clock."""

    policy: Logged
    alg: str
    started_s: float


class SessionLog:
    """The session events of one namespace, written to `log`; its sockets are open while a policy wants them."""

    def __init__(self, log: EventLog, conntrack: Conntrack, selector: selectors.BaseSelector) -> None:
        """selector: where the sockets are registered, with what to call when one is readable as their data."""
        self._log = log
        self._conntrack = conntrack
        self._selector = selector
        self._naming = Naming({})
        self._events: Listener | None = None
        self._packets: Listener | None = None
        self._awaited: OrderedDict[bytes, Awaited] = OrderedDict()
        self._zones: OrderedDict[tuple[int, FlowTuple], tuple[str, str]] = OrderedDict()
        self._second = 0
        self._lines = 0
        self._lost = 0

    def name(self, naming: Naming) -> None:
        """Names of another plan; nothing is opened or closed for it."""
        self._naming = naming

    def configure(self, plan: Message) -> None:
        """The plan in force. Raises DataplaneError when the kernel does not tell of sessions."""
        self.name(Naming(plan))
        if not self._naming.logs:
            self._rest()
        elif self._events is None:
            self._packets = log_listener(LOG_GROUP, HEADERS)
            self._events = Listener(_EVENT_GROUPS)
            self._selector.register(self._packets.socket, selectors.EVENT_READ, self.take)
            self._selector.register(self._events.socket, selectors.EVENT_READ, self.take)
            self._catch_up()

    def _rest(self) -> None:
        """Hear no more, once the last session has ended whose end was to be logged."""
        if not self._naming.logs and not self._awaited and self._events is not None:
            self.close()

    def close(self) -> None:
        """Hear no more."""
        for listener in (self._packets, self._events):
            if listener is not None:
                self._selector.unregister(listener.socket)
        self.abandon()
        self._awaited.clear()
        self._zones.clear()

    def abandon(self) -> None:
        """Close the sockets alone, in a child that shares the selector's descriptor with its parent."""
        for listener in (self._packets, self._events):
            if listener is not None:
                listener.close()
        self._packets = self._events = None

    def take(self) -> None:
        """Take what has arrived, a bounded part of it."""
        if self._events is None:
            return
        self._take_packets()
        datagrams, lost = self._events.drain()
        for datagram in datagrams:
            self.take_events(datagram)
        if lost:
            self._lost += 1
            self._catch_up()
        self.tick()

    def _take_packets(self) -> None:
        if self._packets is None:
            return
        datagrams, lost = self._packets.drain()
        for datagram in datagrams:
            self.take_logged(datagram)
        self._lost += lost

    def take_logged(self, datagram: bytes) -> None:
        """One datagram of the log group."""
        for packet in packets(datagram):
            self._packet(packet)

    def take_events(self, datagram: bytes) -> None:
        """One datagram of conntrack's events."""
        for heard in messages(datagram):
            if heard.subsystem == CONNTRACK:
                self._event(heard)

    def tick(self) -> None:
        """Say once a second how much was lost; the agent calls it when it wakes."""
        self._rest()
        if self._lost and int(time.time()) != self._second:
            lost, self._lost = self._lost, 0
            self._log.write("sessions-lost", {"count": lost})

    def _write(self, event: str, fields: Mapping[str, object]) -> None:
        now = int(time.time())
        if now != self._second:
            self.tick()
            self._second, self._lines = now, 0
        if self._lines >= LINES_PER_S:
            self._lost += 1
            return
        self._lines += 1
        self._log.write(event, fields)

    # ----- packets of rules that log

    def _packet(self, packet: LoggedPacket) -> None:
        words = packet.prefix.split()
        if len(words) < 3 or not words[1].isdecimal():
            return
        policy = self._naming.policy(int(words[1]))
        zones = (
            policy.from_zone or self._naming.zone(packet.incoming),
            policy.to_zone or self._naming.zone(packet.outgoing),
        )
        if words[2] == "permit":
            self._zones[int(words[1]), _as_tracked(packet.flow)] = zones
            if len(self._zones) > WAITING:
                self._zones.popitem(last=False)
            return
        fields = {
            **_ends(packet.flow),
            "service-name": self._service(packet.flow),
            "protocol-id": packet.flow.protocol,
            **_policy(policy._replace(from_zone=zones[0], to_zone=zones[1])),
            "application": "UNKNOWN",
            "reason": "Rejected by policy" if words[2] == "reject" else "Denied by policy",
        }
        self._write("session-deny", fields)

    def _service(self, flow: FlowTuple) -> str:
        found = self._naming.application(flow.protocol, flow.destination.port)
        return found or _ICMP.get(flow.protocol, "None")

    # ----- conntrack's events

    def _event(self, heard: Heard) -> None:
        found = heard.found
        try:
            if heard.kind == _DELETE:
                awaited = self._awaited.pop(found[_ID], None)
                if awaited is not None:
                    self._closed(found, awaited, _why_destroyed(found))
            elif heard.kind == _UPDATE and heard.flags & _CREATE_FLAG:
                self._created(found)
            elif _tcp_state(found) in (_TIME_WAIT, _CLOSE) and found[_ID] in self._awaited:
                self._closed_by_tcp(found)
        except (KeyError, IndexError, ValueError):
            # Not what this kernel should say; the next message may be better.
            self._lost += 1

    def _created(self, found: Mapping[int, bytes]) -> None:
        original, reply = _as_tracked(parse_tuple(found[1])), _as_tracked(parse_tuple(found[2]))
        number = _label(found)
        policy = self._naming.policy(number)
        if not policy.from_zone:
            from_zone, to_zone = self._zones_of(number, FlowTuple(original.protocol, original.source, reply.source))
            policy = policy._replace(from_zone=from_zone, to_zone=to_zone)
        alg = _alg(found)
        if policy.log_close:
            self._await(found[_ID], Awaited(policy, alg, time.time()))
        if policy.log_init:
            self._write("session-create", self._fields(found, original, reply, policy, alg))

    def _zones_of(self, number: int, forwarded: FlowTuple) -> tuple[str, str]:
        """The zones of a global policy's session, from its first packet, which was logged before it was made."""
        if (number, forwarded) not in self._zones:
            self._take_packets()
        return self._zones.pop((number, forwarded), (UNKNOWN, UNKNOWN))

    def _await(self, key: bytes, awaited: Awaited) -> None:
        self._awaited[key] = awaited
        if len(self._awaited) > SESSIONS:
            self._awaited.popitem(last=False)
            self._lost += 1

    def _closed_by_tcp(self, found: Mapping[int, bytes]) -> None:
        """Both ends have closed, or one has reset: the entry is there yet, and knows how much went through it."""
        awaited = self._awaited.pop(found[_ID])
        reason = "TCP FIN" if _tcp_state(found) == _TIME_WAIT else "TCP RST"
        now = self._conntrack.raw(parse_tuple(found[1]))
        same = now is not None and now.get(_ID) == found[_ID]
        self._closed(now if now is not None and same else found, awaited, reason)

    def _closed(self, found: Mapping[int, bytes], awaited: Awaited, reason: str) -> None:
        original, reply = _as_tracked(parse_tuple(found[1])), _as_tracked(parse_tuple(found[2]))
        fields = self._fields(found, original, reply, awaited.policy, awaited.alg)
        counted = [attributes(found.get(kind, b"")) for kind in _COUNTERS]
        for party, counter in zip(("client", "server"), counted, strict=True):
            fields[f"packets-from-{party}"] = int.from_bytes(counter.get(1, b""), "big")
            fields[f"bytes-from-{party}"] = int.from_bytes(counter.get(2, b""), "big")
        fields["elapsed-time"] = round(_elapsed(found, awaited.started_s))
        self._write("session-close", {"reason": reason, **fields})

    def _fields(
        self, found: Mapping[int, bytes], original: FlowTuple, reply: FlowTuple, policy: Logged, alg: str
    ) -> dict[str, object]:
        """Names as Junos has them; nat-*: the session as it leaves."""
        forwarded = FlowTuple(original.protocol, original.source, reply.source)
        return {
            **_ends(original),
            "service-name": self._service(forwarded),
            **_ends(reply.reversed, "nat-"),
            "protocol-id": original.protocol,
            **_policy(policy),
            "session-id-32": int.from_bytes(found.get(_ID, b""), "big"),
            "application": alg.upper() or "UNKNOWN",
        }

    def _catch_up(self) -> None:
        """Sessions that began unheard: none of them is created now, but their end will be logged."""
        for found in self._conntrack.every():
            number = _label(found)
            policy = self._naming.policy(number)
            if number and policy.log_close and _ID in found and found[_ID] not in self._awaited:
                self._await(found[_ID], Awaited(policy, _alg(found), _started(found) or time.time()))


def _as_tracked(flow: FlowTuple) -> FlowTuple:
    """Without the identifier, type and code of ICMP, which are no part of its endpoints."""
    if flow.protocol not in _ICMP:
        return flow
    return FlowTuple(flow.protocol, flow.source._replace(port=0), flow.destination._replace(port=0))


def _label(found: Mapping[int, bytes]) -> int:
    return int.from_bytes(found.get(_LABELS, b"")[:4], "little") & ((1 << POLICY_LABEL_BITS) - 1)


def _alg(found: Mapping[int, bytes]) -> str:
    mark = int.from_bytes(found.get(_MARK, b""), "big")
    return ALG_NAMES.get(mark & ALG_MASK, "") if mark & CONTROL else ""


def _tcp_state(found: Mapping[int, bytes]) -> int:
    """0 when the message has none."""
    tcp = attributes(found.get(_PROTOINFO, b"")).get(1, b"")
    return attributes(tcp).get(1, b"\0")[0]


def _why_destroyed(found: Mapping[int, bytes]) -> str:
    """An entry whose time has run out says no timeout; one that was deleted says what was left, or is offloaded yet."""
    state = _tcp_state(found)
    if state == _CLOSE:
        return "TCP RST"
    if offloaded(found) or (_TIMEOUT in found and state in (0, _ESTABLISHED)):
        return "session cleared"
    return "TCP FIN" if state in _FIN_STATES else "idle Timeout"


def _started(found: Mapping[int, bytes]) -> float:
    return int.from_bytes(attributes(found.get(_TIMESTAMP, b"")).get(1, b""), "big") / 1e9


def _elapsed(found: Mapping[int, bytes], started_s: float) -> float:
    stopped = int.from_bytes(attributes(found.get(_TIMESTAMP, b"")).get(2, b""), "big") / 1e9
    return max(0.0, (stopped or time.time()) - (_started(found) or started_s))


def _ends(flow: FlowTuple, prefix: str = "") -> dict[str, object]:
    return {
        f"{prefix}source-address": text(flow.source.address),
        f"{prefix}source-port": flow.source.port,
        f"{prefix}destination-address": text(flow.destination.address),
        f"{prefix}destination-port": flow.destination.port,
    }


def _policy(policy: Logged) -> dict[str, object]:
    return {
        "policy-name": policy.name,
        "source-zone-name": policy.from_zone or UNKNOWN,
        "destination-zone-name": policy.to_zone or UNKNOWN,
    }
