"""The table of docs/netconf-conformance.md: all that is offered is there, and its tests exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from applianced.netconf.capabilities import capabilities, with_urls
from tests.support.shop import shop_models

ROOT = Path(__file__).parents[2]
CONFORMANCE = ROOT / "docs" / "netconf-conformance.md"
NAMED = re.compile(r"`(?:tests/)?([\w/]+\.py)(?:::(\w+))?`")


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
    assert bool(NAMED.search(row[-1])) or not offered


def test_every_capability_of_a_hello_is_there() -> None:
    """Those of the base protocol have no row of this form: framing follows from them."""
    announced = with_urls(capabilities(shop_models(), "id"), ["file"])
    names = {uri.partition("capability:")[2].partition("?")[0] for uri in announced if ":capability:" in uri}
    assert len(names) > 12
    said = " ".join(row[0] for row in rows())
    assert not {name for name in names if f"`:{name}`" not in said}


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_a_page_names_no_test_that_is_gone(page: Path) -> None:
    files = [*(ROOT / "tests").rglob("test_*.py")]
    known = set().union(*(functions(file) for file in files), (file.stem for file in files))
    assert not set(re.findall(r"\btest_\w+", page.read_text())) - known


def test_every_rfc_is_there() -> None:
    text = " ".join(row[0] for row in rows())
    for number in (6241, 6242, 5277, 6243, 6020, 7950, 6022, 5717, 8071, 8341, 8342, 8525, 7895, 8526, 6470, 9144):
        assert str(number) in text
    for draft in ("privcand", "transaction-id"):
        assert draft in text
