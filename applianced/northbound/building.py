"""From a valid data tree to a plan: decode, check, compile; no I/O, so that <validate> and <commit> do the same."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from applianced.alg.registry import REGISTRY
from applianced.compiler.compile import compile_plan
from applianced.compiler.plan import Plan
from applianced.config.checks import check
from applianced.config.decode import decode
from applianced.datastore.tree import InvalidTreeError
from applianced.northbound.inforce import Builder, Built


def builder(queues: int) -> Builder:
    """A Builder for an appliance whose control sessions `queues` workers share."""
    return partial(_build, queues)


def _build(queues: int, data: Mapping[str, Any], in_force: Plan | None) -> Built:
    config = decode(data)
    errors = check(config, frozenset(REGISTRY))
    if errors:
        raise InvalidTreeError(errors)
    return Built(config, compile_plan(config, queues=queues, kept=in_force.policies if in_force else ()))
