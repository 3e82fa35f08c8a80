"""Tells when the server begins or ceases to offer something (RFC 6470 netconf-capability-change)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from applianced.config.schema import Config
from applianced.northbound.events import BASE, Events

_NAME = "netconf-capability-change"


class CapabilityWatch:
    """Compares what hellos announce before and after each commit."""

    def __init__(
        self, events: Events, announced: Callable[[], Sequence[str]], changed_by: Callable[[], Mapping[str, Any]]
    ) -> None:
        """announced: the capabilities of a hello that would be sent now. changed_by: who put in force what runs."""
        self._events = events
        self._announced = announced
        self._changed_by = changed_by
        self._known = tuple(announced())

    def changed(self, config: Config) -> None:
        """A configuration is in force."""
        before, self._known = self._known, tuple(self._announced())
        if before != self._known and self._events.wanted(_NAME):
            self._events.tell(BASE, _NAME, {**self._changed_by(), **_difference(before, self._known)})


def _difference(before: Sequence[str], after: Sequence[str]) -> dict[str, Any]:
    """By RFC 6470 2.2 a capability whose parameters alone differ is modified."""
    gone, new = set(before) - set(after), set(after) - set(before)
    was, now = {_base(uri) for uri in gone}, {_base(uri) for uri in new}
    listed = {
        "added-capability": [uri for uri in after if uri in new and _base(uri) not in was],
        "deleted-capability": [uri for uri in before if uri in gone and _base(uri) not in now],
        "modified-capability": [uri for uri in after if uri in new and _base(uri) in was],
    }
    return {name: uris for name, uris in listed.items() if uris}


def _base(uri: str) -> str:
    return uri.partition("?")[0]
