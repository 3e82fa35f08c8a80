"""The text of the YANG modules in force."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from applianced.datastore import native
from applianced.datastore.models import Models, yang_directory


class Schema(NamedTuple):
    """One module; version is its revision."""

    identifier: str
    version: str
    namespace: str
    module: native.Module


def schemas(models: Models) -> Sequence[Schema]:
    """Every module of the context, those that are only imported included."""
    return [
        Schema(each.name, each.revision, each.namespace, each.pointer)
        for each in sorted(native.modules(models.context), key=lambda each: each.name)
    ]


@lru_cache(maxsize=64)
def text(schema: Schema) -> str:
    """The module as YANG: its file as it is, or, of one that libyang brought along, what libyang knows."""
    # Some of those that libyang brings along lie in our folder as well, and comments and all are better than none.
    files = [Path(native.source(schema.module))] if native.source(schema.module) else []
    files.append(yang_directory() / "vendor" / f"{schema.identifier}@{schema.version}.yang")
    for file in files:
        if file.is_file():
            return file.read_text(encoding="utf-8")
    return native.written(schema.module).decode()
