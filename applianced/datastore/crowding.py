"""What is said very often for one place is refused before libyang reads it: it looks through all that has the same name
or the same keys at each of them, which takes hours for a message of some megabytes, and nothing can end it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence

from lxml import etree

from applianced.courtesy import unhurried
from applianced.datastore import native, places
from applianced.datastore.instances import instance_path
from applianced.datastore.models import Models
from applianced.datastore.native import Kind
from applianced.datastore.places import Element
from applianced.datastore.selector import Selector
from applianced.errors import ConfigError

REPEATS_MAX = 256
_CROWDED = Selector(f"descendant-or-self::*[count(*) > {REPEATS_MAX}]")


def require_spread(models: Models, elements: Sequence[Element]) -> None:
    """elements: siblings with all below them, as text that libyang is to read in one go.

    Raises ConfigError "bad-element" when one leaf, container, entry or value is said more than REPEATS_MAX times.
    """
    _look(models, elements)
    for element in elements:
        for crowded in _CROWDED(element):
            _look(models, crowded)


def _look(models: Models, siblings: Sequence[Element] | Element) -> None:
    """Element by element, never all in one list: making it would keep every other thread waiting."""
    if not places.has_more_than(REPEATS_MAX, siblings):
        return
    for tag, count in Counter(each.tag for each in unhurried(siblings)).items():
        if count > REPEATS_MAX:
            _require_few(models, _Same(siblings, tag))


class _Same:
    """Those of some siblings that have one name."""

    def __init__(self, siblings: Iterable[Element], tag: str) -> None:
        self._siblings, self._tag = siblings, tag

    def __iter__(self) -> Iterator[Element]:
        return (each for each in unhurried(self._siblings) if each.tag == self._tag)


def _require_few(models: Models, same: _Same) -> None:
    element = next(iter(same))
    schema = _schema(models, element)
    if not schema:
        return  # That is a fault of its own, at the first of them.
    counted = Counter(_instances(models, schema, same))
    _, count = counted.most_common(1)[0]
    if count > REPEATS_MAX:
        name = native.name(schema)
        message = f"<{name}> is said {count} times for one place: say all of it in one element"
        path = instance_path(models, [*reversed(list(element.iterancestors())), element])
        raise ConfigError(path, message, tag="bad-element", bad_element=name)


def _instances(models: Models, schema: native.Schema, same: Iterable[Element]) -> Iterable[Hashable]:
    """What tells the elements of one name apart."""
    match native.kind(schema):
        case Kind.LIST:
            return zip(*(_texts(models, schema, name, same) for name in native.keys(schema)), strict=True)
        case Kind.LEAF_LIST:
            return (_canonical(models, schema, each) for each in same)
        case _:
            return ("" for _ in same)


def _texts(models: Models, schema: native.Schema, key: str, entries: Iterable[Element]) -> Iterable[str]:
    namespace = native.namespace(schema)
    tag = f"{{{namespace}}}{key}"
    module = models.modules[namespace].pointer
    leaf = native.find_schema(schema, module, key)
    found = (entry.find(tag) for entry in entries)
    return ("" if each is None else _canonical(models, leaf, each) for each in found)


def _canonical(models: Models, schema: native.Schema, element: Element) -> str:
    """Spellings of one value that there can be many of are the same text: blanks around it, upper and lower case."""
    return (places.json_value(models, schema, element) or element.text or "").strip().lower()


def _schema(models: Models, element: Element) -> native.Schema:
    """Where the element stands, by the names of all above it in the data; NULL when it stands nowhere."""
    schema = native.NULL
    for each in [*reversed(list(element.iterancestors())), element]:
        name = etree.QName(each)
        module = models.modules.get(name.namespace or "")
        found = native.find_schema(schema, module.pointer, name.localname) if module else native.NULL
        if schema and not found:
            return native.NULL
        schema = found
    return schema
