"""<create-subscription> (RFC 5277 2.1.1)."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime
from itertools import islice

from lxml import etree

from applianced.datastore.edit import NETCONF_NS
from applianced.datastore.models import Models
from applianced.datastore.writer import Writer
from applianced.netconf.caller import Caller, Offered
from applianced.netconf.filters import Filter
from applianced.netconf.messages import OK, RpcError, bad
from applianced.netconf.notifications.notification import NAMESPACE, made
from applianced.netconf.notifications.streams import STREAM, Streams
from applianced.netconf.notifications.subscription import Wanted
from applianced.netconf.parameters import Parameters
from applianced.netconf.xmltext import Element

_BASE_FILTER = f"{{{NETCONF_NS}}}filter"
"""How clients send it that make the parameter as for <get>."""
ELEMENTS_MAX = 1000
"""Of a subtree filter, which is held against each notification on the event loop."""
TEXT_MAX = 64 * 1024
"""Characters of its texts, which are kept for as long as the subscription."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


class Subscribing:
    """The operation that subscribes a session."""

    def __init__(self, models: Models, streams: Streams) -> None:
        self._models = models
        self._streams = streams

    @property
    def offered(self) -> Offered:
        """By "module:rpc"."""
        return {"notifications:create-subscription": self._create}

    async def _create(self, caller: Caller, operation: Element) -> bytes:
        given = Parameters(operation, "stream", "filter", _BASE_FILTER, "startTime", "stopTime", namespace=NAMESPACE)
        if given.get("stream") is not None and (name := given.text("stream")) != STREAM:
            message = f'there is no stream "{name}": the only one is {STREAM}; leave <stream> out'
            raise RpcError("invalid-value", message, info=bad("element", "stream"))
        start_s, stop_s = self._span(given)
        filter_ = await self._filter(given)
        if caller.subscribed:
            message = "this session has a subscription already: it ends with its stopTime or with the session"
            raise RpcError("in-use", message)
        subscription = self._streams.begin(caller, Wanted(self._models, filter_, stop_s), start_s)
        caller.subscribe(self._streams.run(caller.number, subscription))
        return OK

    def _span(self, given: Parameters) -> tuple[float | None, float]:
        """When the replay begins, None for none, and when the subscription ends. Raises RpcError."""
        start_s, stop_s = _time(given, "startTime"), _time(given, "stopTime")
        if start_s is None:
            if stop_s is not None:
                message = "<stopTime> needs <startTime>: give both, or neither"
                raise RpcError("missing-element", message, info=bad("element", "startTime"))
            return None, math.inf
        if start_s > time.time():
            message = "<startTime> is in the future: leave it out to get what happens from now on"
            raise RpcError("bad-element", message, info=bad("element", "startTime"))
        if stop_s is not None and stop_s < start_s:
            message = "<stopTime> is before <startTime>: exchange them"
            raise RpcError("bad-element", message, info=bad("element", "stopTime"))
        if not self._streams.replays:
            message = (
                "nothing is kept for a replay: leave <startTime> out, or configure "
                "'system services netconf notification replay-log-count'"
            )
            raise RpcError("operation-failed", message, info=bad("element", "startTime"))
        return start_s, math.inf if stop_s is None else stop_s

    async def _filter(self, given: Parameters) -> Filter:
        """Raises RpcError, also for an XPath that could not be evaluated."""
        element, other = given.get("filter"), given.get(_BASE_FILTER)
        if element is not None and other is not None:
            raise RpcError("bad-element", "<filter> may be given once", info=bad("element", "filter"))
        chosen = other if element is None else element
        if chosen is not None and sum(1 for _ in islice(chosen.iterdescendants(), ELEMENTS_MAX + 1)) > ELEMENTS_MAX:
            message = f"the <filter> of a subscription has at most {ELEMENTS_MAX} elements: name what holds the others"
            raise RpcError("too-big", message, info=bad("element", "filter"))
        filter_ = Filter.read(self._models, chosen)
        if filter_.expression is not None:
            trial = made(self._models, "nc-notifications:replayComplete", {}, time.time())
            await filter_.evaluate(trial.tree, Writer())
        if chosen is None or not filter_.elements:
            return filter_
        if sum(len(text) for text in chosen.itertext()) > TEXT_MAX:
            message = f"the <filter> of a subscription has at most {TEXT_MAX} characters: select fewer values"
            raise RpcError("too-big", message, info=bad("element", "filter"))
        return filter_._replace(elements=_copies(chosen, filter_.elements))


def _copies(holder: Element, elements: Sequence[Element]) -> Sequence[Element]:
    """The same, for good: their message is taken apart when there is a reply. holder: what they stand in."""
    # Texts may have prefixes that were declared further up.
    own = etree.Element(holder.tag, nsmap=holder.nsmap)  # type: ignore[arg-type]
    own.extend(deepcopy(each) for each in elements)
    return list(own)


def _time(given: Parameters, name: str) -> float | None:
    """A yang:date-and-time as wall clock time. Raises RpcError."""
    if given.get(name) is None:
        return None
    text = given.text(name)
    try:
        if not _TIME.fullmatch(text) or not text.isascii():
            raise ValueError
        # A leap second is a time as well (RFC 3339 5.6), which Python does not know.
        leap = text[17:19] == "60"
        return datetime.fromisoformat(f"{text[:17]}59{text[19:]}" if leap else text).timestamp() + leap
    except (ValueError, OverflowError):
        message = f'"{text[:64]}" is no time: write <{name}> as 2026-01-31T12:00:00Z'
        raise RpcError("invalid-value", message, info=bad("element", name)) from None
