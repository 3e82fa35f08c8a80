"""What the sessions of an ALG know together, page by page, and as a document may hold it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from applianced.datastore.native import Form
from applianced.datastore.tree import Tree
from applianced.supervisor.alg_lists import PAGE, alg_lists
from tests.support.agent_books import Agent, provider
from tests.yang.models import shipped

Entries = list[tuple[str, dict[str, Any]]]


class Callers(Agent):
    """Workers with these entries, in pages of one."""

    def __init__(self, *workers: Entries) -> None:
        super().__init__()
        self.workers = workers

    async def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        if operation != "alg-lists":
            return await super().call(operation, **arguments)
        if arguments["alg"] != "sip":
            return {"entries": [], "more": False, "workers": 1}
        entries, first = self.workers[arguments["worker"]], arguments["after"] // PAGE
        page = entries[first : first + 1]
        return {"entries": page, "more": first + 1 < len(entries), "workers": len(self.workers)}


def lists(*workers: Entries) -> dict[str, Any]:
    return asyncio.run(alg_lists(Callers(*workers), "sip"))  # type: ignore[arg-type]


def test_of_every_worker_and_page() -> None:
    found = lists([("calls/call", {"name": "a"}), ("plain", {"number": 1})], [], [("calls/call", {"name": "b"})])
    assert found == {"calls": {"call": [{"name": "a"}, {"name": "b"}]}, "plain": [{"number": 1}]}
    assert lists([]) == {}


def test_what_no_document_may_hold_is_replaced() -> None:
    found = lists([("plain", {"text": "a\0b\ttab", "more": [1, {"deep": "\ufffe"}]})])
    assert found == {"plain": [{"text": "a\ufffdb\ttab", "more": [1, {"deep": "\ufffd"}]}]}


def test_they_are_part_of_the_state() -> None:
    call = {"call-id": "1@10.0.0.1\1", "party": "10.0.0.1"}
    state = asyncio.run(provider(Callers([("calls/call", call)])).state())
    with Tree.parse(shipped(), json.dumps(state).encode(), Form.JSON, state=True) as tree:
        shown = tree.data()["applianced-security:security"]["applianced-alg:alg"]["applianced-alg-sip:sip"]
    assert shown["calls"]["call"][0]["party"] == "10.0.0.1"
