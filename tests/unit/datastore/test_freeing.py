"""Trees are freed little by little, whatever their shape."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from applianced.datastore import freeing, native
from applianced.datastore.models import load_models
from applianced.datastore.native import Form
from applianced.datastore.tree import Tree

MANY = 1000
APPLICATIONS = "urn:applianced:yang:applications"


def applications(inner: str) -> str:
    return f'<applications xmlns="{APPLICATIONS}">{inner}</applications>'


def application(name: str, inner: str = "") -> str:
    return f"<application><name>{name}</name>{inner}</application>"


def term(number: int) -> str:
    return f"<term><name>t{number}</name><protocol>udp</protocol></term>"


SHAPES = {
    "nothing": "",
    "one": applications(application("a")),
    "many": applications("".join(application(f"a{number}") for number in range(MANY))),
    "many in one": applications(application("a", "".join(map(term, range(MANY))))),
    "many in each": applications("".join(application(f"a{at}", "".join(map(term, range(100)))) for at in range(20))),
}


def nodes(first: native.Node) -> int:
    return sum(1 + nodes(native.first_child(node)) for node in native.siblings(first)) if first else 0


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_never_more_than_a_piece_at_once(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = Tree.parse(load_models(), shape.encode(), Form.XML)
    whole = nodes(tree.first)
    freed = []

    def counted(free: Callable[[native.Node], None], node: native.Node) -> None:
        freed.append(1 + nodes(native.first_child(node)))
        free(node)

    for name in ("free_subtree", "free"):
        monkeypatch.setattr(native, name, partial(counted, getattr(native, name)))
    tree.close()
    assert sum(freed) == whole
    assert not freed or max(freed) <= freeing.PIECE + 1
