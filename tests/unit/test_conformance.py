"""The tables of docs/netconf*.md name tests that exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFORMANCE = ROOT / "docs" / "netconf-conformance.md"
NAMED = re.compile(r"`(?:tests/)?([\w/]+\.py)(?:::(\w+))?`")
LATER = "(being merged)"


@cache
def functions(file: Path) -> frozenset[str]:
    return frozenset(re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE))


def rows() -> list[list[str]]:
    """The cells of every row of every table, headings left out."""
    lines = [line for line in CONFORMANCE.read_text().splitlines() if line.startswith("|") and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_test_that_is_named_exists() -> None:
    named = NAMED.findall(CONFORMANCE.read_text())
    assert len(named) > 80
    for path, function in named:
        file = ROOT / "tests" / path
        assert file.is_file(), path
        assert not function or function in functions(file), f"{path}::{function}"
        assert functions(file), path


@pytest.mark.parametrize("row", [row for row in rows() if row[-1] != "test"], ids=lambda row: row[0][:40])
def test_what_is_offered_has_a_test(row: list[str]) -> None:
    offered = len(row) < 4 or row[2] != "no"
    assert not offered or NAMED.search(row[-1]) or row[-1] == LATER


def test_every_rfc_is_there() -> None:
    text = " ".join(row[0] for row in rows())
    for number in (6241, 6242, 5277, 6243, 6020, 7950, 6022, 5717, 8071, 8341, 8342, 8525, 7895, 8526, 6470, 9144):
        assert str(number) in text
    for draft in ("privcand", "transaction-id"):
        assert draft in text
