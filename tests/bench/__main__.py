"""`make bench`: every load through every gateway, those of datagrams and of SIP, and the management plane, round by
round; then commits; then the report."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.bench import commits, datagrams, gates, image, loads, report, sip
from tests.bench.gateways import GATEWAYS
from tests.bench.management import rows
from tests.bench.management.report import Management
from tests.support.netns import unique_topology


def measure_round(results: report.Results, wanted: list[loads.Load], number: int) -> None:
    """Each gateway once, with fresh namespaces, so that nothing carries over."""
    for name, gateway in GATEWAYS.items():
        with unique_topology(offloads=True) as topology, gateway(topology) as running:
            for load in wanted:
                measured = loads.measure(topology, running, load)
                results.add(load.name, name, measured)
                rate = " ".join(f"{key} {value:,.1f}" for key, value in measured.items() if key.endswith("per_s"))
                print(f"round {number} {name:14} {load.name:13} {rate}", flush=True)


def measure_management(results: Management, only: str) -> None:
    """Every group of rows whose name contains `only`, and beside it the floor that its rows are scaled by."""
    for group in rows.GROUPS:
        wanted = only in group.name
        for figures, floor in ((results.appliance, False), (results.floor, True)):
            if wanted if not floor else group.scales or (wanted and group.of_floor):
                figures.append(rows.measure(group, floor=floor))
                shown = " ".join(f"{name} {value:,.1f};" for name, value in figures[-1].items())
                print(f"management {'floor' if floor else 'appliance':10} {group.name:9} {shown}", flush=True)


PARTS = ("gateways", "datagrams", "sip", "gates", "commits", "management")
WITH_IMAGE = ("image",)
"""Needs what `make image` makes, and QEMU: only when asked for."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("build/bench"), help="directory of the report")
    parser.add_argument("--rounds", type=int, default=5)
    names = [load.name for load in (*loads.LOADS, *datagrams.LOADS)]
    parser.add_argument("--loads", default=",".join(names), help="comma separated")
    parser.add_argument("--only", default=",".join(PARTS), help="comma separated (default: %(default)s)")
    parser.add_argument("--rows", default="", metavar="TEXT", help="of management: groups whose name contains this")
    options = parser.parse_args()
    parts = options.only.split(",")
    if unknown := set(parts) - {*PARTS, *WITH_IMAGE}:
        parser.error(f"--only {', '.join(sorted(unknown))}: use {', '.join((*PARTS, *WITH_IMAGE))}")
    wanted = [load for load in loads.LOADS if load.name in options.loads.split(",")] if "gateways" in parts else []
    if wanted or {"datagrams", "sip", "gates", "image"} & set(parts):
        loads.build_tools()
    results = report.Results()
    rates: dict[str, datagrams.Rates] = {}
    calls: sip.Results = {}
    opened: dict[str, list[gates.Figures]] = {}
    through_image: image.Rates = {}
    for number in range(1, options.rounds + 1):
        if wanted:
            measure_round(results, wanted, number)
        if "datagrams" in parts:
            datagrams.measure_round(rates, options.loads.split(","), number)
        if "sip" in parts:
            sip.measure_round(calls, number)
        if "gates" in parts:
            gates.measure_round(opened, number)
        if "management" in parts:
            measure_management(results.management, options.rows)
    if "image" in parts:
        image.measure(through_image, options.rounds)
    for case in commits.CASES if "commits" in parts else ():
        results.commits.append(commits.measure(case))
        print(results.commits[-1], flush=True)
    print(report.write(results, options.output))
    if rates:
        print(datagrams.write(rates, options.output))
    if calls:
        print(sip.write(calls, options.output))
    if opened:
        print(gates.write(opened, options.output))
    if through_image:
        print(image.write(through_image, options.output))


if __name__ == "__main__":
    main()
