"""The ESP of one IKE session: awaited, learnt by its first packet, and let go.

    client ── an SPI for the first time ──► gateway     a gate for it; the gateway's answer is awaited
    client ◄── an SPI for the first time ── gateway     a gate for it, if it is awaited

Rule: nothing here performs I/O, and no input raises.
"""

from __future__ import annotations

from struct import Struct
from typing import Any, NamedTuple

from applianced.alg.actions import Actions, AwaitKey, CloseGate, Note, Now, OpenKey, Proceed, Refuse, Wait
from applianced.alg.ike_esp.gateways import Gateways, Relation
from applianced.alg.ike_esp.isakmp import NOBODY
from applianced.alg.ike_esp.settings import IkeEspSettings
from applianced.model.tuples import ORIGINAL, REPLY, Direction

MOST = 16
"""SPIs per session and direction; the oldest makes room."""
_PLAIN = Struct("!IBI8s")
SURPLUS_MOST = 8
"""SPIs of a gateway beyond those negotiated that are learnt while it is awaited."""
RESERVED = 256
"""SPIs below are (RFC 4303 2.1)."""


class Spi(NamedTuple):
    """An SPI that was learnt. gate: what admits it. direction: of its packets. initiator: of the pair of cookies that
    has negotiated last before."""

    gate: int
    direction: Direction
    number: int
    initiator: bytes


