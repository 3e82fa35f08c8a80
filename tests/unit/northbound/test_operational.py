"""The operational datastore: origins, and what it costs."""

from __future__ import annotations

import json
import resource

from applianced.config.catalogue import PREDEFINED
from applianced.datastore import native
from applianced.datastore.native import Form
from applianced.datastore.tree import Tree
from applianced.northbound.operational import OperationalDatastore
from tests.support.shop import shop_models, tree_of
from tests.yang.models import example, shipped

APPLICATION = "/applianced-applications:applications/application"


def running() -> Tree:
    mine = {"application": [{"name": "mine", "protocol": "tcp", "destination-port": "21"}]}
    data = {**example(), "applianced-applications:applications": mine}
    tree = Tree.parse(shipped(), json.dumps(data).encode(), Form.JSON)
    tree.validate()
    return tree


def test_every_predefined_application_is_the_systems_and_nothing_else() -> None:
    with running() as tree, OperationalDatastore(shipped()) as operational:
        configured = {native.value(node) for node in tree.find_all(f"{APPLICATION}/name")}
        assert configured == {"mine"}
        operational.build(tree, Tree(shipped()), Tree(shipped()))
        origins: dict[str, set[str]] = {}
        for name in operational.tree.find_all(f"{APPLICATION}/name"):
            origins.setdefault(operational.origin(native.parent(name)), set()).add(native.value(name))
        assert origins == {"system": set(PREDEFINED.applications), "intended": configured}
        systems = {
            native.value(each) for each in operational.tree.find_all("//name") if operational.origin(each) == "system"
        }
        assert systems >= set(PREDEFINED.applications) | set(PREDEFINED.sets)
        assert not systems & configured
        (security,) = operational.tree.find_all("/applianced-security:security")
        assert operational.origin(security) == "intended"


def test_defaults_are_the_schemas() -> None:
    with tree_of("<size>10</size>") as tree, OperationalDatastore(shop_models()) as operational:
        state = Tree.parse(shop_models(), b'{"example:shop": {"visitors": 3}}', Form.JSON, state=True)
        tree.validate()
        operational.build(tree, state, Tree(shop_models()))
        origins = {
            native.name(native.schema_of(node)): operational.origin(node)
            for node in operational.tree.find_all("/example:shop/*")
        }
        assert origins["size"] == "intended", "somebody set it"
        with tree_of("") as empty, OperationalDatastore(shop_models()) as other:
            empty.validate()
            other.build(empty, Tree(shop_models()), Tree(shop_models()))
            (size,) = other.tree.find_all("/example:shop/size")
            assert other.origin(size) == "default"


def test_the_running_tree_stays_as_it_is() -> None:
    with running() as tree, OperationalDatastore(shipped()) as operational:
        before = tree.render(Form.JSON)
        operational.build(tree, Tree(shipped()), Tree(shipped()))
        assert tree.render(Form.JSON) == before
        assert b"junos-ftp" in operational.tree.render(Form.JSON)


def test_it_gives_its_memory_back() -> None:
    with running() as tree:

        def built(times: int) -> int:
            for _ in range(times):
                with OperationalDatastore(shipped()) as operational:
                    operational.build(tree, Tree(shipped()), Tree(shipped()))
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        before = built(10)
        assert built(40) - before < 4096
