"""What was printed of a configuration, made what its successor prints, where they differ in few entries of one list.

Printing 10,000 entries takes 10 ms; putting one in place of another in their text takes a fraction of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import dropwhile

from applianced.datastore import native
from applianced.datastore.native import Defaults, Form
from applianced.datastore.rendered import Step, fragment
from applianced.datastore.separable import Separable
from applianced.datastore.spare import ENTRIES_MAX, Difference
from applianced.datastore.tree import Tree
from applianced.datastore.writer import Texts, Writer


def inherited(former: Tree, tree: Tree, behind: Difference) -> Texts:
    """Texts of a tree, from those of the one before; behind: what leads from that to this. What cannot be told is left
    out. Neither tree is changed."""
    texts = Texts()
    if former.texts is None:
        return texts
    roots = {native.identity(root): root for root in former.roots()}
    for (identity, defaults, above), text in former.texts.items():
        root = roots.get(identity, native.NULL)
        same = native.find(native.first_sibling(tree.first), native.schema_of(root)) if root else native.NULL
        # Of the other modes, defaults of nodes elsewhere may have come or gone.
        if not same or defaults is not Defaults.EXPLICIT:
            continue
        changed = native.schema_of(root) == behind.changed.line[0]
        now = _spliced(text, former, tree, behind) if changed else text
        if now is not None:
            texts.keep(same, defaults, above, now)
    return texts


def _spliced(text: bytes, former: Tree, tree: Tree, behind: Difference) -> bytes | None:
    """The text with the entries of now in place of those before; None when it cannot be told where they stand."""
    changed, step = behind
    holders = changed.holder(former.first), changed.holder(tree.first)
    if step.amount > ENTRIES_MAX or not all(holders):
        return None
    with Tree.parse(tree.models, fragment(step.members, _bounds(step)), Form.JSON) as bounds:
        spans = [_span(holder, bounds, behind) for holder in holders]
    if None in spans:
        return None
    namespace, writer = native.namespace(changed.line[-2]), Writer()
    old, new = (b"".join(writer.whole(node, namespace) for node in span or ()) for span in spans)
    at = text.find(old)
    if at < 0 or text.find(old, at + 1) >= 0:
        return None
    return text[:at] + new + text[at + len(old) :]


def _bounds(step: Step) -> list[str]:
    """The entries in front of those that differ and behind them, which both configurations have."""
    text, _, lists = step.rendered
    begins, ends = lists[step.members].begins, lists[step.members].ends
    places = [place for place in (step.begin - 1, step.begin + step.amount) if 0 <= place < len(begins)]
    return [text[begins[place] : ends[place]] for place in places]


def _span(holder: native.Node, bounds: Tree, behind: Difference) -> list[native.Node] | None:
    """The entries that differ, with the bounds; None when there are no bounds, or too many entries between them."""
    changed, step = behind
    first = native.first_child(holder)
    found = [native.first_like(first, node) for node in native.children(changed.holder(bounds.first))]
    if not found or not all(found):
        return None
    entries = native.siblings(found[0]) if step.begin else _entries(first, changed)
    span: list[native.Node] = []
    last = native.identity(found[-1]) if step.begin == 0 or len(found) == 2 else 0
    for node in entries:
        if native.schema_of(node) != changed.line[-1]:
            break
        span.append(node)
        if native.identity(node) == last:
            return span
        if len(span) > ENTRIES_MAX + 2:
            return None
    return None if last else span


def _entries(first: native.Node, changed: Separable) -> Iterator[native.Node]:
    """From the first of the list on."""
    return dropwhile(lambda node: native.schema_of(node) != changed.line[-1], native.siblings(first))
