"""Expected results as files: compared, or written anew with APPLIANCED_UPDATE_EXPECTED=1 (never in CI)."""

from __future__ import annotations

import os
from pathlib import Path


def compare(path: Path, actual: str) -> None:
    """Assert that `path` holds `actual`; with APPLIANCED_UPDATE_EXPECTED=1 write it there. The diff is the review."""
    if os.environ.get("APPLIANCED_UPDATE_EXPECTED") == "1":
        assert os.environ.get("CI") != "true", "expectations are not rewritten in CI"
        path.write_text(actual)
        return
    assert path.exists(), f"{path.name} is missing: run with APPLIANCED_UPDATE_EXPECTED=1 and review it"
    assert actual == path.read_text()
