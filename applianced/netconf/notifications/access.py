"""Who may get which notification (RFC 8341 3.4.6), and what of it."""

from __future__ import annotations

from typing import Protocol

from applianced.datastore import native
from applianced.datastore.models import Models
from applianced.datastore.native import Form
from applianced.netconf.notifications.notification import Notification
from applianced.northbound.access import UserAccess
from applianced.northbound.recording import Author

_CHANGE = "ietf-netconf-notifications:netconf-config-change"


class Receiver(Protocol):
    """A session that has subscribed."""

    number: int
    author: Author


def may_receive(access: UserAccess, notification: Notification) -> bool:
    """Whether a user may have a notification: the one place that decides.

    Not asked about replayComplete, notificationComplete and notifications-lost, which say nothing of the appliance.
    """
    module, _, name = notification.name.partition(":")
    return access.may_notify(module, name)


def as_seen(models: Models, access: UserAccess, notification: Notification) -> Notification | None:
    """A notification as a user may see it, before any filter looks at it: of a change, without the edits of nodes that
    he may not read; None when no edit is left, for who changed something and when would be told still. Raises
    ConfigError for a body that fits no model, as one of an older release may."""
    if access.unrestricted or notification.name != _CHANGE:
        return notification
    with notification.tree.duplicate() as tree:
        edits = [node for node in native.children(tree.first) if native.name(native.schema_of(node)) == "edit"]
        hidden = [edit for edit in edits if not all(access.sees(target) for target in _targets(edit))]
        if len(hidden) == len(edits):
            return None
        for edit in hidden:
            native.free_subtree(edit)
        if not hidden:
            return notification
        return Notification(models, notification.name, notification.time_s, native.render(tree.first, Form.XML))


def _targets(edit: native.Node) -> list[str]:
    leaves = (leaf for leaf in native.children(edit) if native.name(native.schema_of(leaf)) == "target")
    return [native.value(leaf) for leaf in leaves]
