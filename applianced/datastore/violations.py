"""Every fault of a tree that a validation refused: libyang stops at the first, and an operator mends all of them.

Nothing here is asked of a valid tree. Musts, references that need their target, and what has to be there or must not
be there too often are looked at. Of what stands under a `when`, and of `unique`, only libyang's own fault is told: the
models of the appliance have neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

from applianced.courtesy import unhurried
from applianced.datastore import lacking, native
from applianced.datastore.faults import missing_name, validation_error
from applianced.datastore.models import Models
from applianced.datastore.native import Fault, Node, Schema
from applianced.datastore.remedies import explained
from applianced.errors import ConfigError

_Found = tuple[Node, ConfigError]
"""A fault, and the node that it is at; one of an absent node is at the node that lacks it, NULL at the top."""


def every(models: Models, first: Node, fault: Fault, limit: int) -> list[ConfigError]:
    """Faults in document order, as many as `limit`; never none.

    first: of a tree with its defaults. fault: the one that validation found.
    """
    told = _in_document_order(first, list(islice(found(models, first), limit)))
    errors = [error for _, error in told]
    if len(errors) == limit:
        return errors
    if missing_name(fault) and not fault.path:
        # libyang names the schema node alone; whatever lacks it was looked up.
        own = [] if any(error.message.startswith(fault.message.rstrip(".")) for error in errors) else [fault]
        return [*(validation_error(one, one.schema_path) for one in own), *errors]
    own_error = validation_error(explained(models, fault))
    known = {(error.path, error.message) for error in errors}
    return errors if (own_error.path, own_error.message) in known else [own_error, *errors]


def found(models: Models, first: Node) -> Iterator[_Found]:
    """Every fault in the order of the schema, none in a valid tree."""
    tops = (native.top_level(module.pointer) for module in models.modules.values())
    pending = [(schema, "") for schema in chain.from_iterable(tops)][::-1]
    while pending:
        schema, above = pending.pop()
        if native.is_conditional(schema) or (native.is_data(schema) and not native.is_config(schema)):
            continue
        yield from _of_parents(models, first, schema, above)
        here = above
        if native.is_data(schema):
            here = f"{above}/{native.module_name(schema)}:{native.name(schema)}"
            if native.is_bound(schema) or native.kind(schema) is native.Kind.LIST:
                nodes = native.find_all(models.context, first, here)
                for node in unhurried(nodes):
                    yield from _at(models, node)
                # Below what is not there nothing is, and nothing is missed.
                if not nodes:
                    continue
        pending += [(child, here) for child in native.schema_children(schema)][::-1]


def _at(models: Models, node: Node) -> Iterator[_Found]:
    for fault in native.broken_musts(node):
        yield node, validation_error(fault)
    if native.references(native.schema_of(node)):
        for fault in native.dangling(models.context, node):
            yield node, validation_error(explained(models, fault))


def _of_parents(models: Models, first: Node, schema: Schema, above: str) -> Iterator[_Found]:
    """Faults of having too few or too many of one schema node. above: path of what is around it, "" at the top."""
    missed, most = native.missed(schema), native.most(schema)
    if not missed and not most:
        return
    module = native.module_name(schema)
    for parent in unhurried(native.find_all(models.context, first, above) if above else (native.NULL,)):
        start = native.first_child(parent) if parent else native.first_sibling(first)
        if missed and lacking.lacks(native.siblings(start), schema):
            where = f"{native.path(parent)}/" if parent else f"/{module}:"
            yield parent, validation_error(missed, where + native.name(schema))
        if most and (beyond := next(islice(native.instances(start, schema), most, None), native.NULL)):
            yield beyond, validation_error(native.beyond_most(schema, beyond))


def _in_document_order(first: Node, faults: list[_Found]) -> list[_Found]:
    """Looks at each of the nodes beside those at fault and above them once."""
    below: dict[int, dict[int, Node]] = {}
    for node, _ in faults:
        while node:
            above = native.parent(node)
            below.setdefault(native.identity(above) if above else 0, {})[native.identity(node)] = node
            node = above
    places: dict[int, int] = {}
    pending = [(0, native.first_sibling(first))]
    while pending:
        parent, start = pending.pop()
        wanted, inner = dict(below.get(parent, {})), []
        for node in native.siblings(start) if wanted else ():
            if wanted.pop(native.identity(node), native.NULL):
                inner.append(node)
                if not wanted:
                    break
        pending += [(native.identity(node), native.first_child(node)) for node in inner]
        places |= {native.identity(node): at for at, node in enumerate(inner)}

    def place(one: _Found) -> list[int]:
        steps, node = [], one[0]
        while node:
            steps.append(places[native.identity(node)])
            node = native.parent(node)
        return steps[::-1]

    return sorted(faults, key=place)
