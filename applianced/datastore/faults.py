"""What libyang says, in the words of RFC 6241 appendix A and RFC 7950 section 15, with a hint what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from lxml import etree

from applianced.datastore.native import Fault
from applianced.errors import ConfigError


class NamedFaultError(ConfigError):
    """A fault that names an attribute or a namespace besides the element (RFC 6241 appendix A).

    attribute, namespace: their names, "" when it is not about one.
    """

    def __init__(
        self,
        path: str,
        message: str,
        *,
        tag: str,
        bad_element: str,
        app_tag: str = "",
        attribute: str = "",
        namespace: str = "",
    ) -> None:
        super().__init__(path, message, tag=tag, app_tag=app_tag, bad_element=bad_element)
        self.attribute = attribute
        self.namespace = namespace


class _Rule(NamedTuple):
    pattern: re.Pattern[str]
    tag: str
    app_tag: str = ""
    hint: str = ""


def _rule(pattern: str, tag: str, app_tag: str = "", hint: str = "") -> _Rule:
    return _Rule(re.compile(pattern, re.DOTALL), tag, app_tag, hint)


_RULES = (
    _rule(r'Mandatory node "(?P<name>[^"]+)"', "missing-element", "", "set it, or delete what it belongs to"),
    _rule(r'Mandatory choice "(?P<name>[^"]+)"', "data-missing", "missing-choice", "set one of its cases"),
    _rule(r'Too few "(?P<name>[^"]+)"', "operation-failed", "too-few-elements", "add entries"),
    _rule(r'Too many "(?P<name>[^"]+)"', "operation-failed", "too-many-elements", "delete entries"),
    _rule(r"Unique data leaf", "operation-failed", "data-not-unique", "give one of the two another value"),
    _rule(r"Invalid leafref value", "data-missing", "instance-required", "create what it refers to, or change it"),
    _rule(r'Text value ".*" inside an inner node "(?P<name>[^"]+)"', "bad-element", "", "name the leaf it is for"),
    _rule(r'Child element ".*" inside a terminal node "(?P<name>[^"]+)"', "bad-element", "", "it holds a value alone"),
    _rule(r"expected element tag start", "bad-element", "", "name the leaf that the text is for"),
    _rule(r"Invalid instance-identifier", "data-missing", "instance-required", "create what it refers to"),
    _rule(r"Must condition", "operation-failed", "must-violation"),
    _rule(r"When condition", "unknown-element", "", "it exists only under that condition"),
    _rule(r'Duplicate instance of "(?P<name>[^"]+)"', "data-exists", "", "keep one of them"),
    _rule(r"Data for both cases", "bad-element", "", "keep one case"),
    _rule(r'List instance is missing its key "(?P<name>[^"]+)"', "missing-element", "", "name the entry by its keys"),
    _rule(r'data state node "(?P<name>[^"]+)"', "unknown-element", "", "state is shown, not configured"),
    _rule(r'Node "(?P<name>[^"]+)" not found', "unknown-element", "", "check its spelling and its place"),
    _rule(r'No module with namespace "(?P<namespace>[^"]+)"', "unknown-namespace", "", "check the namespace"),
    _rule(r'XML metadata "(?P<attribute>[^"]+)"', "unknown-attribute", "", "remove it"),
    _rule(r"No module named", "unknown-namespace", "", "check the namespace"),
    _rule(r"Unknown .*module", "unknown-namespace", "", "check the namespace"),
)
_PREDICATE = re.compile(r"""\[(?:[^\]'"]|'[^']*'|"[^"]*")*\]""")
_NAMING_ELEMENT = frozenset({"bad-element", "missing-element", "unknown-element"})
"""Tags that cannot do without <bad-element> (RFC 6241 appendix A)."""


def syntax_error(fault: Fault, path: str = "") -> ConfigError:
    """For what parsing refused: types, unknown nodes. path: used when libyang names none."""
    return _error(fault, path, otherwise="invalid-value")


def validation_error(fault: Fault, path: str = "") -> ConfigError:
    """For what validation refused (RFC 7950 8.3.3)."""
    return _error(fault, path, otherwise="operation-failed")


def found_in(error: ConfigError, elements: Iterable[etree._Element]) -> ConfigError:
    """The same; when it is about a namespace or an attribute, with the first element that has it, as RFC 6241 appendix
    A demands.

    elements: those that were sent.
    """
    if not isinstance(error, NamedFaultError) or error.bad_element:
        return error
    wanted = f"{{{error.namespace}}}*" if error.namespace else "{*}*"
    sent = (each for top in elements for each in top.iter(wanted))
    names = (etree.QName(each).localname for each in sent if not error.attribute or error.attribute in each.attrib)
    error.bad_element = next(names, "")
    return error


def missing_name(fault: Fault) -> str:
    """Name of the node whose absence is the fault, "" for any other fault."""
    found = re.match(r'(?:Mandatory (?:node|choice)|Too few) "([^"]+)"', fault.message)
    return found[1] if found else ""


def _error(fault: Fault, path: str, otherwise: str) -> ConfigError:
    # An error-message of a module is wrapped as the module is.
    fault = fault._replace(message=re.sub(r"\s*\n\s*", " ", fault.message))
    for rule in _RULES:
        found = rule.pattern.search(fault.message)
        if found:
            message = f"{fault.message.rstrip('.')}: {rule.hint}" if rule.hint else fault.message
            app_tag = fault.app_tag or rule.app_tag
            named = found.groupdict()
            where, element = path or fault.path, named.get("name") or ""
            attribute, namespace = named.get("attribute") or "", named.get("namespace") or ""
            if attribute or namespace:
                return NamedFaultError(
                    where, message, tag=rule.tag, bad_element="", attribute=attribute, namespace=namespace
                )
            if not element and rule.tag in _NAMING_ELEMENT:
                element = last_name(where)
            return ConfigError(where, message, tag=rule.tag, app_tag=app_tag, bad_element=element)
    tag = {"must-violation": "operation-failed", "instance-required": "data-missing"}.get(fault.app_tag, otherwise)
    where = path or fault.path
    return ConfigError(where, fault.message, tag=tag, app_tag=fault.app_tag, bad_element=last_name(where))


def last_name(path: str) -> str:
    """Local name of the last step of an instance path, predicates aside."""
    bare = _PREDICATE.sub("", path)
    return bare.rpartition("/")[2].rpartition(":")[2]
