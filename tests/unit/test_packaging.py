"""What an installation holds."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_package_is_installed() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    there = {".".join(init.parent.relative_to(ROOT).parts) for init in (ROOT / "applianced").rglob("__init__.py")}
    assert set(listed) == there | {"applianced.yang"}
