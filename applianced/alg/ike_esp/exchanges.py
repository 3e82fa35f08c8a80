"""One IKE session: what goes between a host and a gateway on the port of IKE, and the ESP that follows from it.

    client ── IKE_SA_INIT, Main or Aggressive Mode ──►  gateway      a state begins
    client ── IKE_AUTH, Quick Mode, CREATE_CHILD_SA ──► gateway      ESP is awaited in both directions
    client ◄══ ESP, first packet of an SPI ════════════ gateway      its SPI is learnt: a gate for it, to this client

Rule: nothing here performs I/O, and no input raises.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from applianced.alg.actions import (
    Action,
    Actions,
    AwaitKey,
    Bind,
    CloseGate,
    HandOver,
    Keep,
    LeadKey,
    Note,
    Now,
    OpenKey,
    Proceed,
    Refuse,
    Reply,
    Wait,
)
from applianced.alg.ike_esp.gateways import Gateways, Relation
from applianced.alg.ike_esp.isakmp import Header, is_nat_traversal, parse
from applianced.alg.ike_esp.settings import IkeEspSettings
from applianced.alg.ike_esp.states import SPIS_MOST, STATES_MOST, Spi, State
from applianced.errors import ProtocolError
from applianced.model.sessions import ControlSession
from applianced.model.tuples import ORIGINAL, REPLY, Direction, Endpoint, text

PORT = 500
"""The source port that clients keep."""
RESERVED = 256
"""SPIs below are (RFC 4303 2.1)."""
REKEYED_S = 60.0
"""How long after an exchange that may have made another IKE SA its first message is looked for."""

Whether = Generator[Action, Reply, bool]


class Exchanges:
    """The IKE-ESP ALG of one control session; see `DatagramAlg`, `Timed` and `Keyed`."""

    def __init__(self, settings: IkeEspSettings, session: ControlSession, gateways: Gateways) -> None:
        self._settings = settings
        self._session = session
        self._gateways = gateways
        self._states: dict[bytes, State] = {}
        self._spis: dict[int, Spi] = {}
        """Gate -> the SPI that it admits."""
        self._gates = [0, 0]
        """By direction: the gate that awaits its first packets, 0 for none."""
        self._renewed_s = 0.0
        """When the initiator's was asked for last."""
        self._answered = True
        """Whether the responder's ESP has come since the last negotiation."""
        self._rekeyed_s = 0.0
        """When another IKE SA may have been made last."""
        self._negotiating = b""
        self._held: Header | None = None
        self._outside: Endpoint | None = None
        self._relation: Relation | None = None

    def plain(self, direction: Direction, data: bytes) -> bool:
        """Every message keeps its state alive."""
        return False

    def datagram(self, direction: Direction, data: bytes) -> Actions:
        """A message of IKE, or what is none."""
        if is_nat_traversal(data):
            yield Note("nat-traversal", f"{len(data)} octets")
            yield HandOver()
            return
        try:
            header = parse(data)
        except ProtocolError as error:
            yield from _refuse(error.event, str(error))
            return
        yield from self._know()
        now = yield Now()
        assert isinstance(now, float)
        state = self._states.get(header.initiator)
        if state is not None and not state.fits(header):
            yield from _refuse("bad-pair", f"{header}, {header.responder.hex()}")
            return
        if header.negotiates and not (yield from self._may_negotiate(header, now)):
            return
        if state is None and not (yield from self._begin(header, direction, now)):
            return
        yield from self._message(self._states[header.initiator], header, direction, now)

    def _know(self) -> Actions:
        """Find out, once, how the two know each other."""
        if self._relation is not None:
            return
        outside = yield Bind(ORIGINAL, self._session.party(ORIGINAL))
        if isinstance(outside, Endpoint):
            self._outside = outside
            self._relation = Relation(self._session.party(REPLY).address, outside.address)
            self._gateways.enter(self._relation, self)

    def _message(self, state: State, header: Header, direction: Direction, now: float) -> Actions:
        """A message of a pair that is known."""
        begins = state.take(header, direction, now)
        if header.rekeys:
            self._rekeyed_s = now
        if header.negotiates:
            self._answered, self._negotiating = False, header.initiator
            if begins:
                yield Note("negotiations", str(header))
            yield from self._await(REPLY, str(header), self._settings.esp_gate_timeout)
            yield from self._await(ORIGINAL, str(header), self._settings.state_timeout)
            self._renewed_s = now
        elif self._gates[ORIGINAL] and now - self._renewed_s > self._settings.state_timeout / 2:
            yield from self._await(ORIGINAL, str(header), self._settings.state_timeout)
            self._renewed_s = now
        if self._gates[ORIGINAL]:
            yield Keep(self._settings.state_timeout)

    # ----- pairs of cookies

    def _begin(self, header: Header, direction: Direction, now: float) -> Whether:
        """An initiator that was not heard of before; whether its message may pass."""
        if direction is REPLY and not (yield from self._is_ours(header, now)):
            return False
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
        """Whether the responder means this host, and no other one behind the same address, with an SA of its own."""
        others = self._behind_the_same_port()
        if not self._states and not others:
            yield from _refuse("unknown-pair", str(header))
            return False
        if not others:
            return True
        rekeyed = [each for each in (self, *others) if each.rekeyed_within(REKEYED_S, now)]
        if rekeyed == [self]:
            return True
        if len(rekeyed) != 1:
            yield from _refuse("ambiguous-pair", str(header))
            return False
        # The next one goes there: this one has come too far.
        outside = rekeyed[0].outside
        assert outside is not None
        led = yield LeadKey(REPLY, header.initiator, outside, str(header), self._settings.state_timeout)
        yield Note("led" if isinstance(led, int) else "refused-message", f"{header} to {outside}")
        yield Refuse()
        return False

    def _behind_the_same_port(self) -> list[Exchanges]:
        """The sessions whose clients the gateway sees at the same address and port."""
        if self._relation is None or self.port != PORT:
            return []
        return [each for each in self._gateways.others(self._relation, self) if each.port == PORT]

    @property
    def port(self) -> int:
        """The client's own."""
        return self._session.party(ORIGINAL).port

    def rekeyed_within(self, seconds: float, now: float) -> bool:
        """Whether this session may have made another IKE SA a moment ago."""
        return bool(self._rekeyed_s) and now - self._rekeyed_s <= seconds

    @property
    def outside(self) -> Endpoint | None:
        """How the client is known to the gateway, in conntrack's books."""
        return self._outside

    # ----- waiting for ESP

    def _may_negotiate(self, header: Header, now: float) -> Whether:
        """Whether no other host's ESP from this gateway is awaited; else the message waits."""
        if self._claim(now):
            self._held = None
            return True
        if self._held != header:
            self._held = header
            yield Note("held", str(header))
        yield Wait()
        return False

    def _claim(self, now: float) -> bool:
        if self._relation is None:
            return True
        return self._gateways.claim(self._relation, self, now, now + self._settings.esp_gate_timeout)

    def _await(self, direction: Direction, reason: str, seconds: float) -> Actions:
        before = self._gates[direction]
        gate = yield AwaitKey(direction, reason, seconds)
        self._gates[direction] = gate if isinstance(gate, int) else 0
        if direction is REPLY and isinstance(gate, int) and not before:
            yield Note("gates-awaiting", reason)

    def _give_up(self) -> Actions:
        """The responder's ESP is awaited no longer: others may go on."""
        if self._relation is not None:
            self._gateways.give_up(self._relation, self)
        yield Proceed()

    def first(self, direction: Direction, key: int) -> Actions:
        """The first packet of an SPI. See `Keyed`."""
        detail = f"{'to' if direction is ORIGINAL else 'from'} the responder, SPI {key:#010x}"
        if key < RESERVED:
            yield from _refuse_esp("reserved-spi", detail)
            return
        now = yield Now()
        assert isinstance(now, float)
        if direction is ORIGINAL and not self._answered and not (yield from self._await_answer(detail, now)):
            return
        yield from self._learn(direction, key, detail, now)

    def _await_answer(self, reason: str, now: float) -> Whether:
        """The initiator speaks first, and perhaps late: the responder's answer is awaited from now on."""
        if not self._claim(now):
            yield from _refuse_esp("esp-while-awaiting", reason)
            return False
        yield from self._await(REPLY, reason, self._settings.esp_gate_timeout)
        return True

    def _learn(self, direction: Direction, key: int, detail: str, now: float) -> Actions:
        yield from self._supersede(direction, SPIS_MOST)
        open_ = OpenKey(direction, key, f"ESP {detail}", self._settings.esp_session_timeout)
        gate = yield open_
        if not isinstance(gate, int):
            # The limit of gates may be lower than ours.
            yield from self._supersede(direction, 1)
            gate = yield open_
        if not isinstance(gate, int):
            yield from _refuse_esp("", detail)
            return
        self._spis[gate] = Spi(gate, direction, key, now, self._negotiating)
        yield Note("esp-sessions", detail)
        if direction is REPLY:
            yield from self._hit(detail)

    def _hit(self, detail: str) -> Actions:
        self._answered = True
        yield Note("gates-hit", detail)
        if self._gates[REPLY]:
            yield CloseGate(self._gates[REPLY])
            self._gates[REPLY] = 0
        yield from self._give_up()

    def _supersede(self, direction: Direction, most: int) -> Actions:
        """Close the oldest SPI of a direction that has `most` of them already."""
        same = [spi for spi in self._spis.values() if spi.direction is direction]
        if len(same) >= most:
            del self._spis[same[0].gate]
            yield CloseGate(same[0].gate)
            yield Note("esp-superseded", f"SPI {same[0].number:#010x}")

    # ----- time

    def tick(self, now: float) -> Actions:
        """States end that have been silent. See `Timed`."""
        for state in [each for each in self._states.values() if each.last_s + self._settings.state_timeout <= now]:
            del self._states[state.initiator]
            yield Note("states-ended", state.initiator.hex())
        if not self._states:
            for direction in (ORIGINAL, REPLY):
                if self._gates[direction]:
                    yield CloseGate(self._gates[direction])
                    self._gates[direction] = 0
            yield from self._give_up()

    def gone(self, gate: int) -> Actions:
        """A gate has ended by itself. See `Timed`."""
        spi = self._spis.pop(gate, None)
        if spi is not None:
            yield Note("esp-idle", f"SPI {spi.number:#010x}")
        elif gate == self._gates[REPLY]:
            self._gates[REPLY] = 0
            yield Note("gates-timed-out")
            yield from self._give_up()
        elif gate == self._gates[ORIGINAL]:
            self._gates[ORIGINAL] = 0

    def closed(self) -> None:
        """The session has ended."""
        if self._relation is not None:
            self._gateways.leave(self._relation, self)
            self._relation = None

    # ----- what is kept and shown

    def snapshot(self) -> tuple[Any, ...]:
        """Numbers and octets, some 1,500 of them at most."""
        return (
            tuple(state.plain for state in self._states.values()),
            tuple((spi.gate, int(spi.direction), *spi[2:]) for spi in self._spis.values()),
            tuple(self._gates),
            self._answered,
            self._rekeyed_s,
            self._negotiating,
            tuple(self._outside) if self._outside is not None else (),
        )

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        """Take up what `snapshot` gave."""
        states, spis, gates, self._answered, self._rekeyed_s, self._negotiating, outside = snapshot
        self._states = {plain[0]: State.of(plain) for plain in states}
        self._spis = {gate: Spi(gate, Direction(direction), *rest) for gate, direction, *rest in spis}
        self._gates = list(gates)
        if outside:
            self._outside = Endpoint(*outside)
            self._relation = Relation(self._session.party(REPLY).address, self._outside.address)
            self._gateways.enter(self._relation, self)

    @property
    def shown(self) -> Iterator[dict[str, Any]]:
        """An entry of the state for each pair of cookies; the SPIs stand with the pair that negotiated them."""
        client, gateway = self._session.tuple.source.address, self._session.tuple.destination.address
        for state in self._states.values():
            spis = [spi for spi in self._spis.values() if spi.initiator == state.initiator]
            yield {
                "initiator-cookie": state.initiator.hex(),
                "responder-cookie": state.responder.hex(),
                "client-address": text(client),
                "gateway-address": text(gateway),
                "outside-address": text(self._outside.address if self._outside is not None else client),
                "ike-version": state.version,
                "initiated-by": "client" if state.by is ORIGINAL else "gateway",
                "exchange": state.exchange[0],
                "esp": state.negotiated,
                "created": state.created_s,
                "last-message": state.last_s,
                "spi-to-gateway": [f"{spi.number:#010x}" for spi in spis if spi.direction is ORIGINAL],
                "spi-from-gateway": [f"{spi.number:#010x}" for spi in spis if spi.direction is REPLY],
            }


def _refuse(event: str, detail: str) -> Actions:
    yield Note(event, detail)
    yield Note("refused-message", detail)
    yield Refuse()


def _refuse_esp(event: str, detail: str) -> Actions:
    if event:
        yield Note(event, detail)
    yield Note("refused-esp", detail)
    yield Refuse()
