"""What the sessions of one worker know together: which host's ESP is awaited from which gateway, and who is there.

An ESP packet says nothing but its SPI, which its receiver has chosen in an encrypted message. So the first one of an
SPI that comes from a gateway to an outside address belongs to the one host behind that address whose IKE session awaits
it; while one does, the negotiations of the others wait.

Rule: nothing here performs I/O, and no input raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from applianced.alg.ike_esp.exchanges import Exchanges

ASKED_MOST = 1024
"""SPIs of which it is remembered how often they were asked for."""
LONGEST_S = 90.0
"""Nobody keeps others waiting longer, however often it renews."""
REST_S = 5.0
"""Who has done so lets the others go first for so long: they are judged anew about once a second."""


class Relation(NamedTuple):
    """Between whom ESP goes, on the responder's side: packed addresses. Hosts behind one address have the same."""

    responder: bytes
    outside: bytes


class _Claim(NamedTuple):
    holder: object
    since: float
    until: float


class Gateways:
    """See `Shared`. All sessions with one responder are read by the same worker (`Descriptor.by_peer`)."""

    def __init__(self) -> None:
        self._sessions: dict[Relation, list[Exchanges]] = {}
        self._claims: dict[Relation, _Claim] = {}
        self._asked: dict[bytes, int] = {}

    def enter(self, relation: Relation, session: Exchanges) -> None:
        """A session is known outside by now."""
        self._sessions.setdefault(relation, []).append(session)

    def leave(self, relation: Relation, session: Exchanges) -> None:
        """It has ended."""
        sessions = self._sessions[relation]
        sessions.remove(session)
        if not sessions:
            del self._sessions[relation]

    def others(self, relation: Relation, session: Exchanges) -> list[Exchanges]:
        """The other sessions of a relation."""
        return [each for each in self._sessions.get(relation, ()) if each is not session]

    def number(self, relation: Relation) -> int:
        """How many sessions a relation has."""
        return len(self._sessions.get(relation, ()))

    def claim(self, relation: Relation, claimant: object, now: float, until: float) -> bool:
        """Whether the next unknown SPI is for this claimant from now on; not while it is for another."""
        held = self._claims.get(relation)
        if held is not None and min(held.until, held.since + LONGEST_S) > now:
            if held.holder is not claimant:
                return False
            since = held.since
        elif held is not None and held.holder is claimant and held.until > now < held.since + LONGEST_S + REST_S:
            return False
        else:
            since = now
        self._claims[relation] = _Claim(claimant, since, until)
        return True

    def give_up(self, relation: Relation, claimant: object) -> None:
        """It awaits nothing any more."""
        held = self._claims.get(relation)
        if held is not None and held.holder is claimant:
            del self._claims[relation]

    def asked(self, initiator: bytes) -> int:
        """How often this was asked about this initiator's SPI before."""
        times = self._asked.pop(initiator, 0)
        self._asked[initiator] = times + 1
        if len(self._asked) > ASKED_MOST:
            del self._asked[next(iter(self._asked))]
        return times

    # Shared

    def listing(self) -> dict[str, list[dict[str, Any]]]:
        """The states of all sessions."""
        return {
            "state": [entry for sessions in self._sessions.values() for session in sessions for entry in session.shown]
        }

    def changes(self) -> list[tuple[str, tuple[Any, ...] | None]]:
        """Sessions enter again by themselves."""
        return []

    def restore(self, entries: dict[str, tuple[Any, ...]]) -> None:
        """See `changes`."""
