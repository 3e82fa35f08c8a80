"""What was decoded is not decoded again while it is the very same object.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

Value = TypeVar("Value")


class _Known(NamedTuple, Generic[Value]):
    """entries: keeps them alive, and with that their identities apart."""

    entries: Sequence[Mapping[str, Any]]
    values: Mapping[int, Value]


class Memo(Generic[Value]):
    """The entries of one list as they were decoded last. May be used by several threads, which then share less."""

    def __init__(self) -> None:
        self._known: _Known[Value] = _Known((), {})

    def decoded(
        self, entries: Sequence[Mapping[str, Any]], decode: Callable[[Mapping[str, Any]], Value]
    ) -> list[Value]:
        """Each entry decoded, now or before. entries: nobody changes them afterwards. Raises what `decode` raises."""
        known = self._known.values.get
        found = map(known, map(id, entries))
        values = [decode(entry) if value is None else value for entry, value in zip(entries, found, strict=True)]
        self._known = _Known(entries, dict(zip(map(id, entries), values, strict=True)))
        return values
