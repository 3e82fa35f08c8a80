"""Which instances lack what the model demands; libyang names the schema node only."""

from __future__ import annotations

from collections.abc import Iterator

from applianced.datastore import native


def instances(parents: list[native.Node], wanted: native.Schema) -> Iterator[native.Node]:
    """Those of some instances of one schema node that lack the mandatory child, choice or entries `wanted`."""
    for parent in parents:
        shown = [native.schema_of(child) for child in native.children(parent) if not native.is_default(child)]
        if _is_due(wanted, shown) and not native.fulfils(wanted, shown):
            yield parent


def _is_due(wanted: native.Schema, shown: list[native.Schema]) -> bool:
    """What stands in a case is missed only when something else of that case is there (RFC 7950 7.9.4)."""
    around = native.cases(wanted)
    return not around or any(around[0] in native.cases(schema) for schema in shown)
