"""The books of one worker's gates and bindings, and the limits on them.

The kernel holds the same gates as map elements with timeouts; these books are what the state is served from, and
what decides when an element goes. Elements are closed explicitly before they expire: the kernel's own collector
starves under a stream of transactions.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from applianced.engine.bindings import Bindings, Board
from applianced.engine.idleness import Idleness, entered_for_s
from applianced.engine.kernel import Kernel, Ports
from applianced.engine.ledger import Ledger
from applianced.engine.silence import Silence
from applianced.model.gates import Gate
from applianced.model.media import MediaGate
from applianced.model.tuples import TCP, Endpoint

LEFT_MAX = 256
"""Struck gates that are tried again; those beyond end with their time."""
RECENT = 256
"""Closed gates that are still shown in the state."""
LASTING_S = 300.0
"""What a lasting gate has left in the kernel at most: so long it outlives a worker that nobody replaces."""
RENEWED = 64
"""Lasting gates that are renewed in one transaction; a socket's buffer bounds it."""

Count = Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class GateLimits:
    """`security flow alg-gates`, and what must never be reached through a gate.

    bindings_per_source: outside ports that one inside address may hold, 0 for as many as gates.
    """

    per_session: int = 8
    per_source: int = 256
    bindings_per_source: int = 0
    total: int = 16384
    lifetime_s: float = 30.0
    own_addresses: frozenset[bytes] = field(default_factory=frozenset)
    coupled: bool = False
    """`alg-data-session-coupled`: media do not outlive the stream that announced them."""
    of_alg: dict[str, int] = field(default_factory=dict)
    """ALG -> how many a session of it may have instead of `per_session`."""


