"""What libyang says about a value, in words that name the leaf and what it takes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from libyang.schema import SLeaf, SLeafList, SNode, Type

from applianced.datastore import native
from applianced.datastore.models import Models
from applianced.datastore.native import Fault

_VALUE = re.compile(
    r"""Invalid\ (?:union|enumeration|leafref|identityref|non-\w+-encoded\ \w+|type\ \w+)?
    \ ?(?:value\ )?"(?P<value>.*?)"
    |Value\ "(?P<outside>.*?)"\ is\ out\ of\ type
    |Invalid\ empty\ value\ length\ \d+
    |Unsatisfied\ (?:pattern|range|length)\ -\ (?:string\ |value\ )?"(?P<other>.*?)"\ (?:does|length|is)""",
    re.VERBOSE | re.DOTALL,
)
_PATTERN = re.compile(r'Unsatisfied pattern - ".*?" does not (?:conform|match) (?:to )?"(.*)"\.?\Z', re.DOTALL)
_PATTERN_WORDS = {
    "domain-name": "a name of letters, digits, '-' and '_', in parts joined by dots",
    "matchall-string-type": '"*" for all',
}
"""What patterns of the IETF that nobody reads mean, by the type's name."""
_STEP = re.compile(r"""/(?:([\w.-]+):)?([\w.-]+)(?:\[(?:[^\]'"]|'[^']*'|"[^"]*")*\])*""")
_LARGEST = {"int8": 127, "uint8": 255, "int16": 32767, "uint16": 65535, "int32": 2**31 - 1, "uint32": 2**32 - 1}
_SHOWN_MAX = 40
"""Octets of a refused value and names of an enumeration that a message shows."""


def explained(models: Models, fault: Fault, path: str = "") -> Fault:
    """The fault with a message that says what the leaf takes, where it is about a value; else as it came.

    path: instance path of the leaf when it is not the fault's.
    """
    found = _VALUE.match(fault.message)
    leaf = _leaf(models, path or fault.path) if found else None
    if not found or leaf is None:
        return fault
    if leaf.type().base() == Type.EMPTY:
        return fault._replace(message=f"{leaf.name()} is there or not, and takes no value: leave it empty")
    value = next(text for text in (*found.groups(), "") if text is not None)[:_SHOWN_MAX]
    shape = _PATTERN.match(fault.message)
    if shape and not _described(leaf.type()):
        wanted = f"use {_PATTERN_WORDS.get(_origin(leaf.type()), f'text of the form {shape[1]}')}"
    else:
        wanted = _wanted(leaf, leaf.type(), sized=fault.message.startswith("Unsatisfied length"))
    return fault._replace(message=f'"{value}" is no value of {leaf.name()}: {wanted}')


def _origin(kind: Type) -> str:
    """The name of a type without its module."""
    return str(kind.name()).rpartition(":")[2]


def _leaf(models: Models, path: str) -> SLeaf | SLeafList | None:
    """The schema node of a leaf by its instance path, None when there is none."""
    schema, module = native.NULL, ""
    for found in _STEP.finditer(path):
        module = found[1] or module
        if module not in models.names or models.names[module] not in models.modules:
            return None
        pointer = models.modules[models.names[module]].pointer
        above, schema = schema, native.find_schema(schema, pointer, found[2])
        if not schema and not above:
            schema = native.find_rpc(pointer, found[2])
        if not schema:
            return None
    if not schema or native.kind(schema) not in (native.Kind.LEAF, native.Kind.LEAF_LIST):
        return None
    leaf = SNode.new(models.context, schema)
    return leaf if isinstance(leaf, SLeaf | SLeafList) else None


def _wanted(leaf: SLeaf | SLeafList, kind: Type, *, sized: bool) -> str:
    """sized: the fault is about the size alone."""
    match kind.base():
        case Type.LEAFREF:
            above, _, name = re.sub(r"[\w-]+:", "", kind.leafref_path() or "").rpartition("/")
            return f"there is no {above.rpartition('/')[2]} of that {name}; create it, or name one that exists"
        case Type.IDENT:
            return "there is no such name; check its spelling and its module"
    said = "" if sized else _described(kind)
    if said:
        return f"use {said[0].lower() + said[1:] if said[:2].istitle() or said.startswith('A ') else said}"
    forms = list(dict.fromkeys(_forms(kind)))
    return f"use {' or '.join(forms)}" if forms else f"use {leaf.keyword()} text as the model says"


def _described(kind: Type) -> str:
    """The first sentence about a type of ours; those of the IETF explain themselves at length."""
    if not str(kind.name()).startswith("ap-") or kind.base() in Type.NUM_TYPES:
        return ""
    text = " ".join((kind.description() or "").split())
    return re.split(r"\.(?:\s|$)", text)[0]


def _forms(kind: Type) -> Iterator[str]:
    """What a built-in type takes."""
    match kind.base():
        case Type.UNION:
            for member in kind.union_types():
                yield from _forms(member)
        case Type.ENUM:
            names = [str(one.name()) for one in kind.enums()]
            yield ", ".join(names[:_SHOWN_MAX]) + (", ..." if len(names) > _SHOWN_MAX else "")
        case Type.BITS:
            yield f"any of {', '.join(str(one.name()) for one in kind.all_bits())}"
        case Type.BOOL:
            yield "true or false"
        case base if base in Type.NUM_TYPES:
            largest = str(_LARGEST.get(kind.basename(), "max"))
            yield f"a number in {', '.join(kind.all_ranges()).replace('max', largest) or '0..' + largest}"
        case Type.STRING:
            lengths = [f"{length} characters" for length in _lengths(kind)]
            patterns = [f"text of the form {pattern}" for pattern, inverted in kind.all_patterns() if not inverted]
            yield ", ".join(lengths or patterns) or _PATTERN_WORDS.get(_origin(kind), "text")


def _lengths(kind: Type) -> list[str]:
    """Where a type sets no length, the typedef that it names may."""
    said = list(kind.all_lengths())
    typedef = None if said else kind.typedef()
    return said if typedef is None else _lengths(Type(kind.context, kind.cdata, typedef.cdata.type))
