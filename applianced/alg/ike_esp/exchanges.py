"""One IKE session: what goes between a host and a gateway on the port of IKE, and the ESP that follows from it.

    client ── IKE_SA_INIT, Main or Aggressive Mode ──►  gateway      a state begins
    client ── IKE_AUTH, Quick Mode, CREATE_CHILD_SA ──► gateway      ESP is awaited in both directions
    client ◄══ ESP, first packet of an SPI ════════════ gateway      its SPI is learnt: a gate for it, to this client

Rule: nothing here performs I/O, and no input raises.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from typing import Any

from applianced.alg.actions import (
    Action,
    Actions,
    Bind,
    HandOver,
    Keep,
    LeadKey,
    Note,
    Now,
    Refuse,
    Reply,
    Wait,
)
from applianced.alg.ike_esp.gateways import Gateways, Relation
from applianced.alg.ike_esp.isakmp import AUTH, Header, is_nat_traversal, name_of, parse
from applianced.alg.ike_esp.settings import IkeEspSettings
from applianced.alg.ike_esp.spis import Spis
from applianced.alg.ike_esp.states import STATES_MOST, State
from applianced.errors import ProtocolError
from applianced.model.sessions import ControlSession
from applianced.model.tuples import ORIGINAL, REPLY, Direction, Endpoint, text

PORT = 500
"""The source port that clients keep."""
CHANCES = 2
"""Messages that a host gets that may be meant."""
REKEYED_S = 60.0
"""How long after an exchange that may have made another IKE SA its first message is looked for."""

Whether = Generator[Action, Reply, bool]


class Exchanges:
    """The IKE-ESP ALG of one control session; see `DatagramAlg`, `Timed`, `Keyed` and `Closing`."""

    def __init__(self, settings: IkeEspSettings, session: ControlSession, gateways: Gateways) -> None:
        self._settings = settings
        self._session = session
        self._gateways = gateways
        self._states: dict[bytes, State] = {}
        self._spis = Spis(settings, gateways)
        self._rekeyed_s = 0.0
        """When another IKE SA may have been made last."""
        self._held: Header | None = None
        self._outside: Endpoint | None = None

    def plain(self, direction: Direction, data: bytes) -> bool:
        """Every message keeps its state alive."""
        return False

    def datagram(self, direction: Direction, data: bytes) -> Actions:
        """A message of IKE, or what is none."""
        if is_nat_traversal(data):
            yield Note("nat-traversal", f"{len(data)} octets")
            if not self._states:
                # Otherwise it alone passes: one forged octet must not end what the ALG does for this session.
                yield HandOver()
            return
        try:
            header = parse(data)
        except ProtocolError as error:
            yield from _refuse(error.event, str(error))
            return
        if self._spis.relation is None or header.negotiates:
            yield from self._know()
        now = yield Now()
        assert isinstance(now, float)
        state = self._states.get(header.initiator)
        if state is not None and not state.fits(header):
            yield from _refuse("bad-pair", f"{header}, {header.responder.hex()}")
            return
        guessed = state is None or (state.by is REPLY and not state.answered)
        if direction is REPLY and guessed and not (yield from self._is_ours(header, now)):
            return
        if state is None and not (yield from self._begin(header, direction, now)):
            return
        if header.negotiates and not (yield from self._may_negotiate(header, now)):
            return
        yield from self._message(self._states[header.initiator], header, direction, now)

    def _know(self) -> Actions:
        """Find out how the client is known: its port may change with each entry of conntrack, its address does not."""
        outside = yield Bind(ORIGINAL, self._session.party(ORIGINAL))
        if isinstance(outside, Endpoint):
            self._outside = outside
        if isinstance(outside, Endpoint) and self._spis.relation is None:
            self._spis.relation = Relation(self._session.party(REPLY).address, outside.address)
            self._gateways.enter(self._spis.relation, self)

    def _message(self, state: State, header: Header, direction: Direction, now: float) -> Actions:
        """A message of a pair that is known."""
        begins = state.take(header, direction, now)
        if header.rekeys:
            self._rekeyed_s = now
        elif direction is ORIGINAL and state.created_s >= self._rekeyed_s:
            self._rekeyed_s = 0.0  # here is what it has made
        if header.negotiates:
            if begins:
                yield Note("negotiations", str(header))
            # IKE_AUTH ends with one pair, however many messages it takes.
            more = -1 if header.exchange == AUTH else int(begins)
            yield from self._spis.negotiated(header.initiator, str(header), now, more=more)
        else:
            yield from self._spis.renew(str(header), now)
        if self._spis.awaited:
            yield Keep(self._settings.state_timeout)

    # ----- pairs of cookies

    def _begin(self, header: Header, direction: Direction, now: float) -> Whether:
        """An initiator that was not heard of before; whether its message may pass."""
        if len(self._states) >= STATES_MOST and not self._make_room():
            yield from _refuse("states-full", str(header))
            return False
        self._states[header.initiator] = State(header.initiator, header.responder, header.version, direction, now, now)
        yield Note("states", str(header))
        if header.responder.strip(b"\0"):
            yield Note("states-midway", str(header))
        if direction is REPLY:
            yield Note("rekeyed-by-responder", str(header))
        return True

    def _make_room(self) -> bool:
        """Forget the oldest pair that has not led to anything."""
        oldest = next((state for state in self._states.values() if not state.negotiated), None)
        if oldest is not None:
            del self._states[oldest.initiator]
        return oldest is not None

    def _is_ours(self, header: Header, now: float) -> Whether:
        """Whether the responder means this host with an SA of its own, and no other one behind the same address.

        Nobody sees the SPIs of an SA that another one has made (RFC 7296 1.3.2): the host that has lately had an
        exchange of that kind is the likeliest. Who does not answer twice was not meant.
        """
        others = self._behind_the_same_port()
        if not others:
            if not self._states:
                yield from _refuse("unknown-pair", str(header))
            return bool(self._states)
        likely = sorted((each for each in (self, *others) if each.rekeyed_within(REKEYED_S, now)), key=_latest_first)
        if not likely:
            yield from _refuse("ambiguous-pair", str(header))
            return False
        meant = likely[self._gateways.asked(header.initiator) // CHANCES % len(likely)]
        if meant is not self:
            yield from self._lead(header, meant)
        return meant is self

    def _lead(self, header: Header, meant: Exchanges) -> Actions:
        """Have the next message go to another host: this one has come too far."""
        self._states.pop(header.initiator, None)
        assert meant.outside is not None
        led = yield LeadKey(REPLY, header.initiator, meant.outside, str(header), self._settings.state_timeout)
        yield Note("led" if isinstance(led, int) else "refused-message", f"{header} to {meant.outside}")
        yield Refuse()

    def _behind_the_same_port(self) -> list[Exchanges]:
        """The sessions whose clients the gateway sees at the same address and port."""
        if self._spis.relation is None or self.port != PORT:
            return []
        return [each for each in self._gateways.others(self._spis.relation, self) if each.port == PORT]

    @property
    def port(self) -> int:
        """The client's own."""
        return self._session.party(ORIGINAL).port

    @property
    def rekeyed_s(self) -> float:
        """When an exchange was seen last that may have made another IKE SA; 0: none, or that was seen too."""
        return self._rekeyed_s

    def rekeyed_within(self, seconds: float, now: float) -> bool:
        """Whether this session may have made another IKE SA a moment ago."""
        return bool(self._rekeyed_s) and now - self._rekeyed_s <= seconds

    @property
    def outside(self) -> Endpoint | None:
        """How the client is known to the gateway, in conntrack's books."""
        return self._outside

    def _may_negotiate(self, header: Header, now: float) -> Whether:
        """Whether no other host's ESP from this gateway is awaited; else the message waits."""
        if self._spis.claim(now):
            self._held = None
            return True
        if self._held != header:
            self._held = header
            yield Note("held", str(header))
        yield Wait()
        return False

    def first(self, direction: Direction, key: int) -> Actions:
        """The first packet of an SPI. See `Keyed`."""
        return self._spis.first(direction, key)

    # ----- time

    def tick(self, now: float) -> Actions:
        """States end that have been silent. See `Timed`."""
        for state in [each for each in self._states.values() if each.last_s + self._settings.state_timeout <= now]:
            del self._states[state.initiator]
            yield Note("states-ended", state.initiator.hex())
        if not self._states:
            yield from self._spis.end()
        yield from self._spis.settle()

    def gone(self, gate: int) -> Actions:
        """A gate has ended by itself. See `Timed`."""
        return self._spis.gone(gate)

    def closed(self) -> None:
        """The session has ended."""
        if self._spis.relation is not None:
            self._gateways.give_up(self._spis.relation, self._spis)
            self._gateways.leave(self._spis.relation, self)
            self._spis.relation = None

    # ----- what is kept and shown

    def snapshot(self) -> tuple[Any, ...]:
        """Numbers and octets, some 1,000 of them at most."""
        return (
            b"".join(state.octets for state in self._states.values()),
            self._spis.snapshot(),
            self._rekeyed_s,
            tuple(self._outside) if self._outside is not None else (),
        )

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        """Take up what `snapshot` gave."""
        states, spis, self._rekeyed_s, outside = snapshot
        self._states = {state.initiator: state for state in State.all_of(states)}
        self._spis.restore(spis)
        if outside:
            self._outside = Endpoint(*outside)
            self._spis.relation = Relation(self._session.party(REPLY).address, self._outside.address)
            self._gateways.enter(self._spis.relation, self)

    @property
    def shown(self) -> Iterator[dict[str, Any]]:
        """An entry of the state for each pair of cookies; the SPIs stand with the pair that negotiated them."""
        client, gateway = self._session.tuple.source.address, self._session.tuple.destination.address
        for state in self._states.values():
            yield {
                "initiator-cookie": state.initiator.hex(),
                "responder-cookie": state.responder.hex(),
                "client-address": text(client),
                "gateway-address": text(gateway),
                "outside-address": text(self._outside.address if self._outside is not None else client),
                "ike-version": state.version,
                "initiated-by": "client" if state.by is ORIGINAL else "gateway",
                "exchange": name_of(state.version, state.exchange[0]),
                "esp": state.negotiated,
                "created": _moment(state.created_s),
                "last-message": _moment(state.last_s),
                "spi-to-gateway": self._spis.shown(state.initiator, ORIGINAL),
                "spi-from-gateway": self._spis.shown(state.initiator, REPLY),
            }


def _latest_first(session: Exchanges) -> float:
    return -session.rekeyed_s


def _moment(seconds: float) -> str:
    """A time of the wall clock as YANG has it (RFC 6991, date-and-time)."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _refuse(event: str, detail: str) -> Actions:
    yield Note(event, detail)
    yield Note("refused-message", detail)
    yield Refuse()