class GateKeeper:
    """Opens, closes and expires the gates of one worker."""

    def __init__(
        self,
        kernel: Kernel,
        ports: Ports,
        *,
        first_number: int,
        ledger: Ledger | None = None,
        board: Board | None = None,
        others: Sequence[Board] = (),
    ) -> None:
        """ledger: for gates and bindings that are kept apart from their session's record. board: where held bindings
        are shown to other workers; others: where those show theirs."""
        self.kernel = kernel
        self.ports = ports
        self.idleness = Idleness(kernel)
        self.ledger = ledger or Ledger.none()
        self.bindings = Bindings(ports, self.ledger, board or Board(memoryview(b"")), others)
        self.silence = Silence(kernel)
        self.limits = GateLimits()
        self.gates: dict[int, Gate] = {}
        self.recent: deque[Gate] = deque(maxlen=RECENT)
        self.most = 0
        """The most gates that were open at once."""
        self._number = first_number
        self._limited: dict[int, Gate] = {}
        """Those whose time is fixed; media end when they fall silent."""
        self._per_source: Counter[bytes] = Counter()
        self._left: list[Gate] = []
        """Struck gates that the kernel did not let go of: closed with the next that are."""
        self._bound: dict[int, tuple[bytes, int, int]] = {}
        """Gate number -> the outside port it holds."""

    def bind(self, outside: bytes, protocol: int, count: Count, own: int) -> Endpoint | None:
        """A free port of an outside address, to announce in place of an inside endpoint; None when there is none.

        own: the port there; another one is as good.
        """
        port = self.ports.take(outside, protocol)
        if port is None:
            count("bindings-refused")
            return None
        return Endpoint(outside, port)

    def unbind(self, bound: Endpoint, protocol: int) -> None:
        """A binding for which no gate was opened after all."""
        self.ports.give(bound.address, protocol, bound.port, over=True)

    def open(self, gate: Gate, closing: list[Gate], open_of_session: int, count: Count) -> bool:
        """Enter a gate and put it into the kernel, together with the closing of others; False when refused."""
        return self.open_all((gate,), closing, open_of_session, count)

    def open_all(self, gates: Sequence[Gate], closing: list[Gate], open_of_session: int, count: Count) -> bool:
        """The same with several gates, all of them or none."""
        for place, gate in enumerate(gates):
            if not self._admitted(gate, open_of_session + place, count, beside=place):
                return False
        if not self.kernel.exchange(gates, closing, gates[0].created_s):
            count("gates-refused-kernel")
            return False
        self._forget(closing)
        closing.clear()
        for gate in gates:
            self.adopt(gate)
            count("gates-opened")
        return True

    def adopt(self, gate: Gate) -> None:
        """Take a gate into the books that is in the kernel already."""
        self.gates[gate.number] = gate
        self.most = max(self.most, len(self.gates))
        self._number = max(self._number, gate.number)
        self._per_source[gate.host] += 1
        if gate.bound:
            key = (gate.outside.address, gate.protocol, gate.outside.port)
            self._bound[gate.number] = key
        if isinstance(gate, MediaGate):
            for known in filter(None, gate.known):
                self.bindings.used(gate.protocol, known)
            self.silence.watch(gate)
        else:
            self._limited[gate.number] = gate

    def enter(self, gate: Gate, open_of_session: int, count: Count) -> bool:
        """Enter a gate that the kernel opens by itself; False when refused."""
        if not self._admitted(gate, open_of_session, count):
            return False
        self.adopt(gate)
        count("gates-opened")
        return True

    def _admitted(self, gate: Gate, open_of_session: int, count: Count, *, beside: int = 0) -> bool:
        """Give a gate its number, if no limit is against it, with so many more that are to be opened with it."""
        refusal = self._refusal(gate, open_of_session, beside)
        if refusal:
            count(refusal)
            return False
        self._number += 1
        gate.number = self._number
        return True

    def _refusal(self, gate: Gate, open_of_session: int, beside: int) -> str:
        limits = self.limits
        if gate.inside.address in limits.own_addresses:
            return "gates-refused-self"
        if open_of_session >= (limits.of_alg.get(gate.alg) or limits.per_session):
            return "gates-refused-session"
        if self._per_source.get(gate.host, 0) + beside >= limits.per_source:
            return "gates-refused-source"
        return "gates-refused-total" if len(self.gates) + beside >= limits.total else ""

    def strike(self, number: int, now: float, *, over: bool) -> Gate | None:
        """Take a gate out of the books; its element still has to leave the kernel. None when it is not there."""
        gate = self.gates.pop(number, None)
        if gate is None:
            return None
        gate.closed_s = now
        self.recent.append(gate)
        self._per_source[gate.host] -= 1
        if not self._per_source[gate.host]:
            del self._per_source[gate.host]
        bound = self._bound.pop(number, None)
        if bound is not None:
            # A UDP mapping goes on in conntrack when both ends have fallen silent; nobody knows that it is over.
            self.ports.give(*bound, over=over and gate.protocol == TCP)
        self._limited.pop(number, None)
        if isinstance(gate, MediaGate):
            for known in filter(None, gate.known):
                self.bindings.unused(gate.protocol, known)
        return gate

    def shut(self, struck: Collection[Gate], now: float) -> None:
        """Take struck gates out of the kernel, and those that it would not let go of before."""
        closing = [*self._left, *struck]
        if not closing:
            return
        if self.kernel.exchange((), closing, now):
            self._left = []
            self._forget(closing)
            return
        self._left = closing[-LEFT_MAX:]
        for gate in closing:
            if gate.apart:
                # A successor must not take it for open.
                self.ledger.drop(("gate", gate.number))
                self.ledger.put(("struck", gate.number), gate.plain)

    def _forget(self, closed: Collection[Gate]) -> None:
        """These have left the kernel."""
        for gate in closed:
            if gate.apart:
                self.ledger.drop(("gate", gate.number))
                self.ledger.drop(("struck", gate.number))

    def tidy(self) -> None:
        """End what is left of closed media; the ports of their bindings can be taken again from then on."""
        self.kernel.tidy()
        self.bindings.settle()

    def for_every_port(self) -> Iterable[Gate]:
        """Gates that admit to every port of their listener."""
        return [gate for gate in self._limited.values() if gate.every_port]

    def renew(self, now: float) -> list[Gate]:
        """Give lasting gates whose time is half over all of it again; those that the kernel has taken."""
        due = [
            gate
            for gate in self._limited.values()
            if gate.lasting and not gate.quiet_s and gate.expires_s - now < LASTING_S / 2
        ]
        due += self.idleness.look(self._limited.values(), now)
        found: list[Gate] = []
        for start in range(0, len(due), RENEWED):
            found += self._renewed(due[start : start + RENEWED], now)
        return found

    def _renewed(self, gates: Sequence[Gate], now: float) -> Sequence[Gate]:
        before = [gate.expires_s for gate in gates]
        for gate in gates:
            gate.expires_s = now + (entered_for_s(gate.quiet_s) if gate.quiet_s else LASTING_S)
        if self.kernel.exchange(gates, (), now):
            return gates
        for gate, expires_s in zip(gates, before, strict=True):
            gate.expires_s = expires_s
        return ()

    def expired(self, now: float) -> Iterable[Gate]:
        """Gates whose time is over."""
        return [gate for gate in self._limited.values() if gate.expires_s <= now]

    def silent(self, now: float) -> list[MediaGate]:
        """Media that have fallen silent for too long."""
        return self.silence.ended(self.gates, now)
