"""What all SIP sessions of one worker know together: calls, registrations, and what a gate belongs to.

Rule: nothing here performs I/O; time is an argument.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Any

from applianced.alg.actions import Actions
from applianced.alg.sip import keeping
from applianced.alg.sip.bound import Belongings
from applianced.alg.sip.calls import Call
from applianced.alg.sip.calls import Key as CallKey
from applianced.alg.sip.registrations import Key as RegistrationKey
from applianced.alg.sip.registrations import Registration
from applianced.alg.sip.screens import Screens
from applianced.alg.sip.transactions import Key as TransactionKey
from applianced.alg.sip.transactions import Transaction
from applianced.alg.sip.wheel import Wheel
from applianced.model.tuples import Endpoint

SHOWN = 4096
"""Transactions that the state shows at most."""
SOON_S = 1.0
"""What matters little to a worker that takes over is handed on after so long, unless it is over by then."""


class Books:
    """See contract.Shared.

    records, inside: registrations by their address of record, and by their contact. hosts: how many there are at each
    inside address. sessions: the transactions of each
    that has any. transactions: how many there are in all. dropped: calls that are still to be counted as such.
    """

    __slots__ = (
        "_changed_calls", "_changed_registrations", "_changed_transactions", "_soon", "belongings", "calls", "dropped",
        "hosts",        "inside", "records", "registrations", "screens", "sessions", "transactions", "wheel",
    )  # fmt: skip

    def __init__(self) -> None:
        self.calls: dict[CallKey, Call] = {}
        self.registrations: dict[RegistrationKey, Registration] = {}
        self.records: dict[bytes, dict[RegistrationKey, Registration]] = {}
        self.belongings = Belongings()
        self.inside: dict[Endpoint, dict[RegistrationKey, Registration]] = {}
        self.hosts: Counter[bytes] = Counter()
        self.screens = Screens()
        self.wheel = Wheel()
        self.transactions = 0
        self.dropped = 0
        self.sessions: dict[str, dict[TransactionKey, Transaction]] = {}
        self._changed_calls: dict[CallKey, str] = {}
        """With their names among the changes."""
        self._soon: dict[CallKey, float] = {}
        """Calls that have changed a little, with when."""
        self._changed_registrations: dict[RegistrationKey, None] = {}
        self._changed_transactions: dict[tuple[str, TransactionKey], None] = {}

    # ----- calls

    def call(self, call_id: bytes, first: bytes, second: bytes) -> Call | None:
        """The call of this Call-ID that one of two addresses is the inside party of."""
        return self.calls.get((call_id, first)) or self.calls.get((call_id, second))

    def begin(self, call: Call, now: float) -> None:
        """A call begins."""
        self.calls[call.key] = call
        self.wheel.add(call, now)
        self.touch(call)

    def touch(self, call: Call) -> None:
        """A call has changed, its media perhaps too."""
        call.kept = None
        self._changed_calls[call.key] = call.name

    def touch_state(self, call: Call) -> None:
        """A call has changed, but not its media."""
        self._changed_calls[call.key] = call.name

    def touch_soon(self, call: Call, now: float) -> None:
        """A call rings: a worker that takes over soon may know it as one that has just begun."""
        self._soon.setdefault(call.key, now)

    def settle(self, now: float) -> None:
        """Calls that have changed a little some time ago have changed; who was denied for a while is so no longer."""
        self.screens.sweep(now)
        due = [key for key, since_s in self._soon.items() if since_s + SOON_S <= now]
        for key in due:
            self.touch_state(self.calls[key])
            del self._soon[key]

    def end(self, call: Call) -> Actions:
        """A call is over."""
        del self.calls[call.key]
        self._soon.pop(call.key, None)
        self.touch(call)
        yield from call.end(self.belongings)

    def drop(self, call: Call) -> None:
        """The last session that spoke of a call is no more, and what the call had open went with it: at a later time
        its ports may be another one's."""
        del self.calls[call.key]
        self._soon.pop(call.key, None)
        self.touch(call)
        call.drop(self.belongings)
        self.dropped += 1

    # ----- registrations

    def register(self, registration: Registration, now: float) -> None:
        """A registration begins, or goes on."""
        key = registration.key
        if key not in self.registrations:
            self.registrations[key] = registration
            self.records.setdefault(key[0], {})[key] = registration
            self.inside.setdefault(registration.inside, {})[key] = registration
            self.hosts[registration.inside.address] += 1
        self.wheel.add(registration, now)
        self.note(registration)

    def note(self, registration: Registration) -> None:
        """A registration has changed."""
        self._changed_registrations[registration.key] = None

    def unregister(self, registration: Registration) -> Actions:
        """It is over."""
        del self.registrations[registration.key]
        _remove(self.records, registration.key[0], registration.key)
        _remove(self.inside, registration.inside, registration.key)
        _uncount(self.hosts, registration.inside.address)
        self.note(registration)
        yield from registration.end(self.belongings.owners)

    # ----- transactions

    def ask(self, transaction: Transaction, now: float) -> None:
        """A transaction begins."""
        home = transaction.home
        if not home:
            self.sessions[transaction.session] = home
        before = home.get(transaction.key)
        if before is not None:
            before.over = True
        else:
            self.transactions += 1
        home[transaction.key] = transaction
        self.wheel.add(transaction, now)

    def hand_on(self, transaction: Transaction) -> None:
        """A worker that takes over must remember it, too: it keeps Vias, or says who registers."""
        self._changed_transactions[transaction.session, transaction.key] = None

    def forget(self, transaction: Transaction) -> None:
        """A transaction is over."""
        transaction.over = True
        home = transaction.home
        del home[transaction.key]
        self.transactions -= 1
        if transaction.hidden or transaction.record:
            self.hand_on(transaction)
        if not home:
            del self.sessions[transaction.session]

    # ----- for the state, and for the worker that takes over

    def listing(self) -> dict[str, list[dict[str, Any]]]:
        """See contract.Shared."""
        transactions = [
            transaction.entry()
            for home in self.sessions.values()
            for transaction in islice(home.values(), SHOWN // len(self.sessions) + 1)
        ]
        return {
            "calls/call": [call.entry() for call in self.calls.values()],
            "transactions/transaction": transactions[:SHOWN],
            "registrations/registration": [each.entry() for each in self.registrations.values()],
            "denied/invite": self.screens.entries(),
        }

    def changes(self) -> list[tuple[str, tuple[Any, ...] | None]]:
        """See contract.Shared."""
        changed: list[tuple[str, tuple[Any, ...] | None]] = []
        denied = self.screens.changed
        if not (self._changed_calls or self._changed_registrations or self._changed_transactions or denied):
            return changed
        for key, name in self._changed_calls.items():
            call = self.calls.get(key)
            changed.append((name, keeping.plain(call) if call else None))
        for registered in self._changed_registrations:
            registration = self.registrations.get(registered)
            changed.append((_name("registration", registered), registration.plain if registration else None))
        for session, asked in self._changed_transactions:
            transaction = self.sessions.get(session, {}).get(asked)
            changed.append(
                (_name("transaction", (session.encode(), *asked)), transaction.plain if transaction else None)
            )
        for pair in denied:
            until_s = self.screens.denied.get(pair)
            changed.append((_name("denied", pair), None if until_s is None else (*pair, until_s)))
        self._forget_changes()
        return changed

    def _forget_changes(self) -> None:
        self._changed_calls.clear()
        self._changed_registrations.clear()
        self._changed_transactions.clear()
        self.screens.changed.clear()

    def restore(self, entries: dict[str, tuple[Any, ...]]) -> None:
        """See contract.Shared."""
        for name, plain in entries.items():
            if name.startswith("call "):
                call = keeping.restored(plain, self.belongings)
                self.calls[call.key] = call
                self.wheel.add(call, call.created_s)
            elif name.startswith("transaction "):
                home = self.sessions.setdefault(plain[0], {})
                self.ask(Transaction.of(home, plain), plain[3])
            elif name.startswith("denied "):
                caller, server, until_s = plain
                self.screens.deny(caller, server, until_s)
            else:
                registration = Registration.of(plain)
                self.register(registration, registration.since_s)
                if registration.gate:
                    self.belongings.owners[registration.gate] = registration
        self._forget_changes()


def _remove(index: dict[Any, dict[RegistrationKey, Registration]], under: Any, key: RegistrationKey) -> None:
    found = index[under]
    del found[key]
    if not found:
        del index[under]


def _uncount(counts: Counter[bytes], address: bytes) -> None:
    counts[address] -= 1
    if not counts[address]:
        del counts[address]


def _name(kind: str, key: tuple[Any, ...]) -> str:
    return f"{kind} " + " ".join([str(part) if isinstance(part, int) else part.hex() for part in key])
