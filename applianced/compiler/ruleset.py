"""A ruleset as values. Everything else in this package builds these; `render` alone turns them into text.

Statements are kept apart as far as somebody reads them again: a match is a key and its values, a choice (nft's
verdict map) is a key and what becomes of each value. The rest is text.

Rule: values that come from the configuration enter only through `quoted`, `identifier` or a typed value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from applianced.errors import ConfigError

_INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:\-]{0,14}")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,62}")


class Match(NamedTuple):
    """The packet's `key` is one of `values` (or none of them)."""

    key: str
    values: tuple[str, ...]
    negated: bool = False


class Choice(NamedTuple):
    """What becomes of the packet by the value of `key`: (value, verdict) pairs that do not overlap."""

    key: str
    elements: tuple[tuple[str, str], ...]


class Do(NamedTuple):
    """Any other statement: a counter, a log, a translation, a verdict."""

    text: str


Statement = Match | Choice | Do
Rule = tuple[Statement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Where a base chain hangs, and what becomes of a packet that reaches its end."""

    kind: str
    name: str
    priority: int
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    name: str
    rules: tuple[Rule, ...] = ()
    hook: Hook | None = None


class Timeout(NamedTuple):
    """A conntrack timeout object of TCP or UDP, both families; seconds."""

    name: str
    protocol: str
    seconds: int


class Flowtable(NamedTuple):
    """Where the kernel keeps the sessions that it forwards from the ingress of these devices, past all chains. What
    passes is counted in conntrack."""

    name: str
    devices: tuple[str, ...]


class Elements(NamedTuple):
    """The new content of a set that another table owns."""

    table: str
    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """An inet table. Chains stand in the order in which they are given."""

    name: str
    counters: tuple[str, ...] = ()
    timeouts: tuple[Timeout, ...] = ()
    flowtables: tuple[Flowtable, ...] = ()
    chains: tuple[Chain, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """What one transaction does: replace `table`, exchange `elements`."""

    table: Table
    elements: tuple[Elements, ...] = ()


def quoted(interface: str) -> str:
    """The name of an interface as an nft string. Raises ConfigError for one that Linux or nft cannot have."""
    if not _INTERFACE.fullmatch(interface):
        raise ConfigError("", f"'{interface}' cannot be the name of an interface")
    return f'"{interface}"'


def identifier(*parts: str) -> str:
    """The name of an nft object made of configured names. Raises ConfigError for one that nft cannot read.

    The parts are separated by a character that no part may have, so different parts never give the same name.
    """
    for part in parts:
        if not _IDENTIFIER.fullmatch(part):
            raise ConfigError("", f"'{part}' cannot be a name; use letters, digits, '_', '-' and '.'")
    return "/".join(parts)
