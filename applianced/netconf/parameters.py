"""Parameters of NETCONF's own operations, read strictly: what is unknown is refused by name."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from itertools import islice
from typing import TypeVar

from lxml import etree

from applianced.datastore.edit import NETCONF_NS
from applianced.datastore.lock import Store
from applianced.datastore.native import Defaults
from applianced.datastore.orders import WD_MODULE_NS, YANG_NS
from applianced.datastore.places import has_more_than
from applianced.netconf.messages import ATTRIBUTES_MAX, RpcError, bad
from applianced.netconf.xmltext import Element
from applianced.northbound.library import DATASTORES

_Choice = TypeVar("_Choice", bound=Enum)
NMDA_NS = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"
NMDA_STORES = {"running": Store.RUNNING, "intended": Store.RUNNING, "candidate": Store.CANDIDATE}
"""Nothing here is inactive or a template, so that what is intended is what is running (RFC 8342 5.1.4)."""
PARAMETERS_MAX = 1000
"""Children of an operation, some of which may come several times."""
_WITH_ATTRIBUTES = frozenset({"filter", "config"})
"""Parameters that are read with their attributes by others."""
_HOMES = {"with-defaults": WD_MODULE_NS}
"""Namespaces of parameters that other modules add to NETCONF's operations."""


class _Mode(Enum):
    EXPLICIT = "explicit"
    TRIM = "trim"
    REPORT_ALL = "report-all"
    REPORT_ALL_TAGGED = "report-all-tagged"


_DEFAULTS = {
    _Mode.EXPLICIT: Defaults.EXPLICIT,
    _Mode.TRIM: Defaults.TRIM,
    _Mode.REPORT_ALL: Defaults.ALL,
    _Mode.REPORT_ALL_TAGGED: Defaults.TAGGED,
}


class Parameters:
    """The children of an operation element."""

    def __init__(
        self, operation: Element, *allowed: str, namespace: str = NETCONF_NS, repeated: Sequence[str] = ()
    ) -> None:
        """allowed: local names in the operation's `namespace`, "{namespace}name" in others. repeated: those that may
        come several times.

        Raises RpcError for children that are not allowed or come twice.
        """
        self.operation = etree.QName(operation).localname
        if has_more_than(PARAMETERS_MAX, operation):
            raise RpcError("too-big", f"<{self.operation}> takes at most {PARAMETERS_MAX} parameters: send fewer")
        _require_bare(operation)
        self._given: dict[str, list[Element]] = {}
        for child in operation:
            name = etree.QName(child)
            # Clients that let their users write <config> by hand often send it without a namespace.
            homes = [_HOMES.get(name.localname, namespace), None]
            if namespace != NETCONF_NS:
                # The grouping that holds it is used there, which puts it in the operation's namespace (RFC 7950 7.13).
                homes.append(namespace)
            key = name.localname if name.namespace in homes else name.text
            if key not in allowed:
                remedy = _home(name.localname, allowed) or f"it takes {_listed(_local(allowed))}"
                message = f"<{name.localname}> is no parameter of <{self.operation}>: {remedy}"
                raise RpcError("unknown-element", message, info=bad("element", name.localname))
            if key in self._given and key not in repeated:
                message = f"<{name.localname}> may be given once"
                raise RpcError("bad-element", message, info=bad("element", name.localname))
            self._given.setdefault(key, []).append(child)

    def get(self, name: str) -> Element | None:
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> Sequence[Element]:
        """Every one of a parameter that may come several times."""
        return self._given.get(name, ())

    def require(self, name: str) -> Element:
        """Raises RpcError when it is absent."""
        element = self.get(name)
        if element is None:
            message = f"<{self.operation}> needs the parameter <{name}>"
            raise RpcError("missing-element", message, info=bad("element", name))
        return element

    def text(self, name: str) -> str:
        return (self.require(name).text or "").strip()

    def optional_text(self, name: str) -> str | None:
        """The text as it was sent, None when the parameter is absent; it may be a token, in which spaces count."""
        element = self.get(name)
        return None if element is None else element.text or ""

    def flag(self, name: str) -> bool:
        """Whether an empty element is there. Raises RpcError when it holds something."""
        element = self.get(name)
        if element is not None:
            _require_empty(element)
        return element is not None

    def whole_number(self, name: str, default: int) -> int:
        """A uint32 from 1. Raises RpcError."""
        if name not in self._given:
            return default
        text = self.text(name)
        number = int(text) if len(text) < 11 and text.isascii() and text.isdigit() else 0
        if not 0 < number < 2**32:
            message = f'"{text}" is no value of <{name}>: use a whole number from 1 to {2**32 - 1}'
            raise RpcError("invalid-value", message, info=bad("element", name))
        return number

    def choice(self, name: str, among: type[_Choice], default: _Choice) -> _Choice:
        """One of an Enum's values. Raises RpcError for any other text."""
        element = self.get(name)
        if element is None:
            return default
        text = (element.text or "").strip()
        try:
            return among(text)
        except ValueError:
            message = f'"{text}" is no value of <{name}>: use {_listed([str(one.value) for one in among if one.value])}'
            raise RpcError("invalid-value", message, info=bad("element", name)) from None

    def defaults(self) -> Defaults:
        """<with-defaults> (RFC 6243 4.5.1); without it the basic mode, explicit. Raises RpcError "invalid-value"."""
        return _DEFAULTS[self.choice("with-defaults", _Mode, _Mode.EXPLICIT)]

    def datastore(self, name: str) -> Store:
        """The datastore that <source> or <target> names. Raises RpcError."""
        found = self.datastore_or_config(name)
        if isinstance(found, Store):
            return found
        message = f"<{self.operation}> takes a datastore as <{name}>: running or candidate"
        raise RpcError("unknown-element", message, info=bad("element", "config"))

    def url(self, name: str) -> str | None:
        """The URL that <source> or <target> holds, None when it holds something else. Raises RpcError."""
        holder = self.require(name)
        if _count(holder) != 1 or holder[0].tag != f"{{{NETCONF_NS}}}url":
            return None
        return (holder[0].text or "").strip()

    def datastore_or_config(self, name: str) -> Store | Element:
        """A datastore, or the <config> given instead. Raises RpcError."""
        holder = self.require(name)
        if _count(holder) == 1 and holder[0].tag == f"{{{NMDA_NS}}}datastore":
            return _lockable(holder[0])
        if _count(holder) != 1 or etree.QName(holder[0]).namespace != NETCONF_NS:
            message = f"<{name}> holds exactly one datastore: <running/> or <candidate/>"
            tag = "bad-element" if _count(holder) else "missing-element"
            raise RpcError(tag, message, info=bad("element", name))
        _require_bare(holder)
        local = etree.QName(holder[0]).localname
        if local == "config":
            return holder[0]
        if local in ("startup", "url"):
            why = "running is kept over restarts" if local == "startup" else f"<{self.operation}> takes none here"
            raise RpcError("operation-not-supported", f"<{local}> is not offered: {why}; use running or candidate")
        try:
            store = Store(local)
            _require_empty(holder[0])
            return store
        except ValueError:
            message = f"there is no datastore <{local}>: use running or candidate"
            raise RpcError("unknown-element", message, info=bad("element", local)) from None


