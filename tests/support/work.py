"""How much a piece of code asks of libyang, by counting: what grows too fast shows without a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from inspect import isfunction, isgenerator
from typing import Any

import pytest

from applianced.datastore import native


class Work:
    """Calls of `native`, and nodes and other things that it yields."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Counts from now on, as long as the monkeypatch lasts."""
        self._count = 0
        for name in native.__all__:
            function = getattr(native, name)
            if isfunction(function):
                monkeypatch.setattr(native, name, self._counted(function))

    def of(self, function: Callable[[], object]) -> int:
        """What one call of `function` takes."""
        before = self._count
        function()
        return self._count - before

    def _counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            self._count += 1
            result = function(*args, **kwargs)
            return self._each(result) if isgenerator(result) else result

        return counted

    def _each(self, many: Iterator[Any]) -> Iterator[Any]:
        for one in many:
            self._count += 1
            yield one
