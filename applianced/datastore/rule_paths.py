"""The paths of access control's rules as clients send them (RFC 8341, node-instance-identifier).

libyang 2.1.30 takes no variable in that type, and no key that the key's own type refuses, as most refuse `$USER`. So
the leaf is an expression to libyang, and what the type demands is tested here, before libyang reads the text: it then
has keys in their canonical form and the variable in quotes, in which libyang keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from applianced.config.nacm import USER
from applianced.courtesy import unhurried
from applianced.datastore import native, places
from applianced.datastore.instances import instance_path
from applianced.datastore.models import Models
from applianced.datastore.native import Kind
from applianced.datastore.places import Element
from applianced.errors import ConfigError

_ACM = "ietf-netconf-acm"
_NACM_NS = f"urn:ietf:params:xml:ns:yang:{_ACM}"
_PATH = f"{{{_NACM_NS}}}path"
_NAME = r"[A-Za-z_][\w.-]*"
_STEP = re.compile(rf"""/(?:({_NAME}):)?({_NAME})((?:\[(?:[^\]'"]|'[^']*'|"[^"]*")*\])*)""")
_PREDICATE = re.compile(
    rf"""\[\s*(?:(?:({_NAME}):)?({_NAME})|(\.))\s*=\s*(?:'([^']*)'|"([^"]*)"|({re.escape(USER)}))\s*\]"""
)
_SHOWN_MAX = 40
"""Characters of what was sent that a message shows."""
_ModuleOf = Callable[[str, str], str]
"""(prefix, module of the step before) -> name of a module in force. Raises ValueError."""


def settle(models: Models, element: Element) -> None:
    """Test the paths of rules in an element of a configuration, and write them as libyang is to read them. It costs
    nothing where there can be none, and doing it twice changes nothing. Raises ConfigError at the leaf."""
    if not element.tag.startswith(f"{{{_NACM_NS}}}"):
        return
    for leaf in unhurried(element.iter(_PATH)):
        text = "".join((leaf.text or "", *(child.tail or "" for child in leaf)))
        if not text.strip():
            continue  # An operation that needs no value, or something else that is wrong with it.
        try:
            settled = _settled(models, text, _by_prefix(models, leaf), leaf.nsmap)
        except ValueError as fault:
            where = instance_path(models, [*reversed(list(leaf.iterancestors())), leaf])
            raise _refused(where, fault) from None
        if not any(isinstance(child.tag, str) for child in leaf):
            # A comment must not part what was tested from what libyang reads.
            del leaf[:]
            leaf.text = settled


def settle_json(models: Models, data: Any) -> bool:
    """The same in RFC 7951 JSON values; whether anything was changed. Raises ConfigError."""
    changed = False
    for where, rule in _json_rules(data):
        try:
            text = _settled(models, rule["path"], _by_name(models), {})
        except ValueError as fault:
            raise _refused(f"{where}/path", fault) from None
        changed |= text != rule["path"]
        rule["path"] = text
    return changed


def _json_rules(data: Any) -> Iterable[tuple[str, dict[str, Any]]]:
    """Rules that have a path, with where they stand; what has another form is for libyang to refuse."""
    nacm = data.get(f"{_ACM}:nacm") if isinstance(data, dict) else None
    for rule_list in _entries(nacm, "rule-list"):
        for rule in _entries(rule_list, "rule"):
            if isinstance(rule.get("path"), str):
                named = [places.predicate((("name", str(each.get("name", ""))),)) for each in (rule_list, rule)]
                yield f"/{_ACM}:nacm/rule-list{named[0]}/rule{named[1]}", rule


def _entries(holder: Any, name: str) -> list[dict[str, Any]]:
    entries = holder.get(name) if isinstance(holder, dict) else None
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _refused(where: str, fault: ValueError) -> ConfigError:
    return ConfigError(where, str(fault), tag="invalid-value", bad_element="path")


def _by_prefix(models: Models, leaf: Element) -> _ModuleOf:
    def found(prefix: str, above: str) -> str:
        namespace = leaf.nsmap.get(prefix) if prefix else None
        module = models.modules.get(namespace or "")
        if not prefix:
            raise ValueError("a step of the path is without a prefix: give each the prefix of its module")
        if module is None:
            raise ValueError(f'the prefix "{prefix}" of the path stands for no module: declare it with xmlns')
        return module.name

    return found


def _by_name(models: Models) -> _ModuleOf:
    def found(prefix: str, above: str) -> str:
        name = prefix or above
        if models.names.get(name, "") not in models.modules:
            raise ValueError(f'there is no module "{name}", with which a step of the path begins: check its spelling')
        return name

    return found


def _settled(models: Models, text: str, module_of: _ModuleOf, prefixes: dict[str | None, str]) -> str:
    """Raises ValueError that says what is wrong."""
    text = text.strip()
    if text == "/":
        return text
    written, schema, module, at = "", native.NULL, "", 0
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None:
            wanted = "steps of the form /prefix:name, with [prefix:key='value'] behind a list's for each of its keys"
            raise ValueError(f'the path cannot be read at "{text[at:][:_SHOWN_MAX]}": use {wanted}')
        module = module_of(step[1] or "", module)
        above, schema = schema, native.find_schema(schema, models.modules[models.names[module]].pointer, step[2])
        if not schema:
            place = f"in <{native.name(above)}>" if above else f"at the top of module {module}"
            raise ValueError(f'the path names "{step[2]}", which is not {place}: check its spelling and its place')
        prefix = f"{step[1]}:" if step[1] else ""
        written += f"/{prefix}{step[2]}" + _keys(models, schema, step[3], prefix, prefixes)
        at = step.end()
    return written


def _keys(models: Models, schema: native.Schema, text: str, prefix: str, prefixes: dict[str | None, str]) -> str:
    """The predicates of one step, in their canonical form. Raises ValueError."""
    name, given, at = native.name(schema), dict[str, str](), 0
    kinds = {Kind.LIST: native.keys(schema), Kind.LEAF_LIST: ["."]} if text else {}
    known = kinds.get(native.kind(schema), [])
    while at < len(text):
        found = _PREDICATE.match(text, at)
        key = (found[2] or found[3]) if found else ""
        if not found or key not in known or key in given:
            takes = " and ".join(f"[{one}='...']" for one in known) or "nothing in brackets"
            raise ValueError(f'"{text[at:][:_SHOWN_MAX]}" is no key of "{name}": use {takes}')
        value = next(part for part in found.groups()[3:] if part is not None)
        leaf = schema if key == "." else native.child_named(schema, key)
        given[key] = value if value == USER else _canonical(models, leaf, value, prefixes)
        at = found.end()
    return "".join(
        f"[{prefix if key != '.' else ''}{key}={places.quoted(given[key])}]" for key in known if key in given
    )


def _canonical(models: Models, leaf: native.Schema, value: str, prefixes: dict[str | None, str]) -> str:
    name, asked = native.name(leaf), value
    before, colon, local = value.partition(":")
    if native.is_identity(leaf):
        home = models.modules.get(prefixes.get(before, "")) if colon else None
        asked = f"{home.name}:{local}" if home else value
    elif colon and before in prefixes:
        # To libyang every literal may be an identity: it would keep another value than was sent.
        raise ValueError(f'"{value}" begins like a name with the prefix "{before}": declare another prefix for that')
    found = native.canonical_value(models.context, leaf, asked)
    if found is None:
        raise ValueError(f'"{value[:_SHOWN_MAX]}" is no value of the key "{name}": use one that it can have')
    return found