def _count(element: Element) -> int:
    """Children: none, one, or 2 for more."""
    return sum(1 for _ in islice(element, 2))


def _require_bare(element: Element) -> None:
    """Raises RpcError for what a server that overlooked it would do something else than was meant: text between
    elements, attributes without a namespace or in one of NETCONF's."""
    name = etree.QName(element).localname
    for text in (element.text, *(child.tail for child in element)):
        if text and not text.isspace():
            message = f'<{name}> holds elements, and here it holds the text "{text.strip()[:40]}": remove it'
            raise RpcError("bad-element", message, info=bad("element", name))
    for each in (element, *element):
        if etree.QName(each).localname not in _WITH_ATTRIBUTES:
            _require_no_attributes(each)


def _require_no_attributes(element: Element) -> None:
    if len(element.attrib) > ATTRIBUTES_MAX:
        message = f"<{etree.QName(element).localname}> may have {ATTRIBUTES_MAX} attributes: send fewer"
        raise RpcError("too-big", message)
    for attribute in map(etree.QName, element.keys()):
        if attribute.namespace in (None, NETCONF_NS, YANG_NS):
            name, local = etree.QName(element).localname, attribute.localname
            message = f'<{name}> has the attribute "{local}", which means nothing there: remove it'
            raise RpcError("unknown-attribute", message, info=bad("attribute", local) + bad("element", name))


def _require_empty(element: Element) -> None:
    if len(element) or (element.text or "").strip():
        name = etree.QName(element).localname
        raise RpcError("invalid-value", f"<{name}/> holds nothing: empty it", info=bad("element", name))


def _local(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(etree.QName(name).localname for name in names)


def _home(name: str, allowed: Sequence[str]) -> str:
    """What to do about a parameter in a wrong namespace, "" when there is none of that name."""
    for key in allowed:
        if etree.QName(key).localname == name and (home := etree.QName(key).namespace or _HOMES.get(name)):
            return f'give it the namespace "{home}"'
    return ""


def _lockable(element: Element) -> Store:
    """What <lock>, <unlock> and <validate> take by its NMDA name (RFC 8526 3.2)."""
    name = datastore_name(element)
    try:
        return Store(name)
    except ValueError:
        message = f"{name} cannot be locked or validated: use running or candidate"
        raise RpcError("invalid-value", message, info=bad("element", "datastore")) from None


def datastore_name(element: Element) -> str:
    """A datastore by its identity of ietf-datastores (RFC 8342). Raises RpcError "invalid-value"."""
    return datastore_named(element, "datastore")


def datastore_named(element: Element, parameter: str) -> str:
    """The same in a parameter of another name."""
    name = identity(element, "urn:ietf:params:xml:ns:yang:ietf-datastores")
    if name not in DATASTORES:
        message = f'there is no datastore "{(element.text or "").strip()}": use ds:{", ds:".join(DATASTORES)}'
        raise RpcError("invalid-value", message, info=bad("element", parameter))
    return name


def identity(element: Element, namespace: str) -> str:
    """The local name of an identity of that namespace, "" for any other value. A prefix may be left out, as long as
    it would not be another's."""
    prefix, colon, name = (element.text or "").strip().rpartition(":")
    return name if not colon or element.nsmap.get(prefix) == namespace else ""


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names) if names else "none"
