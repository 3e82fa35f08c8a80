"""A worker that takes over goes on with what the one before it knew: every case, cut in two at every step."""

from __future__ import annotations

import marshal
from pathlib import Path
from typing import Any

import pytest

from applianced.alg.actions import CloseGate, CloseGates, OpenControl, OpenGate, OpenMedia, Unbind
from applianced.alg.sip import DESCRIPTOR
from applianced.model.tuples import ORIGINAL
from tests.support.dialog import Case, Player

CASES = Path(__file__).parents[3] / "alg" / "sip"
FORGETFUL = frozenset(
    ("contacts", "denied", "denied-all", "rates", "tcp-bodies-refused", "tcp-refused", "tcp-refused-routed",
     "too-many-calls", "too-many-calls-total")
)  # fmt: skip
"""Cases about what is remembered for a while only: counts, INVITEs under way, how long a session is kept."""
GATES = (OpenMedia, OpenGate, OpenControl, CloseGate, CloseGates, Unbind)


def take_over(player: Player, folder: Path, kept: dict[str, Any]) -> None:
    """Replace the ALG and its books by new ones that are given what outlives a worker."""
    session, context = player.session, player.alg.context
    for key, values in context.books.changes():
        if values is None:
            kept.pop(key, None)
        else:
            kept[key] = marshal.dumps(values)
    snapshot = marshal.loads(marshal.dumps(player.alg.snapshot()))
    assert DESCRIPTOR.shared is not None
    books: Any = DESCRIPTOR.shared()
    books.restore({key: marshal.loads(values) for key, values in kept.items()})
    case = Case.load(folder)
    form = DESCRIPTOR.datagrams if case.datagrams else DESCRIPTOR.streams
    assert form is not None
    player.alg = form(context.settings, session, books)
    player.alg.restore(snapshot)
    assert books.changes() == []


@pytest.mark.parametrize("folder", sorted(CASES.glob("*/case.toml")), ids=lambda path: path.parent.name)
def test_restarted_after_every_message(folder: Path) -> None:
    """What leaves and what is opened and closed is the same as without."""
    folder = folder.parent
    case = Case.load(folder)
    if folder.name in FORGETFUL or folder.name.startswith("tcp-not-sip"):
        return
    whole, player = case.play(DESCRIPTOR), case.player(DESCRIPTOR)
    kept: dict[str, Any] = {}
    for direction, data in case.steps():
        player.feed(direction, data)
        if not player.handed_over():
            take_over(player, folder, kept)
    player.finish()
    assert player.out == whole.out
    assert gates(player) == gates(whole)


def gates(player: Player) -> list[Any]:
    return [action for _, action, _ in player.log if isinstance(action, GATES)]


def test_a_registration_goes_on() -> None:
    folder = CASES / "registration-refreshed"
    case, kept = Case.load(folder), {}
    player = case.player(DESCRIPTOR)
    steps = case.steps()
    for direction, data in steps[:2]:
        player.feed(direction, data)
    take_over(player, folder, kept)
    (entry,) = player.alg.context.books.listing()["registrations/registration"]
    assert entry["contact"] == "10.0.0.2:5060"
    player.meanwhile("31")
    assert not player.open
    assert player.alg.context.books.changes()[0][1] is None


def test_who_is_denied_stays_so() -> None:
    """For as long as before."""
    folder = CASES / "denied"
    case, kept = Case.load(folder), {}
    player = case.player(DESCRIPTOR)
    steps = case.steps()
    for direction, data in steps[:2]:
        player.feed(direction, data)
    take_over(player, folder, kept)
    arrived = len(player.out)
    player.feed(*steps[2])
    assert len(player.out) == arrived
    player.meanwhile("11")
    [(name, gone)] = player.alg.context.books.changes()
    assert name.startswith("denied ")
    assert gone is None
    player.feed(*steps[2])
    assert len(player.out) == arrived + 1


@pytest.mark.parametrize("name", ["tcp-bodies", "tcp-bodies-routed", "tcp-bodies-refused"])
def test_a_body_goes_on(name: str) -> None:
    """Of which some has left, or which is refused with its message."""
    folder = CASES / name
    case, kept = Case.load(folder), {}
    whole, player = case.play(DESCRIPTOR), case.player(DESCRIPTOR)
    for number, (direction, data) in enumerate(case.steps()):
        player.feed(direction, data[:-5])
        if number == 1:
            take_over(player, folder, kept)
        player.feed(direction, data[-5:])
    player.finish()
    assert player.sent(ORIGINAL) == whole.sent(ORIGINAL)
