"""A call: the dialogs that one INVITE has begun, what was offered and answered in them, and the gates of their media.

    side 0, which called            side 1
    INVITE, offer ────────────────►            its lines are bound; a gate only with `early-media`
          ◄──────────── 183 or 200, answer     the ways between both: gates, for RTP and RTCP
    BYE ──────────────────────────►  200       closed, and what was bound is free

One offer has several answers when the call forks: each tag of side 1 is a branch of its own.

Rule: nothing here performs I/O; time is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from applianced.alg.actions import Actions, CloseGates, Medium, Note, OpenGate, OpenMedia, Reply
from applianced.alg.sip.bound import Belongings, Bound
from applianced.alg.sip.media import Line, Way, early_ways, ways
from applianced.alg.sip.settings import BOUND_LIMIT, BRANCH_LIMIT, FOREVER_S, OFFER_LIMIT, WAY_LIMIT, SipSettings
from applianced.alg.sip.wheel import Mortal
from applianced.model.times import date_and_time
from applianced.model.tuples import ORIGINAL, REPLY, TCP, Direction, Endpoint

SETUP, EARLY, ESTABLISHED, HELD, ENDING = "setup", "early", "established", "held", "ending"
Key = tuple[bytes, bytes]
"""Call-ID, as the inside party says it, and packed address of that party."""
Both = tuple[tuple[Line, ...], tuple[Line, ...]]
Named = tuple[int, bytes, int]
"""CSeq number and method of a request, and the side that offered in it or in its answer."""


class Offer:
    """What a side has offered. serial: counts the offers of a call. answered: in some branch."""

    __slots__ = ("answered", "lines", "serial")

    def __init__(self, lines: tuple[Line, ...], serial: int) -> None:
        self.lines = lines
        self.serial = serial
        self.answered = False


class Branch:
    """One dialog. lines: by side, of the last offer and its answer. serial: of that offer. confirmed: by a 2xx."""

    __slots__ = ("confirmed", "lines", "serial", "ways")

    def __init__(self) -> None:
        self.lines: Both = ((), ())
        self.serial = 0
        self.ways: tuple[Way, ...] = ()
        self.confirmed = False


class View(NamedTuple):
    """How a session sees a call. first: the direction in which side 0 speaks."""

    first: Direction
    settings: SipSettings


class Call:
    """One call.

    sides: packed addresses of the parties as they were when it began. expires_s: when it ends unless something
    happens. bound: what its media have bound. gates: of its ways. ends_s: when it ends at the latest, once it is
    answered. tags: of who has called, in its messages. asked: the transaction of its last INVITE. homes: where sessions
    keep it. name: of what outlives its worker. kept: its media as plain values, None when they have changed since.
    """

    __slots__ = (
        "asked", "bound", "branches", "callee", "caller", "created_s", "due", "ends_s", "expires_s", "gates", "homes",
        "kept", "key", "name", "offers", "over", "shaken", "sides", "silent", "state", "tags", "text",
    )  # fmt: skip

    def __init__(
        self, key: Key, sides: tuple[bytes, bytes], belongings: Belongings, now: float, expires_s: float
    ) -> None:
        self.key = key
        self.sides = sides
        self.name = f"call {key[0].hex()} {key[1].hex()}"
        self.text = key[0].decode("latin-1")[:255]
        self.caller = self.callee = ""
        self.state = SETUP
        self.tags: tuple[bytes, ...] = ()
        self.created_s = now
        self.expires_s = expires_s
        self.over = False
        self.due = 0
        self.silent = False
        """Its last medium has ended by silence."""
        self.shaken = False
        """One of the sessions that spoke of it has ended: what that had bound and opened is no more."""
        self.offers: dict[Named, Offer] = {}
        self.branches: dict[bytes, Branch] = {}
        self.bound = Bound(belongings)
        self.gates: dict[Way, tuple[int, ...]] = {}
        self.ends_s = 0.0
        self.asked: Mortal | None = None
        self.kept: tuple[Any, ...] | None = None
        self.homes: list[dict[Key, Call]] = []

    def view(self, own: tuple[Endpoint, Endpoint], settings: SipSettings) -> View:
        """How a session of these two parties sees it."""
        return View(self.first(own), settings)

    def first(self, own: tuple[Endpoint, Endpoint]) -> Direction:
        """The direction in which side 0 speaks in a session of these two parties, of which one may have changed."""
        (here, _), (there, _) = own
        first, second = self.sides
        if here == first or there == second:
            return ORIGINAL
        return REPLY if there == first or here == second else ORIGINAL

    @property
    def confirmed(self) -> bool:
        """Whether it has been answered."""
        # A loop: asked several times a message, and a generator costs more than what it looks at.
        for branch in self.branches.values():  # noqa: SIM110
            if branch.confirmed:
                return True
        return False

    def settle(self, now: float) -> bool:
        """Its time has come: dialogs go that others have won over (RFC 3261 13.2.2.4); whether the call goes on."""
        if not self.confirmed or self.state == ENDING or now >= self.ends_s:
            return False
        self.branches = {tag: branch for tag, branch in self.branches.items() if branch.confirmed}
        self.expires_s = self.ends_s
        return True

    # ----- offers and answers (RFC 3264, 3261 13.2.1, 3262 5, 3311 5)

    def offer(self, name: Named, lines: tuple[Line, ...]) -> None:
        """A side offers; the same offer said again changes nothing."""
        known = self.offers.get(name)
        if known is not None and known.lines == lines:
            return
        serials = [0, *[offer.serial for offer in self.offers.values()]]
        serials += [branch.serial for branch in self.branches.values()]
        serial = 1 + max(serials)
        self.offers.pop(name, None)
        self.offers[name] = Offer(lines, serial)
        while len(self.offers) > OFFER_LIMIT:
            del self.offers[next(iter(self.offers))]

    def answer(self, name: Named, lines: tuple[Line, ...], tag: bytes, settings: SipSettings) -> bool:
        """The other side answers, in the branch of this tag; False when nobody has offered."""
        offer = self.offers.get(name)
        branch = self.branch(tag)
        if offer is None or branch is None:
            return False
        offer.answered = True
        if offer.serial >= branch.serial:
            branch.serial = offer.serial
            said = (offer.lines, lines) if name[2] == 0 else (lines, offer.lines)
            branch.lines = _kept(branch.lines, said)
            branch.ways = tuple(ways(*branch.lines, retain=settings.retain_hold_resource))[:WAY_LIMIT]
        return True

    def branch(self, tag: bytes) -> Branch | None:
        """The branch of a tag, which may be new; None when there are too many."""
        branch = self.branches.get(tag)
        if branch is None and len(self.branches) < BRANCH_LIMIT:
            branch = self.branches[tag] = Branch()
        return branch

    def refused(self, number: int, method: bytes) -> None:
        """The request has failed: what was offered with it counts no more (RFC 3261 14.1)."""
        for side in (0, 1):
            self.offers.pop((number, method, side), None)

    @property
    def held(self) -> bool:
        """Whether all media of all confirmed branches are on hold."""
        branches = self.branches.values()
        if any(branch.ways for branch in branches):
            return False
        confirmed = [branch for branch in branches if branch.confirmed]
        return any(line.held for branch in confirmed for side in branch.lines for line in side)

    # ----- gates

    def wanted(self, settings: SipSettings) -> dict[Way, None]:
        """The ways that must be open now."""
        found = {way: None for branch in self.branches.values() for way in branch.ways}
        if settings.early_media and not self.confirmed:
            for (_, method, side), offer in self.offers.items():
                if method == b"INVITE" and not offer.answered:
                    found.update(dict.fromkeys(early_ways(offer.lines, side)[:WAY_LIMIT]))
        return found

    def sync(self, view: View, belongings: Belongings, reason: str) -> Actions:
        """Have the gates open that are wanted, no others, and nothing bound that no offer or answer speaks of."""
        if self.shaken:
            yield from self._settle_down(belongings)
        wanted = self.wanted(view.settings)
        if wanted.keys() != self.gates.keys():
            stale = [way for way in self.gates if way not in wanted]
            if stale:
                yield from self._close(stale, belongings)
            missing = [way for way in wanted if way not in self.gates]
            if missing:
                yield from self._open(missing, view, belongings, reason)
        yield from self._unbind_unused()

    def _open(self, missing: list[Way], view: View, belongings: Belongings, reason: str) -> Actions:
        datagrams = [way for way in missing if way.protocol != TCP]
        for learn in (False, True):
            chosen = [way for way in datagrams if way.learn is learn]
            if not chosen:
                continue
            media = tuple(Medium(_turned(way.ends, view), _turned(way.known, view)) for way in chosen)
            idle = float(view.settings.inactive_media_timeout)
            gates: Reply = yield OpenMedia(media, reason, idle, learn=learn, dscp=view.settings.derived.dscp)
            if not isinstance(gates, tuple) or isinstance(gates, Endpoint):
                yield Note("refused-gate", reason)
                continue
            for way, number in zip(chosen, gates, strict=True):
                self.own(way, (number,), belongings)
        for way in missing:
            if way.protocol == TCP:
                yield from self._open_connections(way, view, belongings, reason)

    def _open_connections(self, way: Way, view: View, belongings: Belongings, reason: str) -> Actions:
        """Either side may connect, once (RFC 4975 5.4, RFC 4145)."""
        gates: list[int] = []
        for side in (0, 1):
            inside, outside, peer = way.ends[side], way.known[side], way.ends[1 - side]
            if not way.reach[side] or inside is None or outside is None or peer is None:
                continue
            speaker = view.first if side == 0 else view.first.opposite
            gate = yield OpenGate(speaker, inside, outside, reason, protocol=TCP, peer=peer.address)
            if isinstance(gate, int):
                gates.append(gate)
            else:
                yield Note("refused-gate", reason)
        self.own(way, tuple(gates), belongings)

    def own(self, way: Way, gates: tuple[int, ...], belongings: Belongings) -> None:
        """A way has these gates."""
        self.gates[way] = gates
        for gate in gates:
            belongings.owners[gate] = self

    def _close(self, stale: Iterable[Way], belongings: Belongings) -> Actions:
        closing: list[int] = []
        for way in stale:
            closing += self.gates.pop(way)
        for gate in closing:
            belongings.owners.pop(gate, None)
        if closing:
            yield CloseGates(tuple(closing))

    def gone(self, gate: int) -> None:
        """A gate has ended by itself."""
        way = next(way for way, gates in self.gates.items() if gate in gates)
        left = tuple(each for each in self.gates[way] if each != gate)
        if left:
            self.gates[way] = left
        else:
            del self.gates[way]
        for branch in self.branches.values():
            # Not wanted again before something is said about it.
            branch.ways = tuple(way for way in branch.ways if way in self.gates)
        self.silent = not self.gates

    def tidy(self, belongings: Belongings) -> Actions:
        """Before more is bound: what no offer or answer speaks of goes, when it is much; and everything, when some of
        it may have gone with a session."""
        if self.shaken:
            yield from self._settle_down(belongings)
        if len(self.bound) > BOUND_LIMIT // 2:
            yield from self._unbind_unused()

    def _settle_down(self, belongings: Belongings) -> Actions:
        """Know nothing of what may have gone with a session: it is bound and opened anew when it is spoken of."""
        self.shaken = False
        self.bound.forget()
        for branch in self.branches.values():
            branch.ways = ()
        yield from self._close(list(self.gates), belongings)

    def _unbind_unused(self) -> Actions:
        if not self.bound:
            return
        used = {(line.protocol, line.own) for lines in self._lines() for line in lines if line.own is not None}
        yield from self.bound.release(used)

    def _lines(self) -> Iterable[tuple[Line, ...]]:
        for offer in self.offers.values():
            if not offer.answered:
                yield offer.lines
        for branch in self.branches.values():
            yield from branch.lines

    def end(self, belongings: Belongings) -> Actions:
        """The call is over: nothing of it stays."""
        self.over = True
        for home in self.homes:
            home.pop(self.key, None)
        self.offers.clear()
        self.branches.clear()
        if self.shaken:
            self.bound.forget()
        if self.gates:
            yield from self._close(list(self.gates), belongings)
        yield from self.bound.release()

    def drop(self, belongings: Belongings) -> None:
        """The call is over, and nothing of it has stayed."""
        self.over = True
        for gates in self.gates.values():
            for gate in gates:
                belongings.owners.pop(gate, None)
        self.gates.clear()
        self.bound.forget()

    # ----- for the state

    def entry(self) -> dict[str, Any]:
        """As the list `call` of the state shows it."""
        entry: dict[str, Any] = {
            "call-id": self.text,
            "party": str(Endpoint(self.key[1], 0)).rpartition(":")[0],
            "state": self.state,
            "caller": self.caller,
            "callee": self.callee,
            "created": date_and_time(self.created_s),
            "dialogs": len(self.branches),
            "bindings": len(self.bound),
            "gates": sum(len(gates) for gates in self.gates.values()),
        }
        if self.expires_s < FOREVER_S:
            entry["expires"] = date_and_time(self.expires_s)
        return entry


def _kept(before: Both, said: Both) -> Both:
    """What is on hold without an address (RFC 3264 8.4) keeps the one it had, and what is bound for that."""
    sides = []
    for old, new in zip(before, said, strict=True):
        old += new[len(old) :]
        sides.append(tuple(was if now.held and now.own is None else now for was, now in zip(old, new, strict=False)))
    return sides[0], sides[1]


def _turned(ends: tuple[Endpoint | None, Endpoint | None], view: View) -> tuple[Endpoint | None, Endpoint | None]:
    """From sides to directions."""
    return ends if view.first is ORIGINAL else (ends[1], ends[0])
