"""The shipped models, and trees of them, as the datastore makes them."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

from applianced.datastore.models import Models, load_models
from applianced.datastore.native import Form
from applianced.datastore.tree import Tree
from applianced.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
YANG = ROOT / "yang"
EXAMPLE = ROOT / "docs" / "examples" / "netns-ftp.json"

Data = dict[str, Any]


@cache
def shipped() -> Models:
    return load_models(YANG)


@cache
def _example() -> Data:
    loaded: Data = json.loads(EXAMPLE.read_text())
    return loaded


def example() -> Data:
    """A copy of the example configuration, to be changed at will."""
    return copy.deepcopy(_example())


def validated(data: Data) -> Data:
    """What running would hold, defaults included. Raises ConfigError."""
    with Tree.parse(shipped(), json.dumps(data).encode(), Form.JSON) as tree:
        tree.validate()
        return tree.data()


def refusal(data: Data) -> ConfigError:
    """Why the models refuse these data."""
    try:
        validated(data)
    except ConfigError as error:
        return error
    raise AssertionError("the models accept this")
