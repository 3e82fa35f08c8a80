"""Which state an RPC shows: whoever may not read that may not call it either, unless a rule names it; what shows
everything, not even then."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from applianced.access.decider import WHOLE

_ALG = "/applianced-security:security/applianced-alg:alg/applianced-state:"
_FLOW = "/applianced-security:security/flow/applianced-state:"

SHOWN: Mapping[str, str] = MappingProxyType(
    {
        "applianced-operations:get-alg-status": f"{_ALG}status",
        "applianced-operations:get-alg-counters": f"{_ALG}counters",
        "applianced-operations:get-gates": f"{_ALG}gates",
        "applianced-operations:get-control-sessions": f"{_FLOW}control-sessions",
        "applianced-operations:get-data-sessions": f"{_FLOW}data-sessions",
        "applianced-operations:get-workers": f"{_FLOW}workers",
        "applianced-operations:get-resources": f"{_FLOW}resources",
        "applianced-operations:make-support-bundle": WHOLE,
        "applianced-operations:get-support-bundle": WHOLE,
    }
)
"""By "module:rpc": the instance path of the state, or WHOLE."""
