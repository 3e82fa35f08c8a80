"""What a client learns about the modules (RFC 8525, RFC 7895)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

from lxml import etree

from applianced.datastore import native
from tests.support.netconf_session import Client, serving
from tests.support.shop import shop_models

L = "urn:ietf:params:xml:ns:yang:ietf-yang-library"
Modules = Mapping[str, tuple[str, str, frozenset[str]]]


def read(directory: Path, name: str) -> tuple[etree._Element, str]:
    """One of the two shapes, and the content-id that the hello announced."""

    async def play() -> tuple[etree._Element, str]:
        async with serving(directory) as server:
            client = Client(server)
            hello = (await client.next()).decode()
            one = await Client(server).connected()
            reply = await one.rpc(f'<get><filter><{name} xmlns="{L}"/></filter></get>')
            found = re.search(r"yang-library:1.1\?revision=2019-01-04&amp;content-id=(\w+)<", hello)
            assert found
            return etree.fromstring(reply.encode())[0], found[1]

    return asyncio.run(play())


def text(element: etree._Element, name: str) -> str:
    return str(element.findtext(f"{{{L}}}{name}") or "")


def listed(holder: etree._Element, name: str) -> Modules:
    return {
        text(module, "name"): (
            text(module, "revision"),
            text(module, "namespace"),
            frozenset(str(feature.text) for feature in module.iterfind(f"{{{L}}}feature")),
        )
        for module in holder.iterfind(f"{{{L}}}{name}")
    }


def test_the_newer_shape(tmp_path: Path) -> None:
    library, content_id = read(tmp_path, "yang-library")
    assert text(library, "content-id") == content_id
    (modules,) = library.iterfind(f"{{{L}}}module-set")
    (schema,) = library.iterfind(f"{{{L}}}schema")
    assert text(schema, "module-set") == text(modules, "name")
    implemented = listed(modules, "module")
    assert implemented["example"] == ("2026-11-21", "urn:example:shop", frozenset())
    assert implemented["ietf-netconf"][2] == {"candidate", "confirmed-commit", "rollback-on-error", "validate", "xpath"}
    assert set(implemented) == {module.name for module in native.modules(shop_models().context) if module.implemented}
    assert "ietf-inet-types" in listed(modules, "import-only-module")
    datastores = {
        text(each, "name").rpartition(":")[2]: text(each, "schema") for each in library.iterfind(f"{{{L}}}datastore")
    }
    assert datastores == dict.fromkeys(("running", "candidate", "intended", "operational"), text(schema, "name"))


def test_both_shapes_say_the_same(tmp_path: Path) -> None:
    library, content_id = read(tmp_path / "a", "yang-library")
    older, _ = read(tmp_path / "b", "modules-state")
    (modules,) = library.iterfind(f"{{{L}}}module-set")
    assert text(older, "module-set-id") == content_id
    assert listed(older, "module") == {**listed(modules, "module"), **listed(modules, "import-only-module")}
    conformance = {text(each, "name"): text(each, "conformance-type") for each in older.iterfind(f"{{{L}}}module")}
    assert {name for name, kind in conformance.items() if kind == "implement"} == set(listed(modules, "module"))


def test_no_place_of_a_file_is_shown(tmp_path: Path) -> None:
    for name in ("yang-library", "modules-state"):
        shown = etree.tostring(read(tmp_path / name, name)[0]).decode()
        assert "file:" not in shown
        assert ".yang" not in shown
