"""Who the two parties of a control session are, and how each is known to the other.

A party that NAT translates has an endpoint of its own and one that the other party knows it by. A message of the
speaker says its own; it must say what the listener knows. And the listener's endpoint, as the speaker knows it, must
become the listener's own again.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

from applianced.alg.actions import Actions, Bind
from applianced.alg.sip.settings import Prefixes
from applianced.alg.sip.uris import Host, host_text
from applianced.model.sessions import ControlSession
from applianced.model.tuples import ORIGINAL, REPLY, Direction, Endpoint

SIP_PORT, SIPS_PORT = 5060, 5061
REMEMBERED = 128
"""Texts, and names of calls, that need not be worked out again."""
PRIVATE = Prefixes(("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
"""RFC 1918, 6598, 4193."""
NOWHERE = Prefixes((
    "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/127", "::ffff:0:0/96", "fe80::/10", "ff00::/8",
))  # fmt: skip
"""Addresses that no media of one party are taken at beyond its own link (RFC 6890): a gate to them serves nobody."""
_BEHIND = rb"(?::([0-9]{1,5}))?(?![\w@.-]|:[0-9])"
_REFERENCES = re.compile(
    rb"(\[[0-9A-Fa-f:.]{2,45}\]|(?<=@)[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{1,40})(?:(?<=\]):([0-9]{1,5}))?(?![\w@]|:[0-9])"
)
"""An IPv6 address in brackets; in a Call-ID it may have none."""


class Parties:
    """Both parties of one session.

    own, known: by Direction, their endpoints as they themselves and as the other party says. translated: whether the
    two differ. patterns: by the direction of a message, what finds hosts in it that may have to be changed, their port
    as second group; None when nothing does.
    bound: other endpoints of a party -> what the other one is told; inside: the way back. texts: what stands in place
    of a host, as far as it was worked out. names: Call-ID as the outside party says it -> as the inside one does.
    """

    __slots__ = (
        "bound",
        "inside",
        "known",
        "names",
        "own",
        "patterns",
        "protocol",
        "settled",
        "texts",
        "translated",
        "version",
    )

    def __init__(self, session: ControlSession) -> None:
        self.protocol = session.tuple.protocol
        self.own = (session.party(ORIGINAL), session.party(REPLY))
        self.bound: dict[tuple[Direction, Endpoint], Endpoint] = {}
        self.inside: dict[tuple[Direction, Endpoint], Endpoint] = {}
        self.settled = False
        self.version = 0
        """Counts the changes of what `plain` gives."""
        self._become(self.own)

    def _become(self, known: tuple[Endpoint, Endpoint]) -> None:
        self.texts: dict[tuple[Hashable, ...], bytes | None] = {}
        self.names: dict[bytes, bytes] = {}
        self.known = known
        self.translated = (known[0] != self.own[0], known[1] != self.own[1])
        self.patterns = (self._pattern(ORIGINAL), self._pattern(REPLY))

    def _pattern(self, speaker: Direction) -> re.Pattern[bytes] | None:
        listener = speaker.opposite
        addresses = []
        if self.translated[speaker]:
            addresses += [self.own[speaker].address, self.known[speaker].address]
        if self.translated[listener]:
            addresses += [self.known[listener].address, self.own[listener].address]
        if not addresses:
            return None
        # An IPv6 address has many spellings, but always brackets.
        if len(addresses[0]) == 16:
            return _REFERENCES
        return re.compile(b"(" + b"|".join(re.escape(host_text(each)) for each in addresses) + b")" + _BEHIND)

    def settle(self) -> Actions:
        """Ask how the parties are known, once that can be known."""
        known = list(self.own)
        for direction in (ORIGINAL, REPLY):
            told = yield Bind(direction, self.own[direction])
            if not isinstance(told, Endpoint):
                return
            known[direction] = told
        self._become((known[0], known[1]))
        self.settled = True
        self.version += 1

    def address(self, speaker: Direction, address: bytes) -> bytes | None:
        """What an address in a message becomes; None when it stays."""
        if address == self.own[speaker].address:
            return self.known[speaker].address if self.translated[speaker] else None
        listener = speaker.opposite
        if self.translated[listener] and address == self.known[listener].address:
            return self.own[listener].address
        return None

    def swapped(self, speaker: Direction, address: bytes) -> bytes | None:
        """What an address becomes where the way back must give exactly what was written: the two that stand for each
        other change places; None when it stays."""
        for party in (speaker, speaker.opposite):
            if self.translated[party]:
                pair = self.own[party].address, self.known[party].address
                if address in pair:
                    return pair[address == pair[0]]
        return None

    def loose(self, speaker: Direction, host: Host) -> bytes | None:
        """The text in place of a host that names somebody rather than says where he is reached: the address alone
        changes, and a port that is the session's."""
        address = self.address(speaker, host.address) if host.address else None
        if address is None:
            return None
        for party, before, after in ((speaker, self.own, self.known), (speaker.opposite, self.known, self.own)):
            if host.address == before[party].address and host.port == before[party].port:
                return host_text(address, after[party].port)
        return host_text(address, host.port)

    def exact(self, speaker: Direction, host: Host, default: int = SIP_PORT, *, guess: bool = False) -> bytes | None:
        """The text in place of a host that says where somebody is reached; None when it stays.

        default: the port that is meant where none is written. guess: with the listener's address and a port that is
        not known it is the listener that is meant, not another one behind the same address.
        """
        if not host.address:
            return None
        there = self.endpoint(speaker, Endpoint(host.address, host.port or default))
        if there is None:
            return self.loose(speaker, host) if guess or host.address == self.own[speaker].address else None
        if there == (host.address, host.port or default):
            return None
        return host_text(there.address, 0 if there.port == default and not host.port else there.port)

    def endpoint(self, speaker: Direction, named: Endpoint) -> Endpoint | None:
        """What an endpoint in a message becomes; None when nobody has bound it."""
        listener = speaker.opposite
        if named == self.own[speaker]:
            return self.known[speaker]
        if named == self.known[listener]:
            return self.own[listener]
        return self.bound.get((speaker, named)) or self.inside.get((listener, named))

    def unbound(self, speaker: Direction, host: Host, default: int, proxies: bool) -> Endpoint | None:
        """The endpoint of the speaker that must be bound before a message can say it; None when none must.

        proxies: whether private addresses beside the speaker's own are of its side too.
        """
        address = host.address
        if not address or not self.translated[speaker]:
            return None
        own = self.own[speaker]
        if address != own.address and not (proxies and address in PRIVATE and self._third(address)):
            return None
        named = Endpoint(address, host.port or default)
        return None if named == own or (speaker, named) in self.bound else named

    def _third(self, address: bytes) -> bool:
        ends = (*self.own, *self.known)
        return all(address != end.address for end in ends) and len(address) == len(ends[0].address)

    def remember(self, key: tuple[Hashable, ...], text: bytes | None) -> None:
        """What was worked out holds until something is bound, or bound no longer."""
        if len(self.texts) >= REMEMBERED:
            self.texts.clear()
        self.texts[key] = text

    def took(self, speaker: Direction, named: Endpoint, told: Endpoint) -> None:
        """An endpoint of the speaker has been bound."""
        self.bound[speaker, named] = told
        self.inside[speaker, told] = named
        self.version += 1
        self.texts.clear()

    def lost(self, speaker: Direction, named: Endpoint) -> Endpoint | None:
        """An endpoint of the speaker is no longer bound; what the other party was told, None when nothing."""
        told = self.bound.pop((speaker, named), None)
        if told is not None:
            del self.inside[speaker, told]
            self.version += 1
            self.texts.clear()
        return told

    @property
    def plain(self) -> tuple[Any, ...]:
        """Plain values."""
        bound = tuple((int(speaker), *named, *told) for (speaker, named), told in self.bound.items())
        return (*map(tuple, self.known), self.settled, bound)

    def restore(self, plain: tuple[Any, ...]) -> None:
        """Take up what `plain` gave."""
        first, second, self.settled, bound = plain
        self._become((Endpoint(*first), Endpoint(*second)))
        for speaker, address, port, outside, outside_port in bound:
            self.took(Direction(speaker), Endpoint(address, port), Endpoint(outside, outside_port))
