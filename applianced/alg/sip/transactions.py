"""A transaction: a request and its responses, as far as the ALG must remember the one for the others (RFC 3261 17).

Rule: values only.
"""

from __future__ import annotations

from typing import Any

from applianced.model.times import date_and_time
from applianced.model.tuples import Endpoint

Key = tuple[bytes, bytes]
"""Branch of the top Via, and method."""

TRYING, PROCEEDING, COMPLETED = "trying", "proceeding", "completed"


class Transaction:
    """One of a session, which is named as in the state.

    home: where its session keeps it. speaker: direction of the request. call: key of its call, None without. hidden:
    the Vias kept from the listener. initial: an INVITE that begins a call. record, contacts: of a REGISTER, whom it is
    about, and the endpoints that it says.
    """

    __slots__ = (
        "call", "contacts", "due", "expires_s", "hidden", "home", "initial", "key", "over", "record", "session",
        "speaker", "state",
    )  # fmt: skip

    def __init__(self, session: str, home: dict[Key, Transaction], key: Key, speaker: int, expires_s: float) -> None:
        self.session = session
        self.home = home
        self.key = key
        self.speaker = speaker
        self.expires_s = expires_s
        self.over = False
        self.due = 0
        self.state = TRYING
        self.hidden = b""
        self.initial = False
        self.call: tuple[bytes, bytes] | None = None
        self.record: bytes = b""
        self.contacts: tuple[Endpoint, ...] = ()

    def entry(self) -> dict[str, Any]:
        """As the list `transaction` of the state shows it."""
        branch, method = self.key
        return {
            "session": self.session,
            "branch": branch.decode("latin-1")[:255],
            "method": method.decode("latin-1"),
            "role": "client" if self.speaker == 0 else "server",
            "state": self.state,
            "expires": date_and_time(self.expires_s),
        }

    @property
    def plain(self) -> tuple[Any, ...]:
        """Plain values."""
        return (
            self.session,
            self.key,
            int(self.speaker),
            self.expires_s,
            self.state,
            self.hidden,
            self.initial,
            self.call,
            self.record,
            tuple(map(tuple, self.contacts)),
        )

    @classmethod
    def of(cls, home: dict[Key, Transaction], plain: tuple[Any, ...]) -> Transaction:
        """What `plain` gave."""
        session, key, speaker, expires_s, state, hidden, initial, call, record, contacts = plain
        made = cls(session, home, key, speaker, expires_s)
        made.state, made.hidden, made.initial, made.call, made.record = state, hidden, initial, call, record
        made.contacts = tuple(Endpoint(*contact) for contact in contacts)
        return made
