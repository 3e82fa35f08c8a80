"""Which instances lack what the model demands; libyang names the schema node only."""

from __future__ import annotations

from collections.abc import Iterator

from applianced.datastore import native
from applianced.datastore.models import Models


def parents(models: Models, schema_path: str, absent: str) -> str:
    """XPath of the nodes that should have the node or choice `absent`, whose schema path, or whose parent's, this is;
    "" when the path leads nowhere. Choices and cases are steps of a schema path, and of no XPath."""
    steps = [step.rpartition(":")[::2] for step in schema_path.strip("/").split("/")]
    if steps[-1][1] == absent:
        steps.pop()
    schema, xpath = native.NULL, ""
    for module, name in steps:
        schema = (
            native.find_schema(native.NULL, models.modules[models.names[module]].pointer, name)
            if not xpath
            else _below(schema, name)
        )
        if not schema:
            return ""
        if native.is_data(schema):
            xpath += f"/{native.module_name(schema)}:{name}"
    return xpath


def _below(schema: native.Schema, name: str) -> native.Schema:
    return next((child for child in native.schema_children(schema) if native.name(child) == name), native.NULL)


def instances(parents: list[native.Node], name: str) -> Iterator[native.Node]:
    """Those of some instances of one schema node that lack the mandatory child, choice or entries of that name."""
    wanted = native.child_named(native.schema_of(parents[0]), name) if parents else native.NULL
    for parent in parents if wanted else ():
        shown = [native.schema_of(child) for child in native.children(parent) if not native.is_default(child)]
        if _is_due(wanted, shown) and not native.fulfils(wanted, shown):
            yield parent


def _is_due(wanted: native.Schema, shown: list[native.Schema]) -> bool:
    """What stands in a case is missed only when something else of that case is there (RFC 7950 7.9.4)."""
    around = native.cases(wanted)
    return not around or any(around[0] in native.cases(schema) for schema in shown)
