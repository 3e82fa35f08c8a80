"""Shops and rules for Hypothesis, and rules matched naively: by the text of their paths, node by node."""

from __future__ import annotations

from hypothesis import strategies as st

from applianced.config.nacm import EVERY_ACCESS, Access, Rule
from applianced.datastore import native

PATHS = (
    *("/", "/example:shop", "/example:shop/title", "/example:shop/item", "/example:shop/item/price"),
    *("/example:shop/item[name='a']", "/example:shop/item[name='b']/price", "/example:shop/item/name"),
    *("/example:shop/shelf[row='1'][column='x']", "/example:shop/shelf/label", "/example:shop/hall/rug"),
    *("/example:shop/hall/rug/length", "/example:shop/tag[.='t1']", "/example:shop/queue", "/example:shop/size"),
    *("/example:shop/shelf[row='1']", "/example:shop/shelf[column='y']/label"),
    *("/example:shop/open/hours", "/example:shop/shelf[row='2'][column='x']/label", "/example:shop/tag[.='']", ""),
)
RULES = st.lists(
    st.builds(
        Rule,
        name=st.just("r"),
        permit=st.booleans(),
        path=st.sampled_from(PATHS),
        module=st.sampled_from(("*", "example", "other")),
        operations=st.sampled_from((EVERY_ACCESS, EVERY_ACCESS, *Access)),
    ),
    max_size=6,
)
ITEM = st.sampled_from(("", "<price>1</price>", "<price>2</price><count>5</count>"))
SHOP = st.builds(
    lambda parts, items, shelves, tags: "".join(
        (
            *parts,
            *(f"<item><name>{name}</name>{inner}<kind>small</kind></item>" for name, inner in items.items()),
            *(
                f"<shelf><row>{row}</row><column>{column}</column><label>l</label></shelf>"
                for row, column in sorted(shelves)
            ),
            *(f"<tag>{tag}</tag>" for tag in tags),
        )
    ),
    st.sets(
        st.sampled_from(
            (
                *("<title>t</title>", "<size>4</size>", "<open><hours>h</hours></open>"),
                *("<queue>q</queue>", "<hall><rug><length>3</length></rug></hall>"),
            )
        )
    ),
    st.dictionaries(st.sampled_from("abc"), ITEM),
    st.sets(st.tuples(st.sampled_from("12"), st.sampled_from("xy"))),
    st.sets(st.sampled_from(("t1", "t2", ""))),
)


def matches(rule: Rule, way: list[native.Node], access: Access) -> bool:
    """Whether a rule's path names a node or one above it: step by step, predicates included."""
    if access not in rule.operations or rule.module not in ("*", native.module_name(native.schema_of(way[-1]))):
        return False
    if rule.path in ("", "/"):
        return True
    steps = rule.path.replace("example:", "").strip("/").split("/")
    return len(steps) <= len(way) and all(map(fits, steps, way))


def fits(step: str, node: native.Node) -> bool:
    name, *conditions = step.replace("]", "").split("[")
    if name != native.name(native.schema_of(node)):
        return False
    values = {
        native.name(native.schema_of(child)): native.value(child) for child in native.children(node) if is_leaf(child)
    }
    values["."] = native.value(node) if is_leaf(node) else ""
    return all(values.get(key) == wanted.strip("'") for key, wanted in (each.split("=") for each in conditions))


def is_leaf(node: native.Node) -> bool:
    return native.is_term(native.schema_of(node))
