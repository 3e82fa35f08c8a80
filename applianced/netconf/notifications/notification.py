"""One notification: written once, whoever gets it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from applianced.datastore import native
from applianced.datastore import notification as trees
from applianced.datastore.models import Models
from applianced.datastore.native import Form
from applianced.datastore.tree import Tree
from applianced.northbound.state import timestamp

NAMESPACE = "urn:ietf:params:xml:ns:netconf:notification:1.0"
_START = f'<?xml version="1.0" encoding="UTF-8"?>\n<notification xmlns="{NAMESPACE}"><eventTime>'


class Notification:
    """name: "module:notification". time_s: wall clock. body: its content as XML."""

    __slots__ = ("_models", "_tree", "body", "message", "name", "time_s")

    def __init__(self, models: Models, name: str, time_s: float, body: bytes, tree: Tree | None = None) -> None:
        """tree: of the body, when it is there already; it belongs to the notification from now on."""
        self.name = name
        # As it is written, so that a client that asks for a span which ends with it gets it.
        self.time_s = time_s = int(time_s * 1000) / 1000
        self.body = body
        self.message = b"".join(
            (_START.encode(), timestamp(time_s).encode(), b"</eventTime>", body, b"</notification>")
        )
        """As it is sent."""
        self._models = models
        self._tree = tree

    @property
    def octets(self) -> int:
        return len(self.message)

    @property
    def tree(self) -> Tree:
        """What filters look at. Raises ConfigError for a body that fits no model, as one of an older release may."""
        if self._tree is None:
            self._tree = trees.read(self._models, self.body)
        return self._tree

    def let_go(self) -> None:
        """Forget the tree once it was looked at: a log keeps the text alone. Who looks later makes it again."""
        self._tree = None


def made(models: Models, name: str, content: Mapping[str, Any], time_s: float) -> Notification:
    """A notification from RFC 7951 JSON values. Raises ConfigError when they do not fit the model."""
    tree = trees.notification(models, name, content)
    return Notification(models, name, time_s, native.render(tree.first, Form.XML), tree)
