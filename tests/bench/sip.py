"""SIP over UDP: calls of six messages with media both ways, through plain forwarding, the kernel's SIP helper and the
appliance.

A phone is a port of one inside host, so one worker reads them all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from statistics import median
from subprocess import PIPE

from applianced.tools.namespaces import IPV4, Topology, end, processes_in
from tests.bench import sip_cost
from tests.bench.gateways import FORWARD, Running, load
from tests.bench.loads import TOOLS, LoadError, used_s
from tests.support.appliance import appliance_on
from tests.support.netns import unique_topology
from tests.support.translations import permit

HELPER = """
    ct helper sip { type "sip" protocol udp; }
    chain attach {
        type filter hook prerouting priority -150;
        udp dport 5060 ct helper set "sip"
    }
"""
MANY_GATES = """
<flow>
  <alg-gates-per-source>65536</alg-gates-per-source><alg-gates-total>65536</alg-gates-total>
</flow>
"""
MESSAGES = 6
"""Of a call."""
RATE = 2000
"""Calls a second that must get through."""
LOADS: dict[str, tuple[str, ...]] = {
    "full": ("-r", str(RATE), "-p", "64", "-n", "10000"),
    "half": ("-r", str(RATE // 2), "-p", "64", "-n", "5000"),
    "one-phone": ("-w", "16", "-p", "1", "-n", "4000"),
    "64-phones": ("-w", "16", "-p", "64", "-n", "4000"),
}
"""Options of sip_load: two that keep a rate, two that keep sixteen calls going."""
OVERLOAD, OVERLOAD_S = "overload", 8
"""Twice as many calls a second as the appliance managed sixteen at once, for so long."""
FIGURES = (
    "calls_per_s",
    "in_time_per_s",
    "failed",
    "said_again",
    "invite_p50_us",
    "invite_p99_us",
    "bye_p50_us",
    "bye_p99_us",
    "cpu_us",
)
PLAIN, KERNEL, OURS = "forwarding", "kernel-helper", "appliance"
Figures = dict[str, float]
Costs = dict[str, dict[str, float]]
Results = dict[str, dict[str, list[Figures]]]
"""Load -> gateway -> the figures of each round."""


@contextmanager
def forwarding(topology: Topology) -> Iterator[Running]:
    """Neither NAT nor an ALG."""
    yield Running((), list)


@contextmanager
def kernel_helper(topology: Topology) -> Iterator[Running]:
    load(topology, HELPER, FORWARD)
    yield Running((), list)


@contextmanager
def appliance(topology: Topology) -> Iterator[Running]:
    with appliance_on(topology) as made:
        made.push(permit("trust", "untrust", "load", "junos-sip") + MANY_GATES)
        yield Running((), lambda: [made.serving.process_id, *processes_in(topology.gateway)])


GATEWAYS: dict[str, Callable[[Topology], AbstractContextManager[Running]]] = {
    PLAIN: forwarding,
    KERNEL: kernel_helper,
    OURS: appliance,
}


def measure(topology: Topology, running: Running, options: tuple[str, ...]) -> Figures:
    """One load. Raises LoadError when not a single call came through."""
    tool = str(TOOLS / "sip_load")
    called = topology.popen(topology.server, [tool, "-S", IPV4.server, "-x", f"IP4 {IPV4.client}"], stdout=PIPE)
    assert called.stdout is not None
    assert called.stdout.readline() == "READY\n"
    before_s = used_s(running)
    try:
        words = [tool, "-h", IPV4.server, "-l", IPV4.client, *options]
        found = json.loads(topology.run(topology.client, words, timeout_s=120).stdout)
        spent_s = used_s(running) - before_s
        called.terminate()
        seen = json.loads(called.stdout.read())
    finally:
        end(called)
    if not found["calls"]:
        raise LoadError(f"sip: {found}")
    calls = found["calls"] + found["failed_calls"]
    times = {f"{name}_{part}_us": found[f"{name}_us"][part] for name in ("invite", "bye") for part in ("p50", "p99")}
    return {
        "calls_per_s": found["calls_per_s"],
        "in_time_per_s": found["in_time_per_s"],
        "failed": found["failed_calls"] / calls,
        "said_again": found["said_again"] / calls,
        "cpu_us": spent_s * 1e6 / (calls * MESSAGES),
        **times,
        **{name: float(count) for name, count in seen.items()},
    }


def measure_round(results: Results, number: int) -> None:
    """Every load through every gateway, each with fresh namespaces; then more than it can do through the appliance."""
    for name, options in LOADS.items():
        for gateway in GATEWAYS:
            _measure_one(results, number, name, gateway, options)
    rate = 2 * results["64-phones"][OURS][-1]["calls_per_s"]
    options = ("-r", f"{rate:.0f}", "-p", "64", "-n", f"{rate * OVERLOAD_S:.0f}")
    _measure_one(results, number, OVERLOAD, OURS, options)


def _measure_one(results: Results, number: int, name: str, gateway: str, options: tuple[str, ...]) -> None:
    opened = GATEWAYS[gateway]
    with unique_topology(offloads=True, route_back=gateway == PLAIN) as topology, opened(topology) as running:
        figures = measure(topology, running, options)
    results.setdefault(name, {}).setdefault(gateway, []).append(figures)
    shown = " ".join(f"{key} {value:,.1f}" for key, value in figures.items())
    print(f"round {number} {gateway:14} sip {name:10} {shown}", flush=True)


def middle(results: Results, name: str, gateway: str, figure: str) -> float:
    return median(figures[figure] for figures in results[name][gateway])


def targets(results: Results) -> list[tuple[str, float, str, bool]]:
    """What is wanted: (text, found, bound, whether it was met)."""
    failed = middle(results, "full", OURS, "failed")
    rate = middle(results, "full", OURS, "calls_per_s")
    added = middle(results, "half", OURS, "invite_p99_us") - middle(results, "half", PLAIN, "invite_p99_us")
    ratios = [
        ours["calls_per_s"] / kernel["calls_per_s"]
        for ours, kernel in zip(results["64-phones"][OURS], results["64-phones"][KERNEL], strict=True)
    ]
    kept = [
        loaded["in_time_per_s"] / full["calls_per_s"]
        for loaded, full in zip(results[OVERLOAD][OURS], results["64-phones"][OURS], strict=True)
    ]
    return [
        (f"calls/s at {RATE} offered", rate, f"at least {RATE * 0.99:.0f}", rate >= RATE * 0.99),
        ("failed of those, percent", failed * 100, "under 0.1", failed < 0.001),
        (f"added p99 from INVITE to 200 at {RATE // 2}, µs", added, "under 2000", added < 2000),
        ("rate over the kernel helper's, 64 phones", median(ratios), "at least 0.5", median(ratios) >= 0.5),
        ("calls completed at twice what it can do, over that", median(kept), "at least 0.8", median(kept) >= 0.8),
    ]


def markdown(results: Results, costs: Costs) -> str:
    """Every load as a table, what was wanted, and where the time goes."""
    sections = ["# SIP over UDP", "Six messages and two packets of media a call. Medians.", sip_cost.table(costs)]
    rows = [
        f"| {text} | {found:,.2f} | {bound} | {'met' if met else '**missed**'} |"
        for text, found, bound, met in targets(results)
    ]
    sections.append("\n".join(["| figure | found | target | |", "| --- | --- | --- | --- |", *rows]))
    heads = (
        "calls/s", "while offered", "failed %", "said again %", "INVITE p50", "p99 µs", "BYE p50", "p99 µs",
        "CPU µs per message",
    )  # fmt: skip
    loads = {name: f"`{' '.join(options)}`" for name, options in LOADS.items()}
    for name, options in {**loads, OVERLOAD: "twice the rate of 64-phones"}.items():
        lines = [
            f"## {name} ({options})",
            "",
            f"| gateway | {' | '.join(heads)} |",
            "| --- |" + " --- |" * len(heads),
        ]
        for gateway in results[name]:
            cells = [middle(results, name, gateway, figure) for figure in FIGURES]
            cells[2:4] = [cell * 100 for cell in cells[2:4]]
            lines.append(
                f"| {gateway} | " + " | ".join(f"{cell:,.2f}" if cell < 10 else f"{cell:,.0f}" for cell in cells) + " |"
            )
        sections.append("\n".join(lines))
    return "\n\n".join(sections) + "\n"


def write(results: Results, directory: Path) -> str:
    """sip.md and sip.json in `directory`; returns the Markdown."""
    directory.mkdir(parents=True, exist_ok=True)
    costs = sip_cost.costs()
    text = markdown(results, costs)
    (directory / "sip.md").write_text(text)
    (directory / "sip.json").write_text(json.dumps({"rounds": results, "costs_us": costs}, indent=1) + "\n")
    return text
