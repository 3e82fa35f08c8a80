"""The report on loads through the VM image."""

from __future__ import annotations

from tests.bench.image import ROWS, markdown


def test_emulation_is_said() -> None:
    rates = {name: [3.0, 1.0, 2.0] for name in ROWS}
    lines = markdown(rates, emulated=True).splitlines()
    assert lines[2].startswith("**emulated** by QEMU")
    assert "| new connections | 2.00 connections/s | 1.00 to 3.00 |" in lines
    assert len(lines) == 6 + len(ROWS)
    assert "emulated" not in markdown(rates, emulated=False)
