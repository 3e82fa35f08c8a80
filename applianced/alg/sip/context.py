"""What one SIP session stands on: its parties, what it remembers of them, and who of them may do what.

Rule: nothing here performs I/O; time is an argument.
"""

from __future__ import annotations

from typing import Any

from applianced.alg.actions import Actions, CloseGate, Keep, Note, OpenControl
from applianced.alg.sip.books import Books
from applianced.alg.sip.calls import Call
from applianced.alg.sip.calls import Key as CallKey
from applianced.alg.sip.messages import Message
from applianced.alg.sip.parties import NOWHERE, PRIVATE, Parties
from applianced.alg.sip.registrations import Key as RegistrationKey
from applianced.alg.sip.registrations import Registration
from applianced.alg.sip.settings import CALL_KEEP_S, ENDPOINT_LIMIT, HOME_LIMIT, LIMITS, SipSettings
from applianced.alg.sip.transactions import Key, Transaction
from applianced.alg.sip.translation import call_id
from applianced.model.sessions import ControlSession
from applianced.model.tuples import ORIGINAL, REPLY, Direction, Endpoint


class Context:
    """One session.

    calls, registrations, transactions: those it speaks of. controls: endpoints of the inside party for which a gate
    admits control sessions -> its number. behind: by Direction, whether that party is behind a NAT of its own, since
    the Via of its requests is not where they come from. private, contacts: of such a party the address of that Via, and
    the last Contact that it said there (`hosted`). proxies: by Direction, whether that party stands for others of its
    side. kept_s: until when the session is kept without a packet.
    """

    __slots__ = (
        "behind", "books", "calls", "contacts", "controls", "kept_s", "name", "parties", "private", "proxies",
        "registrations", "session", "settings", "transactions",
    )  # fmt: skip

    def __init__(self, settings: SipSettings, session: ControlSession, books: Books) -> None:
        self.settings = settings
        self.books = books
        self.session = session
        self.name = str(session.tuple)
        self.parties = Parties(session)
        self.calls: dict[CallKey, Call] = {}
        self.registrations: dict[RegistrationKey, Registration] = {}
        self.transactions: dict[Key, Transaction] = books.sessions.get(self.name, {})
        self.controls: dict[Endpoint, int] = {}
        self.behind = [False, False]
        self.private = [b"", b""]
        self.contacts: list[Endpoint | None] = [None, None]
        self.kept_s = 0.0
        proxies = settings.derived.media_proxies
        self.proxies = tuple([end.address in proxies for end in self.parties.own])

    @property
    def home(self) -> Direction:
        """The direction in which the inside party speaks: the one that NAT translates; else the one whose zone is not
        an outside one; else the one that opened the session, unless a gate for control sessions has let it in."""
        translated = self.parties.translated
        if translated[ORIGINAL]:
            return ORIGINAL
        if translated[REPLY] or self.parties.own[REPLY] in self.books.inside:
            return REPLY
        zones = self.settings.outside_zone
        return REPLY if self.session.zone_from in zones and self.session.zone_to not in zones else ORIGINAL

    # ----- media.Rules

    def may_name(self, speaker: Direction, address: bytes) -> bool:
        """An outside party's media may be anywhere outside, as those of a proxied call are. Naming an inside address
        opens it to the outside, so an inside party may name its own alone, unless it is configured as a proxy."""
        parties = self.parties
        if address == parties.own[speaker].address or self.proxies[speaker]:
            return True
        if parties.translated[speaker] or address in NOWHERE:
            return False
        if parties.translated[speaker.opposite]:
            return self._is_outside(speaker, address)
        zone = self.session.zone_from if speaker is ORIGINAL else self.session.zone_to
        return speaker is not self.home or zone in self.settings.outside_zone

    def _is_outside(self, speaker: Direction, address: bytes) -> bool:
        """Whether an address that an outside party names can be on its side of NAT: neither the listener's own, nor
        what that is known by, nor, unless it has one itself, a private one."""
        own, known = self.parties.own, self.parties.known
        if address in (own[speaker.opposite].address, known[speaker.opposite].address):
            return False
        return address not in PRIVATE or own[speaker].address in PRIVATE

    def learns(self, speaker: Direction) -> bool:
        """Behind a NAT of its own, and outside."""
        return self.settings.hosted_nat_traversal and self.behind[speaker] and not self.parties.translated[speaker]

    def removes_ice(self) -> bool:
        """As the leaf says."""
        return self.settings.ice_candidates == "remove"

    # ----- names

    def call_id(self, speaker: Direction, message: Message) -> bytes:
        """As the inside party says it."""
        return call_id(self.parties, speaker, message, changed=not self.settings.disable_call_id_hiding)

    def find_call(self, speaker: Direction, message: Message) -> Call | None:
        """The call of this Call-ID; whether the message is about it is for `dialogs`."""
        home = self.home
        own = self.parties.own
        return self.books.call(self.call_id(speaker, message), own[home].address, own[home.opposite].address)

    def take_part(self, call: Call) -> None:
        """The session speaks of this call."""
        if call.key not in self.calls and len(call.homes) < HOME_LIMIT:
            self.calls[call.key] = call
            call.homes.append(self.calls)

    # ----- life

    def leave(self) -> None:
        """The session is no more: calls of which no other one speaks are over."""
        calls, self.calls = self.calls, {}
        for call in calls.values():
            call.homes = [home for home in call.homes if home is not calls]
            if call.homes:
                call.shaken = True
            else:
                self.books.drop(call)

    def keep(self, now: float, seconds: float) -> Actions:
        """Live at least so long; the kernel is not told more often than it must."""
        if self.kept_s < now + seconds / 2:
            self.kept_s = now + seconds
            yield Keep(seconds)

    def rest(self, now: float) -> Actions:
        """Be kept no longer than others when no call and no registration needs it; as long as one does otherwise."""
        if self.calls and self.kept_s < now + CALL_KEEP_S / 2:
            yield from self.keep(now, CALL_KEEP_S)
        if self.kept_s and not self.calls and not self.registrations:
            self.kept_s = 0.0
            for gate in self.controls.values():
                yield CloseGate(gate)
            self.controls.clear()
            yield Keep(0.0)

    def admit(self, inside: Endpoint, outside: Endpoint, protocol: int, reason: str, lifetime_s: float) -> Actions:
        """Admit control sessions of the other party to an endpoint of the inside one, unless they are already."""
        if inside in self.controls or protocol != self.parties.protocol or len(self.controls) >= ENDPOINT_LIMIT:
            return
        if inside.port < LIMITS.lowest_port:
            yield Note("refused-port", str(inside))
            return
        gate = yield OpenControl(self.home, inside, outside, reason, lifetime_s)
        if isinstance(gate, int):
            self.controls[inside] = gate
        else:
            yield Note("refused-gate", reason)

    # ----- for the worker that takes over

    @property
    def stamp(self) -> tuple[Any, ...]:
        """Differs when `plain` does."""
        return (self.parties.version, len(self.controls), *self.behind, *self.private, *self.contacts)

    @property
    def plain(self) -> tuple[Any, ...]:
        """Plain values. Calls, registrations and transactions are in the books."""
        controls = tuple((*endpoint, gate) for endpoint, gate in self.controls.items())
        contacts = tuple([contact and tuple(contact) for contact in self.contacts])
        return (self.parties.plain, tuple(self.behind), controls, tuple(self.private), contacts)

    def restore(self, plain: tuple[Any, ...]) -> None:
        """Take up what `plain` gave."""
        parties, behind, controls, private, contacts = plain
        self.parties.restore(parties)
        self.behind = list(behind)
        self.private = list(private)
        self.contacts = [contact and Endpoint(*contact) for contact in contacts]
        self.controls = {Endpoint(address, port): gate for address, port, gate in controls}
