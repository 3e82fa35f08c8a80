"""Every folder of tests/alg/<alg>/ is played; what the ALG asked for and what came out is compared with its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from applianced.alg.actions import OpenGate, Pass, Rewrite
from applianced.alg.registry import REGISTRY
from applianced.model.tuples import ORIGINAL, REPLY
from tests.support.dialog import Case, Meanwhile, render
from tests.support.expected import compare

FOLDERS = sorted(path.parent for path in Path(__file__).parent.glob("*/*/case.toml"))
CUT_MAX = 4000
"""Octets of a dialog that is cut at each of them; what cuts do to longer lines is for the property tests."""
STREAMS = [folder for folder in FOLDERS if not Case.load(folder).datagrams]
SHORT = [folder for folder in STREAMS if sum(len(data) for _, data in Case.load(folder).steps()) <= CUT_MAX]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_case(folder: Path) -> None:
    player = Case.load(folder).play(REGISTRY[folder.parent.name])
    compare(folder / "01-actions.txt", "\n".join(player.summary()) + "\n")
    compare(folder / "01-output.dialog", render(player.out))


@pytest.mark.parametrize("folder", SHORT, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_cut_at_every_octet(folder: Path) -> None:
    """The same dialog, one octet at a time: same actions, same octets."""
    case = Case.load(folder)
    whole = case.play(REGISTRY[folder.parent.name])
    player = case.player(REGISTRY[folder.parent.name])
    for direction, data in case.steps():
        pieces = [data] if isinstance(data, Meanwhile) else [bytes((octet,)) for octet in data]
        for piece in pieces:
            player.feed(direction, piece)
    player.finish()
    for direction in (ORIGINAL, REPLY):
        assert player.sent(direction) == whole.sent(direction)
    without_pass = [entry for entry in player.log if not isinstance(entry[1], Pass)]
    assert without_pass == [entry for entry in whole.log if not isinstance(entry[1], Pass)]


@pytest.mark.parametrize("folder", STREAMS, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_without_translation_nothing_changes_its_length(folder: Path) -> None:
    """A routed session: every rewrite is of equal length, and gates lead to the speaker alone."""
    case = Case.load(folder)
    player = case.player(REGISTRY[folder.parent.name])
    player.translation.clear()
    for direction, data in case.steps():
        player.feed(direction, data)
    rewrites = [action for _, action, _ in player.log if isinstance(action, Rewrite)]
    assert all(rewrite.octets == len(rewrite.replacement) for rewrite in rewrites)
    own = {"client": case.about["session"]["client"], "server": case.about["session"]["server"]}
    for _, action, _ in player.log:
        if isinstance(action, OpenGate):
            assert str(action.inside).rsplit(":", 1)[0].strip("[]") == own["server" if action.speaker else "client"]


def test_every_alg_has_cases() -> None:
    assert {folder.parent.name for folder in FOLDERS} == set(REGISTRY)


def test_every_case_says_what_it_is_for() -> None:
    for folder in FOLDERS:
        about = Case.load(folder).about
        assert about["purpose"], folder
        assert about["rfc"], folder
        assert about["origin"], folder
