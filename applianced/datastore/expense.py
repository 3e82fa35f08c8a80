"""How long an XPath may take, told from its text.

Neither libyang nor libxml2 can be stopped once it evaluates. A step looks at each node of the data once; but a
predicate that leaves the node it stands at, and the axes following and preceding, look at all of the data for each node
that they are evaluated for, and nested ones again for each of those. Of two sets that are compared each node is
compared with each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from applianced.datastore import native
from applianced.datastore.tree import Tree

VISITS_MAX = 25_000_000
"""Nodes that an evaluation may look at. 10 to 600 ns each were measured: 15 s at the very worst, mostly under 1 s."""
COPIED_MAX = 500_000
"""Nodes of which a copy is made: 250 MB, 2 s."""
JOINS_MAX = 3_000_000_000
"""Looks of libxml2, of 3 ns, at what a step has found so far, where several nodes may lead to the same one."""
_TOKEN = re.compile(
    r"""'[^']*'|"[^"]*"|(?P<open>\[)|(?P<close>\])"""
    r"""|(?P<axis>\b(?:following|preceding)(?:-sibling)?\s*::)"""
    r"""|(?P<away>//|\.\.|\b(?:parent|ancestor(?:-or-self)?|descendant(?:-or-self)?)\s*::|\b(?:current|deref)\s*\()"""
    r"""|(?P<slash>/)|(?P<compares>[!<>]?=|[<>])|\s+|[\w.-]+|."""
)
_OPERAND = re.compile(r"(?!(?:and|or|div|mod)$).*[\w.)\]-]$")
"""A token with which something ends that a slash continues. Where it could begin a path at the root, it does."""
_VALUE = re.compile(r"""['"\d]|\.\d""")
"""What begins with it is one value."""
_CALCULATED = re.compile(
    r"""\s*(?:['"\d-]|\.\d|(?:boolean|ceiling|concat|contains|count|false|floor|last|local-name|name|namespace-uri"""
    r"""|normalize-space|not|number|position|round|starts-with|string|string-length|substring|substring-after"""
    r"""|substring-before|sum|translate|true)\s*\()"""
)
_JOINS = re.compile(
    r"""'[^']*'|"[^"]*"|(?P<open>\[)|(?P<close>\])|(?P<up>\.\.|\bparent\s*::)|(?P<ancestors>\bancestor(?:-or-self)?\s*::)"""
    r"""|(?P<down>(?<=[\w.)\]*])\s*//|\b(?:descendant(?:-or-self)?|namespace)\s*::)|(?P<union>\|)"""
    r"""|(?P<beside>\b(?:following|preceding)(?:-sibling)?\s*::)"""
)
_LOOKS = {"up": 0.25, "ancestors": 1.0, "down": 8.0, "union": 2.0}
"""Of each kind of step, in squares of the number of nodes: what leads down finds texts, too, and at every depth."""
JOINED_MAX = 64
"""Arguments of all concat() together. Each may be the text of all data: megabytes."""
_CALL = re.compile(r"""'[^']*'|"[^"]*"|(?P<called>[\w-]+)\s*\(|(?P<open>[(\[])|(?P<close>[)\]])|(?P<comma>,)""")
_LITERAL = re.compile(r"""\s*('[^']*'|"[^"]*")\s*\Z""")
_ESCAPED = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]")
_REPEATS = re.compile(r"[*+]|\{\d+,\d*\}")
_REPEATED_GROUP = re.compile(r"\)(?:[*+]|\{\d+,?\d*\})")
REPEATS_MAX = 2
"""In a pattern: so many tries for one text are its length to this power."""


@dataclass(slots=True)
class _Bracket:
    """What was found in one, without those in it. away: paths that leave the node. compares: sets of nodes."""

    looks: bool = False
    away: int = 0
    compares: bool = False
    far: bool = False

    @property
    def width(self) -> int:
        return int(self.looks or self.away > 0) + int(self.compares and self.away > 1)


