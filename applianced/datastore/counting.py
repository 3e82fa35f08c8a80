"""Whether an XPath counts nodes (`[2]`, `last()`, `position()`) where libyang counts them wrongly.

XPath 1.0 counts among the nodes that one context node leads to; libyang among all that a step found. Both agree where a
step begins at one node, as the first steps of a path do as long as they lead to no list, and for what stands in round
brackets. What cannot be told from the text and the schema is taken to begin at several.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from applianced.datastore import native
from applianced.datastore.models import Models
from applianced.datastore.native import Kind

PART = re.compile(
    r"""\s+|(?P<text>'[^']*'|"[^"]*")|(?P<number>\d+(?:\.\d*)?|\.\d+)|(?P<parent>\.\.)|(?P<self>\.)"""
    r"""|(?P<axis>[a-z-]+)\s*::|(?P<called>(?:[^\W\d][\w.-]*:)?[^\W\d][\w.-]*)\s*\(\s*"""
    r"""|(?P<name>(?:[^\W\d][\w.-]*:)?(?:[^\W\d][\w.-]*|\*))|(?P<sign>//|!=|<=|>=|.)""",
    re.DOTALL,
)
NODE_TYPES = frozenset({"node", "text", "comment"})
_WORDS = frozenset({"and", "or", "div", "mod"})
Lists = Mapping[str, frozenset[frozenset[str]]]
"""Names of lists and leaf-lists, each with the sets of keys of those of that name; an empty one for a leaf-list."""
_TRUTHS = frozenset({"=", "!=", "<", ">", "<=", ">=", "and", "or"})
_TRUE_OR_FALSE = frozenset({"boolean", "contains", "derived-from", "derived-from-or-self", "false", "not", "re-match"})
_TEXTUAL = frozenset({"concat", "current", "normalize-space", "starts-with", "string", "substring", "true"})
_ONE = re.compile(r"(?:position\(\)=)?(?:\d+|last\(\))\Z")
_KEY = re.compile(r"""(?:[^\W\d][\w.-]*:)?([^\W\d][\w.-]*)=(?:'[^']*'|"[^"]*")\Z""")


@dataclass(slots=True)
class _Level:
    """What is open: the whole, a bracket. opened: "[", "(" or the function's name.

    begun: a path is under way. one: the next step begins at one node. counted: so did the step before.
    said: what stands at this level, joined, with those of inner brackets left out.
    """

    opened: str
    begun: bool = False
    one: bool = True
    counted: bool = True
    axis: str = ""
    last: str = ""
    keys: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    open_step: bool = False


def miscounted(models: Models, text: str) -> str:
    """The predicate that would be miscounted, "" when there is none."""
    # Few expressions count, and then mostly what needs no look at the schema.
    return _scan(text, None) and _scan(text, _lists(models))


def _scan(text: str, lists: Lists | None) -> str:
    """lists: None for all names being those of lists."""
    levels = [_Level("")]
    for found in PART.finditer(text):
        part, kind, level = found[0].strip(), found.lastgroup or "", levels[-1]
        if not part:
            continue
        operator = part in _WORDS and level.begun and not level.open_step
        if kind == "called" and found["called"] not in NODE_TYPES:
            level.said.append(f"{found['called']}(")
            levels.append(_Level(found["called"]))
        elif kind == "called":
            _step(level, "*", lists)
            levels.append(_Level("type"))
        elif kind == "axis":
            level.axis, level.open_step = found["axis"], True
        elif kind in ("parent", "self") or (kind == "name" and not operator and _names(level, part)):
            _step(level, part, lists)
        elif part in ("[", "("):
            levels.append(_Level(part))
        elif part in ("]", ")") and len(levels) > 1:
            levels.pop()
            if part == "]":
                said = "".join(level.said)
                if _counts(said) and not levels[-1].counted:
                    return f"[{said}]"
                _narrow(levels[-1], said, lists)
            else:
                _closed(levels[-1], level.opened)
        elif part in ("/", "//"):
            _slash(level, part)
        else:
            level.said.append(f" {part} " if part in _WORDS else part)
            level.begun, level.open_step = kind in ("text", "number"), False
            level.one, level.counted = True, True
    return ""


def _names(level: _Level, text: str) -> bool:
    """Whether a name stands for nodes: a star may multiply."""
    return text != "*" or level.open_step or not level.begun


def _step(level: _Level, name: str, lists: Lists | None) -> None:
    level.said.append(name)
    if not level.begun:
        level.one = True
    level.counted, level.last, level.keys = level.one, name.rpartition(":")[2], set()
    if name not in (".", "..") and level.axis not in ("self", "parent"):
        level.one = level.one and level.axis in ("", "child") and level.last != "*" and not _is_list(level.last, lists)
    level.begun, level.axis, level.open_step = True, "", False


def _is_list(name: str, lists: Lists | None) -> bool:
    return lists is None or name in lists


def _slash(level: _Level, part: str) -> None:
    level.said.append(part)
    if not level.begun:
        level.one = True
    if part == "//":
        level.one = False
    level.begun = level.open_step = True


def _closed(level: _Level, opened: str) -> None:
    """A round bracket has been closed: what it gave is counted as a whole."""
    level.said.append(")")
    if opened == "type":
        return
    level.begun, level.open_step, level.counted = True, False, True
    level.one, level.last = opened == "current", ""


def _narrow(level: _Level, said: str, lists: Lists | None) -> None:
    """A predicate may leave one node of those that were counted."""
    level.said.append("[]")
    if not level.counted:
        return
    if found := _KEY.match(said):
        level.keys.add(found[1])
    named = lists.get(level.last, frozenset()) if lists is not None else frozenset()
    if _ONE.match(said) or (named and all(keys and keys <= level.keys for keys in named)):
        level.one = True


def _counts(said: str) -> bool:
    """Whether a predicate may be about the place of a node."""
    if "position()" in said or "last()" in said:
        return True
    words = re.findall(r"'[^']*'|\"[^\"]*\"|!=|<=|>=|[=<>]|(?<= )(?:and|or)(?= )", said)
    if _TRUTHS.intersection(words):
        return False
    called = re.match(r"([^\W\d][\w.-]*)\(", said)
    if called and called[1] not in NODE_TYPES:
        return called[1] not in _TRUE_OR_FALSE | _TEXTUAL
    return bool(re.match(r"[\d(+-]|\.\d", said)) or bool(re.search(r"[^/]\*|[+]| - | div ", said))


def _lists(models: Models) -> Lists:
    known: dict[str, set[frozenset[str]]] = {}
    pending = [root for module in models.modules.values() for root in native.top_level(module.pointer)]
    while pending:
        schema = pending.pop()
        if native.kind(schema) in (Kind.LIST, Kind.LEAF_LIST):
            keys = native.keys(schema) if native.kind(schema) is Kind.LIST else ()
            known.setdefault(native.name(schema), set()).add(frozenset(keys))
        pending.extend(native.schema_children(schema))
    return {name: frozenset(keys) for name, keys in known.items()}
