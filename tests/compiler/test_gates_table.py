"""The text of the gates table, for both kinds of kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from applianced.compiler.gates_table import gates_table
from tests.support.expected import compare


@pytest.mark.parametrize("statement", [True, False], ids=["queue-statement", "xt-queue"])
def test_text(statement: bool) -> None:
    name = "queue" if statement else "xt"
    compare(Path(__file__).with_name(f"gates_table.{name}.nft"), gates_table(queue_statement=statement))
