"""The text of the files that are generated."""

from __future__ import annotations

import pprint
from collections.abc import Iterator, Mapping
from typing import Any

import yaml  # type: ignore[import-untyped]

from applianced.tools.collection.options import documented, option
from applianced.tools.collection.resources import Part, Resource
from applianced.tools.collection.schema import Kind, Node, Schema, Value

_HEAD = """# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""
_GENERATED = "# Generated from the YANG modules by `make collection`: change those, or the generator.\n"
_UTILS = "ansible_collections.applianced.appliance.plugins.module_utils"
_WIDTH = 110


def files(schema: Schema, resources: tuple[Resource, ...]) -> dict[str, str]:
    """Text by path below the collection."""
    found = {
        "plugins/module_utils/schema_table.py": schema_table(schema),
        "plugins/module_utils/resource_table.py": _resource_table(resources),
    }
    for resource in resources:
        found[f"plugins/module_utils/argspec/{resource.name}.py"] = _argspec(schema, resource)
        found[f"plugins/modules/{resource.name}.py"] = _module(schema, resource)
    return found


# --- schema table ------------------------------------------------------------------------------------------------


def schema_table(schema: Schema) -> str:
    """Nodes as a codec needs them, as Python literals."""
    data = {name: _table(node, "") for name, node in schema.data.items()}
    operations = {
        name: {
            "input": {child.name: _table(child, call.module) for child in call.input.values()},
            "output": {child.name: _table(child, call.module) for child in call.output.values()},
        }
        for name, call in schema.operations.items()
    }
    used = {name.partition(":")[0] for name in (*data, *operations)} | set(_modules(data)) | set(_modules(operations))
    used |= {module for modules in schema.identities.values() for module in modules}
    namespaces = {name: uri for name, uri in schema.namespaces.items() if name in used}
    parts = [
        f'{_HEAD}{_GENERATED}"""The schema of the appliance: see schema.py."""\n\nfrom __future__ import annotations\n',
        f"MODULES = {_literal(namespaces)}\n",
        f"DATA = {_literal(data)}\n",
        f"OPERATIONS = {_literal(operations)}\n",
        f"IDENTITIES = {_literal({name: list(modules) for name, modules in sorted(schema.identities.items())})}\n",
    ]
    return "\n".join(parts)


def _table(node: Node, above: str) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    if node.module != above:
        entry["module"] = node.module
    if node.kind is not Kind.LEAF:
        entry["kind"] = node.kind.value
    if node.value is not Value.STRING:
        entry["value"] = node.value.value
    if node.keys:
        entry["keys"] = list(node.keys)
    for name in ("presence", "ordered"):
        if getattr(node, name):
            entry[name] = True
    if not node.config:
        entry["config"] = False
    if node.children:
        entry["children"] = {name: _table(child, node.module) for name, child in node.children.items()}
    return entry


def _modules(tables: Mapping[str, Any]) -> Iterator[str]:
    for name, value in tables.items():
        if name == "module":
            yield value
        elif isinstance(value, dict):
            yield from _modules(value)


def _literal(value: Any) -> str:
    """A literal in the way of the formatter: one entry a line where it does not fit on one."""
    return "\n".join(_lines(value, ""))


def _lines(value: Any, prefix: str, depth: int = 0) -> Iterator[str]:
    indent = "    " * depth
    short = f"{indent}{prefix}{_repr(value)}"
    if not isinstance(value, dict | list) or len(short) < _WIDTH:
        yield short + ("," if depth else "")
        return
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    yield f"{indent}{prefix}{opening}"
    entries = ((f"{_repr(key)}: ", below) for key, below in value.items()) if isinstance(value, dict) else None
    for start, below in entries if entries is not None else (("", below) for below in value):
        yield from _lines(below, start, depth + 1)
    yield f"{indent}{closing}" + ("," if depth else "")


def _repr(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_repr(key)}: {_repr(below)}" for key, below in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_repr, value)) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return pprint.pformat(value)


# --- modules -----------------------------------------------------------------------------------------------------


def _node(schema: Schema, part: Part) -> Node:
    top = {node.name: node for node in schema.data.values()}[part.path[0]]
    for name in part.path[1:]:
        top = top.children[name]
    return top


def config_option(schema: Schema, resource: Resource) -> dict[str, Any]:
    """The entry of `config` in the argument spec."""
    if not resource.parts[0].argument:
        return option(_node(schema, resource.parts[0]), resource.parts[0].without)
    options = {part.argument: option(_node(schema, part), part.without) for part in resource.parts}
    return {"type": "dict", "options": options}


def _config_documentation(schema: Schema, resource: Resource) -> dict[str, Any]:
    text = "What is to be configured; the names are those of the model, with _ for -."
    if not resource.parts[0].argument:
        part = resource.parts[0]
        return {**documented(_node(schema, part), part.without), "description": [text]}
    below = {part.argument: documented(_node(schema, part), part.without) for part in resource.parts}
    return {"description": [text], "type": "dict", "suboptions": below}


def _argspec(schema: Schema, resource: Resource) -> str:
    literal = _literal(config_option(schema, resource))
    doc = f'"""The argument `config` of {resource.name}."""'
    return f"{_HEAD}{_GENERATED}{doc}\n\nfrom __future__ import annotations\n\nCONFIG = {literal}\n"


def _module(schema: Schema, resource: Resource) -> str:
    kind = "list" if config_option(schema, resource)["type"] == "list" else "dict"
    return (
        f"#!/usr/bin/python\n{_HEAD}{_GENERATED}\nfrom __future__ import annotations\n\n"
        f'DOCUMENTATION = r"""\n---\n{_yaml(_documentation(schema, resource))}"""\n\n'
        f'EXAMPLES = r"""\n---\n{_yaml(_examples(resource))}"""\n\n'
        f'RETURN = r"""\n---\n{_yaml(_returned(kind))}"""\n\n'
        "from ansible.module_utils.basic import AnsibleModule\n\n"
        f"from {_UTILS}.argspec.{resource.name} import CONFIG\n"
        f"from {_UTILS}.change_spec import resource_spec\n"
        f"from {_UTILS}.module import telling\n"
        f"from {_UTILS}.resource import run\n"
        f"from {_UTILS}.resource_table import RESOURCES\n\n\n"
        "def main():\n    module = telling(AnsibleModule)(**resource_spec(CONFIG))\n"
        f'    run(module, RESOURCES["{resource.name}"])\n\n\n'
        'if __name__ == "__main__":\n    main()\n'
    )


def _resource_table(resources: tuple[Resource, ...]) -> str:
    entries = "".join(_resource_entry(resource) for resource in resources)
    return (
        f'{_HEAD}{_GENERATED}"""What each resource module configures: see resource.py."""\n\n'
        f"from __future__ import annotations\n\nfrom {_UTILS}.resource import Part, Resource\n\n"
        f"RESOURCES = {{\n{entries}}}\n"
    )


def _resource_entry(resource: Resource) -> str:
    if len(resource.parts) == 1:
        parts = f"        ({_part(resource.parts[0])},),\n"
    else:
        parts = "        (\n" + "".join(f"            {_part(part)},\n" for part in resource.parts) + "        ),\n"
    return f'    "{resource.name}": Resource(\n        "{resource.name}",\n{parts}    ),\n'


def _part(part: Part) -> str:
    more = f", without={part.without!r}".replace("'", '"') if part.without else ""
    path = repr(part.path).replace("'", '"')
    return f'Part("{part.argument}", {path}{more})'


def _documentation(schema: Schema, resource: Resource) -> dict[str, Any]:
    paths = " and ".join(f"C({' '.join(part.path)})" for part in resource.parts)
    left = [name for part in resource.parts for name in part.without]
    but = f" without C({' '.join(left)}), which another module configures" if left else ""
    return {
        "module": resource.name,
        "short_description": f"Configures {_short(resource.subject)}",
        "description": [
            f"Brings {resource.subject} into the state that the arguments describe.",
            f"This is {paths} of the appliance's configuration{but}.",
        ],
        "version_added": "1.0.0",
        "author": ["The applianced project (@applianced)"],
        "extends_documentation_fragment": ["applianced.appliance.change", "applianced.appliance.resource"],
        "options": {"config": _config_documentation(schema, resource)},
    }


def _short(subject: str) -> str:
    return subject.partition(":")[0].partition(", ")[0]


def _examples(resource: Resource) -> list[dict[str, Any]]:
    module = f"applianced.appliance.{resource.name}"
    config = _shown(resource.example)
    return [
        _task("Add to what is there", module, {"config": config, "state": "merged", "comment": "change 4711"}),
        _task("Make what is named exactly so", module, {"config": _shown(resource.other), "state": "replaced"}),
        _task("Have this and nothing else", module, {"config": config, "state": "overridden"}),
        _task("Take something away", module, {"config": _shown(resource.removal), "state": "deleted"}),
        _task("Take everything away", module, {"state": "deleted"}),
        {**_task("Read what is there", module, {"state": "gathered"}), "register": "there"},
        _task("Show the XML without an appliance", module, {"config": config, "state": "rendered"}),
        _task(
            "Read a file",
            module,
            {"running_config": "{{ lookup('ansible.builtin.file', 'backup.xml') }}", "state": "parsed"},
        ),
    ]


def _task(name: str, module: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, module: arguments}


def _shown(value: Any) -> Any:
    """An example as documentation has it."""
    if isinstance(value, dict):
        return {key: _shown(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_shown(below) for below in value]
    return "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI... olga" if value == "{key}" else value


def _returned(kind: str) -> dict[str, Any]:
    return {
        "commands": _answer(
            "What changes, or would change in check mode, as the appliance tells it: set, delete and insert lines.",
            "when O(state) changes something",
            "list",
            elements="str",
            sample=["set applications application ftp-2121 protocol tcp"],
        ),
        "before": _answer("What was there before a change.", "when something changes", kind),
        "gathered": _answer("What is there, in the form of O(config).", "when O(state=gathered)", kind),
        "rendered": _answer("The XML of the edit, as it would be sent.", "when O(state=rendered)", "str"),
        "parsed": _answer("What O(running_config) says, in the form of O(config).", "when O(state=parsed)", kind),
        "round_trips": _answer("Requests that were sent to the appliance.", "when it was talked to", "int", sample=1),
        "error": _answer(
            "What the appliance refused.",
            "on failure",
            "dict",
            sample={"tag": "invalid-value", "path": "/applications/application[name='x']", "message": "..."},
        ),
        "path": _answer("The argument that is wrong.", "when an argument does not fit the model", "str"),
    }


def _answer(description: str, returned: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"description": description, "returned": returned, "type": kind, **more}


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Sequences stand deeper than what holds them; what is there twice is written twice, to be copied."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _yaml(value: Any) -> str:
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=_WIDTH, allow_unicode=True))
