"""From a valid data tree to a plan: decode, check, compile; no I/O, so that <validate> and <commit> do the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from applianced.alg.registry import REGISTRY
from applianced.compiler.compile import compile_plan
from applianced.compiler.plan import Plan
from applianced.config.checks import check
from applianced.config.decode import Memo, decode
from applianced.config.schema import Application, Config
from applianced.datastore.tree import InvalidTreeError
from applianced.errors import ConfigError
from applianced.northbound.inforce import Builder, Built

_ALGS = frozenset(REGISTRY)


def builder(queues: int) -> Builder:
    """A Builder for an appliance whose control sessions `queues` workers share."""
    return _Building(queues)


class _Building:
    """Remembers what it built last, so that the next one costs what differs; the result is the same without."""

    def __init__(self, queues: int) -> None:
        self._queues = queues
        self._decoded: Memo[Application] = Memo()
        self._passed: Config | None = None

    def __call__(self, data: Mapping[str, Any], in_force: Plan | None) -> Built:
        faults: list[ConfigError] = []
        try:
            config = decode(data, self._decoded, faults)
        except ConfigError as error:
            raise InvalidTreeError([*faults, error]) from None
        faults += check(config, _ALGS, self._passed)
        if faults:
            raise InvalidTreeError(faults)
        self._passed = config
        kept = in_force.policies if in_force else ()
        return Built(config, compile_plan(config, queues=self._queues, kept=kept))
