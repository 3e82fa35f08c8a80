"""`make bench`: every load through every gateway in one run, round by round; then commits; then the report."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.bench import commits, datagrams, loads, report
from tests.bench.gateways import GATEWAYS
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


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("build/bench"), help="directory of the report")
    parser.add_argument("--rounds", type=int, default=5)
    names = [load.name for load in (*loads.LOADS, *datagrams.LOADS)]
    parser.add_argument("--loads", default=",".join(names), help="comma separated")
    parser.add_argument("--no-commits", action="store_true", help="leave the timing of commits out")
    options = parser.parse_args()
    wanted = [load for load in loads.LOADS if load.name in options.loads.split(",")]
    loads.build_tools()
    results = report.Results()
    rates: dict[str, datagrams.Rates] = {}
    for number in range(1, options.rounds + 1):
        measure_round(results, wanted, number)
        datagrams.measure_round(rates, options.loads.split(","), number)
    for case in () if options.no_commits else commits.CASES:
        results.commits.append(commits.measure(case))
        print(results.commits[-1], flush=True)
    print(report.write(results, options.output))
    if rates:
        print(datagrams.write(rates, options.output))


if __name__ == "__main__":
    main()
