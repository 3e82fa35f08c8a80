"""What was measured, as Markdown and JSON, with the targets and whether they were met."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from tests.bench.commits import CASES, Timed
from tests.bench.loads import LOADS, TIMED, Measured
from tests.bench.management import report as management
from tests.bench.management.report import Management

COMMIT_TARGET_S = 1.0
COMMIT_TARGET_CASES = ("10,000 applications", "10,000 applications in one policy")
SETTLED_TARGET_S = 0.1
SETTLED_TARGET_CASES = tuple(case.name for case in CASES if case.entries == 10_000)
APPLIANCE, HELPER, IDLE, PLAIN = "appliance", "kernel-helper", "idle-queue", "masquerade"
SMALL_LOADS = tuple(load.name for load in LOADS if not load.bulk)
BULK_LOADS = tuple(load.name for load in LOADS if load.bulk)


@dataclass(slots=True)
class Results:
    """rounds[load][gateway]: one measurement per round, in order, so that the same place is the same round."""

    rounds: dict[str, dict[str, list[Measured]]] = field(default_factory=dict)
    commits: list[Timed] = field(default_factory=list)
    management: Management = field(default_factory=Management)

    def add(self, load: str, gateway: str, measured: Measured) -> None:
        self.rounds.setdefault(load, {}).setdefault(gateway, []).append(measured)

    def middle(self, load: str, gateway: str, figure: str) -> float:
        """Median over the rounds."""
        return median(measured[figure] for measured in self.rounds[load][gateway])

    def ratio(self, load: str, figure: str, over: str, gateway: str = APPLIANCE) -> float:
        """Median of the ratios of each round: what disturbs a round disturbs both."""
        pairs = zip(self.rounds[load][gateway], self.rounds[load][over], strict=True)
        return median(one[figure] / other[figure] for one, other in pairs)


@dataclass(frozen=True, slots=True)
class Target:
    """A figure and its bound: at_least or at most."""

    text: str
    found: float
    bound: float
    at_least: bool

    @property
    def met(self) -> bool:
        return self.found >= self.bound if self.at_least else self.found <= self.bound


def targets(results: Results) -> list[Target]:
    """What was asked for, load by load."""
    found = []
    for load in filter(results.rounds.__contains__, SMALL_LOADS):
        rate = "transfers_per_s"
        found.append(Target(f"{load}: rate over idle queue", results.ratio(load, rate, IDLE), 0.85, True))
        found.append(Target(f"{load}: rate over kernel helper", results.ratio(load, rate, HELPER), 0.60, True))
        slower = results.ratio(load, "active_p50_us", HELPER)
        found.append(Target(f"{load}: PORT p50 over kernel helper", slower, 2.3, False))
    for load in filter(results.rounds.__contains__, BULK_LOADS):
        found.append(Target(f"{load}: rate over masquerade", results.ratio(load, "gbit_per_s", PLAIN), 0.98, True))
    for timed in results.commits:
        if timed.case in COMMIT_TARGET_CASES:
            found.append(Target(f"{timed.case}: first commit, seconds", timed.first_commit_s, COMMIT_TARGET_S, False))
        if timed.case in SETTLED_TARGET_CASES:
            name = f"{timed.case}: edit and commit of one, seconds"
            found.append(Target(name, timed.settled_s, SETTLED_TARGET_S, False))
    return found


def write(results: Results, directory: Path) -> str:
    """report.md and report.json in `directory`; returns the Markdown."""
    text = markdown(results)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "report.md").write_text(text)
    document = {
        "machine": machine(),
        "rounds": results.rounds,
        "commits": [asdict(timed) for timed in results.commits],
        "management": asdict(results.management),
        "targets": [{**asdict(target), "met": target.met} for target in targets(results)],
    }
    (directory / "report.json").write_text(json.dumps(document, indent=1) + "\n")
    return text


def machine() -> dict[str, str | int]:
    return {"kernel": platform.release(), "processors": os.cpu_count() or 0, "python": platform.python_version()}


def markdown(results: Results) -> str:
    about = ", ".join(f"{name} {value}" for name, value in machine().items())
    count = max((len(done) for per in results.rounds.values() for done in per.values()), default=0)
    rounds = f"Medians of {count} interleaved rounds; " if count else ""
    head = f"# Bench\n\n{about}. {rounds}generators, servers and gateway share the "
    sections = [head + "processors. Ratios are medians of the ratios of each round."]
    if wanted := targets(results):
        sections.append("## Targets\n\n" + target_table(wanted))
    for load in filter(results.rounds.__contains__, SMALL_LOADS):
        sections.append(f"## {load}\n\n{rate_table(results, load)}\n\n{latency_table(results, load)}")
    if any(load in results.rounds for load in BULK_LOADS):
        sections.append("## Data sessions\n\n" + bulk_table(results))
    if results.management.appliance:
        sections.append("## Management\n\n" + management.INTRODUCTION)
        sections.append(table(management.HEAD, management.lines(results.management)))
    if results.commits:
        sections.append("## Commits, seconds\n\n" + commit_table(results.commits))
    return "\n\n".join(sections) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def target_table(wanted: Sequence[Target]) -> str:
    rows = []
    for target in wanted:
        bound = f"{'at least' if target.at_least else 'at most'} {target.bound:.2f}"
        rows.append([target.text, f"{target.found:.2f}", bound, "met" if target.met else "**missed**"])
    return table(["figure", "found", "target", ""], rows)


def rate_table(results: Results, load: str) -> str:
    rows = []
    for gateway in results.rounds[load]:
        rate = results.middle(load, gateway, "transfers_per_s")
        cpu_ms = results.middle(load, gateway, "cpu_s_per_1000_messages") * 1000
        ratios = [results.ratio(load, "transfers_per_s", over, gateway) for over in (PLAIN, HELPER, IDLE)]
        rows.append([gateway, f"{rate:,.0f}", *(f"{ratio:.2f}" for ratio in ratios), f"{cpu_ms:.1f}"])
    head = ["gateway", "data connections/s", "over masquerade", "over helper", "over idle queue"]
    return table([*head, "CPU ms per 1,000 messages"], rows)


def latency_table(results: Results, load: str) -> str:
    """p50 / p99, and what p50 has above masquerade's."""

    def cell(gateway: str, what: str) -> str:
        half, most = (results.middle(load, gateway, f"{what}_{quantile}_us") for quantile in ("p50", "p99"))
        added = half - results.middle(load, PLAIN, f"{what}_p50_us")
        return f"{half:.0f} / {most:.0f} ({added:+.0f})"

    return figures(results.rounds[load], "µs, p50 / p99 (p50 added)", TIMED, cell)


def bulk_table(results: Results) -> str:
    loads = [load for load in BULK_LOADS if load in results.rounds]

    def cell(gateway: str, load: str) -> str:
        ratio = results.ratio(load, "gbit_per_s", PLAIN, gateway)
        return f"{results.middle(load, gateway, 'gbit_per_s'):.1f} ({ratio:.2f})"

    return figures(results.rounds[loads[0]], "Gbit/s (over masquerade)", loads, cell)


def figures(
    gateways: dict[str, list[Measured]], title: str, columns: Sequence[str], cell: Callable[[str, str], str]
) -> str:
    rows = [[gateway, *(cell(gateway, column) for column in columns)] for gateway in gateways]
    return table([title, *columns], rows)


def commit_table(commits: Sequence[Timed]) -> str:
    head = ["entries", "edit all", "commit all", "edit one more", "commit one more", "change one"]
    rows = [
        [timed.case]
        + [f"{value:.3f}" for value in (timed.first_edit_s, timed.first_commit_s, timed.next_edit_s)]
        + [f"{timed.next_commit_s:.3f}", f"{timed.settled_s:.3f}"]
        for timed in commits
    ]
    return table(head, rows)
