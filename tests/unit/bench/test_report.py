"""The arithmetic of the bench's report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.commits import Timed
from tests.bench.loads import QUANTILES, TIMED, Measured
from tests.bench.report import Results, targets, write


def measured(rate: float, latency_us: float) -> Measured:
    times = {f"{name}_{quantile}_us": latency_us for name in TIMED for quantile in QUANTILES}
    return {"transfers_per_s": rate, "cpu_s_per_1000_messages": 0.01, **times}


@pytest.fixture
def results() -> Results:
    made = Results()
    for pace in (1, 2, 10):  # a slow round is slow for all
        for gateway, rate in (("masquerade", 400), ("kernel-helper", 200), ("idle-queue", 100), ("appliance", 90)):
            made.add("sequential", gateway, measured(rate * pace, 5000 / rate))
    for gateway, rate in (("masquerade", 10.0), ("appliance", 9.9)):
        made.add("bulk-active", gateway, {"gbit_per_s": rate})
    made.commits.append(Timed("1,000 policies", 0.2, 1.5, 0.01, 0.2, 0.3))
    made.commits.append(Timed("10,000 applications", 0.2, 1.5, 0.01, 0.2, 0.05))
    made.commits.append(Timed("10,000 applications, the changed one in a policy", 0.2, 1.5, 0.01, 0.2, 0.1))
    made.commits.append(Timed("10,000 applications in one policy", 0.2, 0.9, 0.01, 0.2, 0.101))
    return made


def test_ratio_is_taken_round_by_round(results: Results) -> None:
    assert results.ratio("sequential", "transfers_per_s", "idle-queue") == pytest.approx(0.9)
    assert results.middle("sequential", "appliance", "transfers_per_s") == 180


def test_targets_say_what_was_met(results: Results) -> None:
    met = {target.text: target.met for target in targets(results)}
    assert met == {
        "sequential: rate over idle queue": True,
        "sequential: rate over kernel helper": False,
        "sequential: PORT p50 over kernel helper": True,
        "bulk-active: rate over masquerade": True,
        "10,000 applications: first commit, seconds": False,
        "10,000 applications: edit and commit of one, seconds": True,
        "10,000 applications, the changed one in a policy: edit and commit of one, seconds": True,
        "10,000 applications in one policy: first commit, seconds": True,
        "10,000 applications in one policy: edit and commit of one, seconds": False,
    }


def test_report_is_written_in_both_forms(results: Results, tmp_path: Path) -> None:
    text = write(results, tmp_path)
    assert (tmp_path / "report.md").read_text() == text
    assert "| appliance | 180 | 0.23 | 0.45 | 0.90 | 10.0 |" in text
    document = json.loads((tmp_path / "report.json").read_text())
    assert document["rounds"]["bulk-active"]["appliance"] == [{"gbit_per_s": 9.9}]
