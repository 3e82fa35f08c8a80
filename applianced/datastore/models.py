"""The YANG modules in force, loaded once per process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import libyang

from applianced.config.modules import MODULES, SEARCH_PATH, Module
from applianced.datastore import native
from applianced.datastore.schemas import Schema, schema, yang_directory
from applianced.errors import ConfigError


class Models(NamedTuple):
    """A loaded context with the look-ups that every request needs.

    modules: by namespace, implemented ones. names: module name -> namespace.
    choice_tags: elements ({namespace}name) that stand in a choice: setting one may remove another.
    schemas: every module with its text, sorted by name.
    """

    context: libyang.Context
    modules: dict[str, native.ModuleInfo]
    names: dict[str, str]
    choice_tags: frozenset[str]
    schemas: tuple[Schema, ...]


_LOADED: list[libyang.Context] = []
"""Contexts are kept to the end of the process. The garbage collector ends a group of objects in no order, and a tree
that is freed after its context brings the process down."""


def load_context(yang_dir: Path | None = None, modules: Sequence[Module] = MODULES) -> libyang.Context:
    """Load modules with their features from `yang_dir` and its `vendor/`.

    Raises ConfigError that names the module that does not load.
    """
    directory = yang_dir or yang_directory()
    context = libyang.Context(":".join(str(directory / part) for part in SEARCH_PATH))
    for module in modules:
        try:
            native.load_module(context, module.name, module.revision, module.features)
        except native.NativeError as error:
            message = f"YANG module {module.name} in {directory} does not load: {error.fault.message}"
            raise ConfigError("", message) from None
    _LOADED.append(context)
    return context


def load_models(yang_dir: Path | None = None, modules: Sequence[Module] = MODULES) -> Models:
    """`load_context` with its look-ups."""
    return index(load_context(yang_dir, modules))


def index(context: libyang.Context) -> Models:
    """The look-ups of a loaded context."""
    every = native.modules(context)
    implemented = [module for module in every if module.implemented]
    return Models(
        context=context,
        modules={module.namespace: module for module in implemented},
        names={module.name: module.namespace for module in every},
        choice_tags=frozenset(
            f"{{{native.namespace(member)}}}{native.name(member)}"
            for module in implemented
            for member in native.choice_members(module.pointer)
        ),
        schemas=tuple(schema(module) for module in sorted(every, key=lambda module: module.name)),
    )
