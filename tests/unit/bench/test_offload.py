"""The report of flow offload: medians, ratios of each round, and what kind of machine it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import offload


def test_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = offload.Rates()
    for slow, fast in ((100, 150), (50, 200), (80, 80)):
        rates.add("TCP", "rules", slow)
        rates.add("TCP", "offload", fast)
    assert rates.ratio("TCP") == 1.5
    for kind, words in (("tcg", "emulated (TCG)"), ("kvm", "with KVM")):
        monkeypatch.setattr(offload, "accelerator", lambda kind=kind: kind)
        text = offload.write(rates, tmp_path / "out")
        assert words in text
        assert "medians of 3 rounds" in text
        assert "| TCP | 80 | 150 | 1.50 |" in text
    assert (tmp_path / "out" / "offload.md").read_text() == text
