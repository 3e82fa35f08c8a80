"""Lists of the agent, page by page, so that neither a worker nor the agent is held up by a long one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple

from applianced.dataplane.participant import AgentClient
from applianced.supervisor.shapes import session_id

GATES_PAGE = 500
SESSIONS_PAGE = 1000
DATA_PAGE = 20_000
"""Larger, since each page is one walk through all of connection tracking, which costs no worker anything."""

Entry = Mapping[str, Any]


class Page(NamedTuple):
    """next: the number behind which the next page begins, None on the last one."""

    entries: list[Entry]
    matched: int
    next: int | None


class Lists:
    """What filters mean: dataplane.listings."""

    def __init__(self, agent: AgentClient) -> None:
        self._agent = agent

    async def page(self, operation: str, **filters: Any) -> Page:
        """One page of "gates", "sessions" or "data-sessions". Raises DataplaneError."""
        answer = await self._agent.call(operation, **filters)
        entries = answer["entries"]
        following = _NUMBERS[operation](entries[-1]) if answer["more"] and entries else None
        return Page(entries, answer["matched"], following)

    async def _every(self, operation: str, count: int, **filters: Any) -> AsyncIterator[Entry]:
        after: int | None = -1
        while after is not None:
            page = await self.page(operation, after=after, count=count, **filters)
            for entry in page.entries:
                yield entry
            after = page.next

    def gates(self, *, state: str) -> AsyncIterator[Entry]:
        """Every gate in this state, by number; one that opens or closes meanwhile may be missed."""
        return self._every("gates", GATES_PAGE, state=state)

    def sessions(self) -> AsyncIterator[Entry]:
        """Every control session, by number."""
        return self._every("sessions", SESSIONS_PAGE)

    def data_sessions(self) -> AsyncIterator[Entry]:
        """Every data session, by number."""
        return self._every("data-sessions", DATA_PAGE)


_NUMBERS: Mapping[str, Callable[[Entry], int]] = {
    "gates": lambda gate: int(gate["number"]),
    "sessions": lambda session: session_id(session["worker"], session["id"]),
    "data-sessions": lambda session: int(session["id"]),
}
