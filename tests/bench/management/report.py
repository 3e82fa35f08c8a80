"""What was measured of the management plane, scaled by the floor of the same minutes, against its targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.bench.management.rows import Figures


@dataclass(frozen=True, slots=True)
class Row:
    """A figure and what is asked of it. bound: None when it is only shown. rate: more is better.

    by: the row by whose floor it is scaled, "" for none.
    """

    name: str
    unit: str
    bound: float | None
    rate: bool = False
    by: str = "small get-config"


ROWS = (
    Row("logins", "1/s", 100, rate=True, by="logins"),
    Row("logins at once, p99", "ms", 200, by="logins"),
    Row("small get-config", "1/s", 1500, rate=True),
    Row("get-config of all", "MB/s", 60, rate=True),
    Row("first octet of it", "ms", 10),
    Row("get-config of all, what rules add", "%", 10, by=""),
    Row("get-config of all under rules, after a commit", "ms", None),
    Row("one entry by key", "ms", 1),
    Row("edit and commit of one entry", "ms", 50),
    Row("edit and commit of one entry, p99", "ms", None),
    Row("first octet of it, after a commit", "ms", 10),
    Row("edit and commit of one entry, 100 entries", "ms", None),
    Row("lock, edit, validate, commit, unlock", "ms", 80),
    Row("all entries in one edit", "ms", 500),
    Row("memory of an idle session", "KiB", 64, by=""),
    Row("processor, 50 idle sessions", "%", 0.5, by=""),
    Row("small get-config beside a large commit, p99", "ms", 50),
)
REFERENCE = {"logins": 177.0, "small get-config": 2650.0}
"""The floor on the machine for which the targets were set."""


@dataclass(slots=True)
class Management:
    """Rounds of measurements, of the appliance and of the floor."""

    appliance: list[Figures] = field(default_factory=list)
    floor: list[Figures] = field(default_factory=list)

    def scaled(self, row: Row) -> float:
        """The figure as it would be on the machine of the targets; as found when the floor was not measured."""
        found = middle(self.appliance, row.name)
        if not row.by or not _has(self.floor, row.by):
            return found
        faster = middle(self.floor, row.by) / REFERENCE[row.by]
        return found / faster if row.rate else found * faster

    def met(self, row: Row) -> bool | None:
        """Whether the scaled figure is what was asked for; None when nothing was."""
        if row.bound is None:
            return None
        return self.scaled(row) >= row.bound if row.rate else self.scaled(row) <= row.bound

    def rows(self) -> list[Row]:
        """Those that were measured."""
        return [row for row in ROWS if _has(self.appliance, row.name)]


def middle(rounds: Sequence[Figures], name: str) -> float:
    """Median over the rounds."""
    return median(figures[name] for figures in rounds if name in figures)


def _has(rounds: Sequence[Figures], name: str) -> bool:
    return any(name in figures for figures in rounds)


def lines(results: Management) -> list[list[str]]:
    """A table: figure, measured, floor, scaled, target, and whether it was met."""
    shown = []
    for row in results.rows():
        floor = f"{middle(results.floor, row.name):,.1f}" if _has(results.floor, row.name) else ""
        bound = "" if row.bound is None else f"{'at least' if row.rate else 'at most'} {row.bound:g}"
        verdict = {True: "met", False: "**missed**", None: ""}[results.met(row)]
        found, scaled = middle(results.appliance, row.name), results.scaled(row)
        shown.append([f"{row.name}, {row.unit}", f"{found:,.1f}", floor, f"{scaled:,.1f}", bound, verdict])
    return shown


INTRODUCTION = (
    "NETCONF over SSH on loopback, no dataplane, every commit on disk before its answer; 10,000 applications where "
    "nothing else is said. The floor is asyncssh and lxml alone, measured in the same minutes; a scaled figure is what "
    "would be found on a machine whose floor does 2,650 short get-configs and 177 logins a second."
)
HEAD = ["figure", "measured", "floor", "scaled", "target", ""]
