"""The YANG library's content-id."""

from __future__ import annotations

from applianced.config.modules import PROTOCOL, Module
from applianced.datastore.models import load_models
from applianced.datastore.native import Form
from applianced.northbound.library import yang_library
from tests.support.shop import YANG


def content_id(*modules: Module) -> str:
    tree, found = yang_library(load_models(YANG, [*PROTOCOL, *modules]))
    with tree:
        assert f'"content-id":"{found}"' in tree.render(Form.JSON).decode()
    return found


def test_the_content_id_stays_as_long_as_the_modules_do() -> None:
    assert content_id(Module("example")) == content_id(Module("example"))
    assert content_id(Module("example")) != content_id()
