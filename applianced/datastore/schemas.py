"""The text of the YANG modules in force."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from applianced.datastore import native


class Schema(NamedTuple):
    """One module; version is its revision, text its YANG."""

    identifier: str
    version: str
    namespace: str
    text: str


def yang_directory() -> Path:
    """Where the YANG modules are: beside the package in a checkout, else where the package installs them."""
    beside = Path(__file__).resolve().parents[2] / "yang"
    return beside if beside.is_dir() else Path(__file__).resolve().parents[1] / "yang"


def schema(module: native.ModuleInfo) -> Schema:
    """A module with its file as it is, or, of one that libyang brought along, what libyang knows of it.

    To be read at start: the user whom the process becomes later may not be allowed to.
    """
    # Some of those that libyang brings along lie in our folder as well, and comments and all are better than none.
    file = native.source(module.pointer) or yang_directory() / "vendor" / f"{module.name}@{module.revision}.yang"
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = native.written(module.pointer).decode()
    return Schema(module.name, module.revision, module.namespace, text)
