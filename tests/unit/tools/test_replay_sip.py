"""Captures of SIP through the same code as traffic; what it tells is kept beside this file: replay/<capture>.txt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from applianced.config.schema import Nat
from applianced.model.tuples import packed
from applianced.tools.replay import as_text, replay
from tests.support.configs import SIP_OUT
from tests.support.expected import compare

CAPTURES = sorted((Path(__file__).parents[2] / "captures" / "sip").glob("*.pcap"))
EXPECTED = Path(__file__).parent / "replay"
OUTSIDE = [packed("203.0.113.1")]
WIDTH = 160
"""Of a line that is kept: messages that were rewritten stand in one."""


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_captures(capture: Path) -> None:
    lines = as_text(replay(SIP_OUT, capture, addresses=OUTSIDE)).splitlines()
    shown = [line if len(line) <= WIDTH else line[:WIDTH] + "..." for line in lines]
    compare(EXPECTED / f"{capture.stem}.txt", "\n".join(shown) + "\n")


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_routed_captures_keep_every_length(capture: Path) -> None:
    rehearsal = replay(replace(SIP_OUT, nat=Nat()), capture)
    assert all(event.fields.get("growth", 0) == 0 for event in rehearsal.events)
