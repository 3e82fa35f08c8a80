"""Which instances lack what the model demands; libyang names the schema node only."""

from __future__ import annotations

from collections.abc import Iterable

from applianced.datastore import native


def lacks(siblings: Iterable[native.Node], wanted: native.Schema) -> bool:
    """Whether siblings lack the mandatory node, choice or entries `wanted`, which would stand among them."""
    shown = [native.schema_of(node) for node in siblings if not native.is_default(node)]
    return _is_due(wanted, shown) and not native.fulfils(wanted, shown)


def _is_due(wanted: native.Schema, shown: list[native.Schema]) -> bool:
    """What stands in a case is missed only when something else of that case is there (RFC 7950 7.9.4)."""
    around = native.cases(wanted)
    return not around or any(around[0] in native.cases(schema) for schema in shown)
