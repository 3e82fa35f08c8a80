"""The arithmetic of the report about SIP."""

from __future__ import annotations

from pathlib import Path

from tests.bench import sip_cost
from tests.bench.sip import FIGURES, GATEWAYS, KERNEL, LOADS, OURS, OVERLOAD, Results, targets, write


def results() -> Results:
    """Two rounds: the appliance at 60 % of the helper, 1.5 ms slower than forwarding, one call of 1,000 lost."""
    made: Results = {}
    for name in LOADS:
        for gateway in GATEWAYS:
            rate = {KERNEL: 10000.0, OURS: 6000.0}.get(gateway, 20000.0)
            figures = dict.fromkeys(FIGURES, 100.0)
            slow = {"invite_p99_us": 1600.0, "failed": 0.001} if gateway == OURS else {"failed": 0.0}
            figures |= {"calls_per_s": 2000.0 if name == "full" else rate, **slow}
            made.setdefault(name, {})[gateway] = [figures, figures]
    made[OVERLOAD] = {OURS: [{**figures, "in_time_per_s": 4500.0}] * 2}
    return made


def test_targets_say_what_was_met() -> None:
    assert [met for *_, met in targets(results())] == [True, False, True, True, False]


def test_where_the_time_goes() -> None:
    """Every layer takes all six messages of a call, and the ones around cost more."""
    found = sip_cost.costs(calls=20, warm=5)
    assert [list(times) for times in found.values()] == [list(sip_cost.STEPS)] * 3
    assert all(cost > 0 for times in found.values() for cost in times.values())
    assert sip_cost.table(found).count("\n") == 4


def test_the_report_is_written_in_both_forms(tmp_path: Path) -> None:
    text = write(results(), tmp_path)
    assert text == (tmp_path / "sip.md").read_text()
    assert (tmp_path / "sip.json").exists()
    assert "| failed of those, percent | 0.10 | under 0.1 | **missed** |" in text
    assert text.count("| appliance |") == len(LOADS) + 1
