"""The report on many gates: medians, ratios of rounds, targets."""

from __future__ import annotations

import json
from pathlib import Path

from tests.bench.gates import ALONE, Figures, write


def beside(established: float, flows: float, insert_us: float) -> Figures:
    return {
        "established_per_s": established, "new_flows_per_s": flows, "insert_us": insert_us, **dict.fromkeys(ALONE, 7.0)
    }  # fmt: skip


def test_targets(tmp_path: Path) -> None:
    without = [{"established_per_s": 100.0, "new_flows_per_s": 200.0}] * 3
    found = {"without": without, "beside": [beside(94, 180, 18), beside(97, 160, 19), beside(90, 170, 40)]}
    lines = write(found, tmp_path).splitlines()
    assert "| insert_us | 19.0 µs a gate |  |  | at most 20, met |" in lines
    assert "| established_per_s | 94 packets/s | 100 | 0.94 | at least 0.95, **missed** |" in lines
    assert "| new_flows_per_s | 170 flows/s | 200 | 0.85 | at least 0.85, met |" in lines
    assert "| memory of a gate in its worker, octets | 7.0 | | | |" in lines
    assert json.loads((tmp_path / "gates.json").read_text()) == found
    assert (tmp_path / "gates.md").read_text().splitlines() == lines