def degree(text: str) -> int:
    """How many times over an expression may look at all of the data: 1 for once, 2 for once per node, and so on."""
    brackets, deepest, before, least = [_Bracket()], 0, "", 1
    for found in _TOKEN.finditer(text):
        part = found[0]
        if part.isspace():
            continue
        here = brackets[-1]
        begins = not _OPERAND.match(before)
        if found["open"]:
            brackets.append(_Bracket())
        elif found["close"]:
            if len(brackets) > 1:
                brackets.pop()
        elif found["axis"]:
            here.looks = True
        elif found["compares"]:
            if not _VALUE.match(before) and not _CALCULATED.match(text, found.end()):
                here.compares = True
        elif len(brackets) > 1 and (found["away"] or (found["slash"] and begins)):
            here.away += 1
        here.far = here.far or part in ("/", "//") or (part == "*" and begins)
        if here.compares and here.far:
            least = 2
        deepest = max(deepest, sum(bracket.width for bracket in brackets))
        # A star is a name, unless it stands where an operator must.
        before = "name" if part == "*" and begins else part
    return max(least, 1 + deepest)


def joins(text: str, nodes: int) -> float:
    """How often libxml2 looks at what steps have found so far, at most."""
    looks, beside = 0.0, [1]
    for found in _JOINS.finditer(text):
        kind = found.lastgroup
        if kind == "open":
            beside.append(0)
        elif kind == "close":
            del beside[max(1, len(beside) - 1) :]
        elif kind == "beside":
            # The first step of a path in a predicate begins at one node.
            looks += float(nodes) ** 3 / 2 if beside[-1] else 0.0
            beside[-1] += 1
        elif kind:
            looks += _LOOKS[kind] * nodes**2
    return looks


def endless(text: str) -> str:
    """What in an expression may take time or memory without bounds, and what to do about it; "" for nothing."""
    joined = 0
    for called, arguments in _calls(text):
        if called == "translate" and len(arguments) > 1 and not _LITERAL.match(arguments[1]):
            return "translate() compares each character with each of its second argument: write that as a text"
        if called == "concat":
            joined += len(arguments)
        if called == "re-match" and len(arguments) > 1 and not _plain_pattern(arguments[1]):
            return (
                f"re-match() takes a pattern with at most {REPEATS_MAX} of * + {{n,}}, none of them behind a bracket, "
                "written as a text: ask for less in a pattern"
            )
    return f"concat() has more than {JOINED_MAX} arguments in all: compare the parts" if joined > JOINED_MAX else ""


def _plain_pattern(argument: str) -> bool:
    literal = _LITERAL.match(argument)
    if not literal:
        return False
    bare = _ESCAPED.sub("x", literal[1][1:-1])
    return len(_REPEATS.findall(bare)) <= REPEATS_MAX and not _REPEATED_GROUP.search(bare)


def _calls(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each function that is called, with the texts of its arguments; inner ones first."""
    opened: list[tuple[str, list[int]]] = []
    for found in _CALL.finditer(text):
        if found["called"] or found["open"]:
            opened.append((found["called"] or "", [found.end()]))
        elif found["comma"] and opened:
            opened[-1][1].append(found.end())
        elif found["close"] and opened:
            called, starts = opened.pop()
            if called:
                ends = [start - 1 for start in starts[1:]]
                yield called, [text[start:end] for start, end in zip(starts, [*ends, found.start()], strict=True)]


def size(tree: Tree, limit: int) -> int:
    """Nodes of a tree, counted no further than `limit`."""
    pending, count = [native.first_sibling(tree.first)], 0
    while pending and count < limit:
        for node in native.siblings(pending.pop()):
            count += 1
            below = native.first_child(node)
            if below:
                pending.append(below)
    return count


def affordable(tree: Tree, text: str, *, copied: bool = False) -> bool:
    """Whether an evaluation on this tree, or on a copy of it, ends in time."""
    power = degree(text)
    if power == 1 and not copied:
        return True
    most = COPIED_MAX if power == 1 else round(VISITS_MAX ** (1 / power))
    nodes = size(tree, most + 1)
    return nodes <= most and (not copied or joins(text, nodes) <= JOINS_MAX)
