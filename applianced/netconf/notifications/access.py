"""Who may get which notification."""

from __future__ import annotations

from typing import Protocol

from applianced.netconf.notifications.notification import Notification
from applianced.northbound.recording import Author


class Receiver(Protocol):
    """A session that has subscribed."""

    number: int
    author: Author


def may_receive(session: Receiver, notification: Notification) -> bool:
    """Whether access control lets a session have a notification (RFC 8341 3.4.6): the one place that decides.

    Not asked about replayComplete, notificationComplete and notifications-lost, which say nothing of the appliance.
    """
    return True
