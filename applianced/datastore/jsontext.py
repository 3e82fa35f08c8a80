"""Values as the JSON that libyang 2.1.30 reads: it refuses a character beyond the basic plane when that is escaped as
two surrogates, and what XML cannot hold."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold; strangers may have sent it."""
_SUSPECT = re.compile("\\\\[bfu]|[\ud800-\udfff\ufffe\uffff]")
"""What can stand for it in JSON."""


def written(value: Any) -> str:
    """RFC 7951 JSON values as text; characters that XML cannot hold become "?"."""
    text = json.dumps(value, ensure_ascii=False)
    return json.dumps(_writable(value), ensure_ascii=False) if _SUSPECT.search(text) else text


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return _UNWRITABLE.sub("?", value)
    if isinstance(value, Mapping):
        return {key: _writable(inner) for key, inner in value.items()}
    return [_writable(inner) for inner in value] if isinstance(value, list) else value
