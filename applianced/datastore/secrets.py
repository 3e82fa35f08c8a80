"""Data without secrets, for those who may not see them.

A secret is what the models guard with nacm:default-deny-all, wherever else it may stand; the hash of a password; a
private key; and the password in a URL.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from applianced.datastore import native
from applianced.datastore.models import Models

REMOVED = "[removed]"
SHORTEST = 6
"""Characters of a guarded value that is looked for in texts; a shorter one would be found in every other word."""
_WORD_MIN = 24
"""Characters of a word that is looked for by itself: the key in the line of a key."""
_PATTERNS = re.compile(
    r"\$(?:1|2[abxy]?|5|6|7|y|gy)\$[./A-Za-z0-9$,=+-]{8,}"
    r"|-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)"
    r"|(?<=://)[^/\s:@\"'<>]{0,256}:[^/\s\"'<>]{0,256}@",
    re.DOTALL,
)
"""Hashes as crypt(3) writes them, private keys in PEM, user and password in a URL."""

_RULES = "ietf-netconf-acm:nacm"
"""Guarded, too, but what stands there are names and words that stand everywhere."""

_Guard = dict[str, "_Guard | bool"]
"""Names of nodes -> those below them; a bool: all of it is guarded, and whether its values are secrets."""


class Secrets:
    """What the models guard. Reading them takes a while: keep this."""

    def __init__(self, models: Models) -> None:
        self._guard: _Guard = {}
        for module in models.modules.values():
            for way in native.carriers(module.pointer, "ietf-netconf-acm", "default-deny-all"):
                level = self._guard
                for name in way[:-1]:
                    below = level.setdefault(name, {})
                    if isinstance(below, bool):
                        break
                    level = below
                else:
                    level[way[-1]] = way[0] != _RULES

    def removed(self, data: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
        """A copy of RFC 7951 JSON values without what is guarded, and the values that stood there."""
        values: set[str] = set()
        return _without(data, self._guard, values), values


def _without(data: Mapping[str, Any], guard: _Guard, values: set[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in data.items():
        if name not in guard:
            kept[name] = value
        elif isinstance(below := guard[name], bool):
            values.update(_leaves(value) if below else ())
            kept[name] = REMOVED
        elif isinstance(value, list):
            kept[name] = [_without(each, below, values) for each in value]
        else:
            kept[name] = _without(value, below, values)
    return kept


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    elif isinstance(value, str) and value not in ("true", "false") and not value.isdigit():
        yield value


class Scrubber:
    """Takes secrets out of texts. values: guarded values that may stand in them."""

    def __init__(self, values: Iterable[str]) -> None:
        wanted = {value for value in values if len(value) >= SHORTEST}
        wanted |= {word for value in wanted for word in value.split() if len(word) >= _WORD_MIN}
        forms = {form for value in wanted for form in (value, json.dumps(value)[1:-1], escape(value))}
        # The longest first: one may begin another.
        ordered = sorted(forms, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def clean(self, text: str) -> str:
        """The text without them."""
        if self._values is not None:
            text = self._values.sub(REMOVED, text)
        return _PATTERNS.sub(REMOVED, text)
