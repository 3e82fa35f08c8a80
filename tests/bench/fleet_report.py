"""What runs of tests.bench.fleet cost, as a table, judged by what was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.bench.report import Target, target_table

FIRST, SECOND = "first", "second"
FOREIGN = "netconf_config"
PERSISTENT = "ansible.netcommon"
CLOSING = 1
"""Messages that end ncclient's own session; no module asks for them."""
CHANGE_TARGET = 6
QUIET_TARGET = 1
QUIET_TIME_TARGET = 1 / 3
CHANGE_TIME_TARGET = 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """One run. requests: messages that one appliance received."""

    way: str
    size: int
    run: str
    wall_s: float
    cpu_s: float
    requests: int


def targets(rows: Sequence[Row]) -> list[Target]:
    """Of each way of the collection, the requests of a module, and its time over netconf_config's where that ran."""
    foreign = {(row.size, row.run): row.wall_s for row in rows if row.way == FOREIGN}
    return [target for row in rows if row.way != FOREIGN for target in _targets(row, foreign.get((row.size, row.run)))]


def _targets(row: Row, foreign_s: float | None) -> Iterator[Target]:
    changes = row.run == FIRST
    name = f"{row.size} appliances, {row.way}, {row.run} run"
    requests = row.requests - (CLOSING if PERSISTENT in row.way else 0)
    yield Target(f"{name}: requests", requests, CHANGE_TARGET if changes else QUIET_TARGET, False)
    if foreign_s:
        bound = CHANGE_TIME_TARGET if changes else QUIET_TIME_TARGET
        yield Target(f"{name}: time over {FOREIGN}'s", row.wall_s / foreign_s, bound, False)


def markdown(rows: Sequence[Row]) -> str:
    """The figures, and what they were to be."""
    lines = [
        "| appliances | way | run | wall s | controller CPU s | requests per appliance |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.size} | {row.way} | {row.run} | {row.wall_s:.1f} | {row.cpu_s:.1f} | {row.requests} |" for row in rows
    ]
    return "\n".join(lines) + "\n\n" + target_table(targets(rows)) + "\n"
