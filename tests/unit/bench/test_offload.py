"""The report of flow offload: medians, ratios of each round, and what kind of machine it was."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.bench import offload
from tests.bench.offload import Measured


def test_report(tmp_path: Path) -> None:
    results = offload.Results()
    for slow, fast in ((100, 150), (50, 200), (80, 80)):
        results.add("TCP", "rules", Measured(slow, 4.0))
        results.add("TCP", "offload", Measured(fast, 3.0))
    assert results.ratio("TCP", 0) == 1.5
    for kind, words in (("tcg", "emulated (TCG)"), ("kvm", "with KVM")):
        text = offload.write(results, tmp_path / "out", kind)
        assert words in text
        assert "medians of 3 rounds" in text
        assert "| TCP, Mbit/s | 80 | 150 | 1.50 |" in text
        assert "| TCP, processor seconds for 1 GB | 4.00 | 3.00 | 0.75 |" in text
    assert (tmp_path / "out" / "offload.md").read_text() == text


def test_processor_time_is_that_of_the_process() -> None:
    before = offload.processor_s(os.getpid())
    until_s = time.process_time() + 0.1
    while time.process_time() < until_s:
        pass
    assert 0.05 < offload.processor_s(os.getpid()) - before < 1
