"""What the sessions of an ALG know together, as its YANG module shows it: calls, registrations and the like."""

from __future__ import annotations

from typing import Any

from applianced.dataplane.participant import AgentClient

PAGE = 1000

_NO_XML = {
    code: "\N{REPLACEMENT CHARACTER}"
    for code in (*range(0x20), *range(0xD800, 0xE000), 0x7F, 0xFFFE, 0xFFFF)
    if chr(code) not in "\t\n\r"
}
"""What no XML document may hold, and a message of the network may."""


def module_path(alg: str) -> str:
    """The container of an ALG under `security alg`, as RFC 7951 names it."""
    return f"applianced-alg-{alg}:{alg}"


async def alg_lists(agent: AgentClient, alg: str) -> dict[str, Any]:
    """The lists of all workers, each in the container that its name says ("calls/call"); {} when all are empty. Raises
    DataplaneError."""
    lists: dict[str, list[Any]] = {}
    worker, workers, after = 0, 1, 0
    while worker < workers:
        page = await agent.call("alg-lists", alg=alg, worker=worker, after=after, count=PAGE)
        workers = int(page["workers"])
        for name, entry in page["entries"]:
            lists.setdefault(name, []).append(_shown(entry))
        worker, after = (worker, after + PAGE) if page["more"] else (worker + 1, 0)
    return _placed(lists)


def _placed(lists: dict[str, list[Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, entries in lists.items():
        *containers, last = name.split("/")
        place = found
        for container in containers:
            place = place.setdefault(container, {})
        place[last] = entries
    return found


def _shown(value: Any) -> Any:
    """A value as the network may have it, as a document may have it."""
    match value:
        case str():
            return value.translate(_NO_XML)
        case dict():
            return {name: _shown(each) for name, each in value.items()}
        case list():
            return [_shown(each) for each in value]
        case _:
            return value