class Spis:
    """Those of one session. relation: between whom they go; None: not known yet."""

    def __init__(self, settings: IkeEspSettings, gateways: Gateways) -> None:
        self.relation: Relation | None = None
        self._settings = settings
        self._gateways = gateways
        self._known: dict[int, Spi] = {}
        """Gate -> the SPI that it admits."""
        self._gates = [0, 0]
        """By direction: the gate that awaits first packets, 0 for none."""
        self._renewed_s = 0.0
        """When the client's was asked for last."""
        self._expected = 0
        """SPIs of the gateway that have been negotiated, as far as can be seen, and have not come yet."""
        self._surplus = 0
        """Those that came beyond these since."""
        self._doubted: set[int] = set()
        """SPIs of the client whose answer has not come: their next packet is looked at once more."""
        self._held = 0
        """The SPI whose first packet waits."""
        self._initiator = NOBODY
        """Of the pair of cookies that has negotiated last."""

    @property
    def awaited(self) -> bool:
        """Whether the client may begin ESP."""
        return bool(self._gates[ORIGINAL])

    # ----- what IKE says of them

    def claim(self, now: float) -> bool:
        """Whether the gateway's next unknown SPI is ours; not while another host's is awaited."""
        if self.relation is None:
            return True
        return self._gateways.claim(self.relation, self, now, now + self._settings.esp_gate_timeout)

    def negotiated(self, initiator: bytes, reason: str, now: float, *, more: int) -> Actions:
        """A message of an exchange that may end with ESP. more: pairs of SPIs that it adds to those expected; -1: it is
        one, however many exchanges it takes."""
        self._initiator = initiator
        self._surplus = 0
        self._expected = 1 if more < 0 else min(self._expected + more, MOST)
        yield from self._await(REPLY, reason, self._settings.esp_gate_timeout)
        yield from self._await_client(reason, now)

    def renew(self, reason: str, now: float) -> Actions:
        """Another message: the client may begin ESP for as long as the state lives."""
        if self.awaited and now - self._renewed_s > self._settings.state_timeout / 2:
            yield from self._await_client(reason, now)

    def _await_client(self, reason: str, now: float) -> Actions:
        self._renewed_s = now
        yield from self._await(ORIGINAL, reason, self._settings.state_timeout)

    def _await(self, direction: Direction, reason: str, seconds: float) -> Actions:
        before = self._gates[direction]
        gate = yield AwaitKey(direction, reason, seconds)
        self._gates[direction] = gate if isinstance(gate, int) else 0
        if direction is REPLY and isinstance(gate, int) and not before:
            yield Note("gates-awaiting", reason)

    def _give_up(self) -> Actions:
        """The gateway's ESP is awaited no longer: others may go on."""
        if self.relation is not None:
            self._gateways.give_up(self.relation, self)
        yield Proceed()

    def end(self) -> Actions:
        """No state of IKE is left: what is admitted goes on, nothing new is."""
        if any(self._gates):
            for gate in filter(None, self._gates):
                yield CloseGate(gate)
            self._gates = [0, 0]
            yield from self._give_up()

    # ----- first packets

    def first(self, direction: Direction, key: int) -> Actions:
        """The first packet of an SPI. See `Keyed`."""
        detail = f"SPI {key:#010x} {'to' if direction is ORIGINAL else 'from'} the gateway"
        if key < RESERVED:
            yield Note("reserved-spi", detail)
            yield from _refuse(detail)
            return
        if direction is ORIGINAL and self._unanswered:
            now = yield Now()
            assert isinstance(now, float)
            # Let out while another host's is awaited, it would have its answer taken for that one.
            if not self.claim(now):
                yield from self._hold(key, detail)
                return
            self._expected, self._surplus = max(self._expected, 1), 0
            yield from self._await(REPLY, detail, self._settings.esp_gate_timeout)
        yield from self._learn(direction, key, detail)

    @property
    def _unanswered(self) -> bool:
        """Whether an SPI of the client has its answer still to come: they come in pairs."""
        return bool(self._expected) or self._number(ORIGINAL) >= self._number(REPLY)

    def _hold(self, key: int, detail: str) -> Actions:
        if self._held != key:
            self._held = key
            yield Note("esp-held", detail)
        yield Wait()

    def _number(self, direction: Direction) -> int:
        return sum(spi.direction is direction for spi in self._known.values())

    def _learn(self, direction: Direction, key: int, detail: str) -> Actions:
        yield from self._supersede(direction, MOST)
        asked = OpenKey(direction, key, f"ESP, {detail}", self._settings.esp_session_timeout)
        gate = yield asked
        if not isinstance(gate, int):
            # The limit of gates may be lower than ours.
            yield from self._supersede(direction, 1)
            gate = yield asked
        if not isinstance(gate, int):
            yield from _refuse(detail)
            return
        self._known[gate] = Spi(gate, direction, key, self._initiator)
        yield Note("esp-again" if key in self._doubted else "esp-sessions", detail)
        self._doubted.discard(key)
        if direction is REPLY:
            yield from self._hit(detail)

    def _hit(self, detail: str) -> Actions:
        if self._expected:
            yield Note("gates-hit", detail)
            self._expected -= 1
        else:
            yield Note("esp-surplus", detail)
            self._surplus += 1
        yield from self.settle()

    def _alone(self) -> bool:
        """Whether no other host could be meant by what comes from the gateway."""
        return self.relation is not None and self._gateways.number(self.relation) == 1

    def settle(self) -> Actions:
        """All that was negotiated has come. Who is alone goes on listening until the time is over: what has come first
        may have been forged, and the gateway's own would find nobody. Others must not wait for that."""
        if self._expected or not self._gates[REPLY] or (self._alone() and self._surplus < SURPLUS_MOST):
            return
        yield CloseGate(self._gates[REPLY])
        self._gates[REPLY] = 0
        yield from self._give_up()

    def _supersede(self, direction: Direction, most: int) -> Actions:
        """Close the oldest SPI of a direction that has `most` of them already."""
        same = [spi for spi in self._known.values() if spi.direction is direction]
        if len(same) >= most:
            del self._known[same[0].gate]
            yield CloseGate(same[0].gate)
            yield Note("esp-superseded", f"SPI {same[0].number:#010x}")

    # ----- time

    def gone(self, gate: int) -> Actions:
        """A gate has ended by itself. See `Timed`."""
        spi = self._known.pop(gate, None)
        if spi is not None:
            yield Note("esp-idle", f"SPI {spi.number:#010x}")
        elif gate == self._gates[REPLY]:
            self._gates[REPLY] = 0
            if self._expected:
                yield Note("gates-timed-out")
            yield from self._doubt()
            yield from self._give_up()
        elif gate == self._gates[ORIGINAL]:
            self._gates[ORIGINAL] = 0

    def _doubt(self) -> Actions:
        """The client's SPIs without an answer: their next packet has it awaited anew."""
        for spi in [spi for spi in self._known.values() if spi.direction is ORIGINAL][self._number(REPLY) :]:
            del self._known[spi.gate]
            self._doubted.add(spi.number)
            yield CloseGate(spi.gate)

    # ----- what is kept and shown

    def shown(self, initiator: bytes, direction: Direction) -> list[str]:
        """The SPIs of a pair of cookies."""
        wanted = (initiator, direction)
        return [f"{spi.number:#010x}" for spi in self._known.values() if (spi.initiator, spi.direction) == wanted]

    def snapshot(self) -> tuple[Any, ...]:
        """Numbers and octets."""
        known = b"".join(_PLAIN.pack(*spi) for spi in self._known.values())
        return known, tuple(self._gates), self._expected, self._initiator

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        """Take up what `snapshot` gave."""
        known, gates, self._expected, self._initiator = snapshot
        found = (Spi(gate, Direction(direction), *rest) for gate, direction, *rest in _PLAIN.iter_unpack(known))
        self._known = {spi.gate: spi for spi in found}
        self._gates = list(gates)


def _refuse(detail: str) -> Actions:
    yield Note("refused-esp", detail)
    yield Refuse()
