"""Management in a process of its own, with nobody behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from applianced.errors import DataplaneError
from applianced.northbound.state import Wanted, everything


class NoDataplane:
    """A StateProvider that knows nothing."""

    async def state(self, wanted: Wanted = everything) -> Mapping[str, Any]:
        return {}

    async def act(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        raise DataplaneError(name, "this appliance runs without a dataplane")
