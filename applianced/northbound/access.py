"""Access control in force (RFC 8341): what a user may do now, and a count and a log line for what was denied.

Every operation asks `Configuration.access.of(user)` when it is carried out, so that a commit of other rules counts from
the next operation on, in sessions that are open as well.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from applianced.access import changes, requests
from applianced.access.changes import AccessDeniedError
from applianced.access.decider import Decider
from applianced.access.pruning import prune, sees_all
from applianced.access.rules import PATH, Verdict, known_way
from applianced.access.schema import ACM, SchemaIndex
from applianced.config.nacm import SUPER_USER, Nacm, RuleList
from applianced.config.schema import Config
from applianced.datastore.models import Models
from applianced.datastore.places import Element
from applianced.datastore.tree import Tree
from applianced.errors import ConfigError

_LOG = logging.getLogger(__name__)
LOGGED_MAX = 20
"""Denials that are logged in LOGGED_PERIOD_S; of more, only how many they were."""
LOGGED_PERIOD_S = 10.0
Roles = Callable[[Config], Sequence[RuleList]]
"""Rule-lists that other parts of a configuration stand for; they are tried before those of `nacm`."""


@dataclass(slots=True)
class DeniedCounters:
    """Since the start of management (RFC 8341: denied-operations and those after it)."""

    operations: int = 0
    data_writes: int = 0
    notifications: int = 0


class FaultsError(ConfigError):
    """What somebody may be told of an error: `errors`. As a ConfigError it shows the first."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        first = errors[0]
        super().__init__(first.path, first.message, tag=first.tag, app_tag=first.app_tag, bad_element=first.bad_element)
        self.errors = list(errors)


class UserAccess:
    """What one user may do. decider: None for whoever no rule holds back."""

    def __init__(self, user: str, decider: Decider | None, control: AccessControl) -> None:
        self.user = user
        self.decider = decider
        self._control = control

    @property
    def unrestricted(self) -> bool:
        """A super-user, or access control is off."""
        return self.decider is None

    def require_call(self, module: str, name: str, shows: str = "") -> None:
        """Before an operation is carried out. name: of the RPC. shows: as of Decider.may_call.

        Raises AccessDeniedError.
        """
        verdict = self.decider.may_call(module, name, shows) if self.decider else None
        if verdict and not verdict.permitted:
            self._control.count_operation(self.user, f"{module}:{name}", verdict)
            raise AccessDeniedError("", f"to call <{name}>", verdict.by)

    def may_notify(self, module: str, name: str) -> bool:
        """Whether a notification may be sent to the user; one that may not is counted and logged here.

        module: of the notification, name: its own. Of data in it, `prune` takes out what the user may not read; of
        paths in it, `sees` says which he may be told.
        """
        verdict = self.decider.may_notify(module, name) if self.decider else None
        if verdict and not verdict.permitted:
            self._control.count_notification(self.user, f"{module}:{name}", verdict)
            return False
        return True

    def sees(self, path: str, *, below: bool = False) -> bool:
        """Whether the node at an instance path (as libyang writes it: module names as prefixes) may be read, be it
        there or not; for what names nodes without showing them in a tree.

        below: whether all that can be below it may be read, too. A path that goes on where the schema ends is judged
        by as much of it as there is.
        """
        return self.decider is None or self.decider.way_shown(known_way(self.decider.index, path)[0], below=below)

    def told(self, faults: Sequence[ConfigError], *, below: bool = False) -> Sequence[ConfigError]:
        """What the user may be told of faults, which may be of what others edited: of those at nodes that he may not
        read, that there are some; of other nodes that a message names, not which.

        below: the faults show what is below their nodes.
        """
        shown = [
            fault for fault in faults if isinstance(fault, AccessDeniedError) or self.sees(fault.path, below=below)
        ]
        hidden = [fault for fault in faults if fault not in shown]
        for fault in shown:
            fault.message = PATH.sub(self._named, fault.message)
        if hidden:
            message = f"faults at nodes that you may not read: {len(hidden)}; ask somebody who may"
            shown.append(ConfigError("", message, tag=hidden[0].tag, app_tag=hidden[0].app_tag))
        return shown

    def _named(self, path: re.Match[str]) -> str:
        """A path in a message, as the user may be told of it."""
        return path[0] if self.sees(path[0]) else "a node that you may not read"

    def sees_all(self, tree: Tree) -> bool:
        """Whether the tree can be shown as it is."""
        return self.decider is None or sees_all(self.decider, tree)

    def prune(self, tree: Tree) -> None:
        """Take out of a tree, which nobody else uses, what the user may not read. A default that was added to the tree
        later would have to be taken out again."""
        if self.decider is not None and not sees_all(self.decider, tree):
            prune(self.decider, tree)

    def seen(self, tree: Tree) -> Tree:
        """A copy without what the user may not read, for the caller to close."""
        copy = tree.duplicate()
        self.prune(copy)
        return copy

    def check_edit(self, elements: Sequence[Element], default_operation: str) -> None:
        """Before an edit is tried, the children of <config>. Raises AccessDeniedError."""
        if self.decider is not None:
            with self._counted("edit"):
                requests.check_edit(self.decider, elements, default_operation)

    def judges_edit(self, elements: Sequence[Element]) -> bool:
        """Whether what an edit changed has to be judged at all."""
        return self.decider is not None and not requests.writes_all(self.decider, elements)

    def judge(self, before: Tree, after: Tree) -> None:
        """Once a change is there, and before anybody sees it. Raises AccessDeniedError at what the user may not do."""
        if self.decider is not None:
            with self._counted("change"):
                changes.judge(self.decider, before, after)

    @contextmanager
    def _counted(self, what: str) -> Iterator[None]:
        try:
            yield
        except AccessDeniedError as error:
            self._control.count_write(self.user, f"{what} at {error.path or 'the top'}", error.by)
            raise


class AccessControl:
    """Rules in force, compiled for each set of groups once."""

    def __init__(self, models: Models, configured: Callable[[], Config], roles: Roles = lambda _: ()) -> None:
        """configured: what is in force. Where the models are without ietf-netconf-acm, everybody may do everything."""
        self.denied = DeniedCounters()
        self._configured = configured
        self._roles = roles
        known = models.names.get(ACM, "") in models.modules
        self._index = SchemaIndex(models) if known else None
        self._config: Config | None = None
        self._rules = Nacm()
        self._deciders: dict[tuple[frozenset[str], str], Decider] = {}
        """By groups and, where a rule says $USER, the name of the user."""
        self._personal: dict[frozenset[str], bool] = {}
        self._log = _Log()

    @property
    def known(self) -> bool:
        """There is access control."""
        return self._index is not None

    def of(self, user: str) -> UserAccess:
        """What a user may do now."""
        config = self._configured()
        if config is not self._config:
            self._take(config)
        known = config.system.users.get(user)
        recovery = known is not None and known.login_class == SUPER_USER
        if self._index is None or recovery or not self._rules.enabled:
            return UserAccess(user, None, self)
        groups = self._rules.groups_of(user)
        personal = self._personal.get(groups)
        if personal is None:
            personal = self._personal[groups] = self._rules.personal(groups)
        whose = (groups, user if personal else "")
        decider = self._deciders.get(whose)
        if decider is None:
            decider = self._deciders[whose] = Decider(self._index, self._rules, *whose)
        return UserAccess(user, decider, self)

    def _take(self, config: Config) -> None:
        rules = config.nacm.preceded_by(self._roles(config))
        if rules != self._rules:
            # What was compiled, and what was copied for it, serves as long as the rules are the same.
            self._deciders.clear()
            self._personal.clear()
            self._rules = rules
        self._config = config

    def count_operation(self, user: str, what: str, verdict: Verdict) -> None:
        self.denied.operations += 1
        self._log.say("user %r may not call %s: denied by %s", user, what, verdict.by)

    def count_write(self, user: str, what: str, by: str) -> None:
        self.denied.data_writes += 1
        self._log.say("user %r may not %s: denied by %s", user, what, by)

    def count_notification(self, user: str, what: str, verdict: Verdict) -> None:
        self.denied.notifications += 1
        self._log.say("user %r is not sent %s: denied by %s", user, what, verdict.by)


class _Log:
    """So many lines in a period."""

    def __init__(self) -> None:
        self._began_s = -LOGGED_PERIOD_S
        self._lines = 0

    def say(self, text: str, *values: object) -> None:
        now_s = time.monotonic()
        if now_s - self._began_s >= LOGGED_PERIOD_S:
            if self._lines > LOGGED_MAX:
                _LOG.warning("%d more denials were not logged", self._lines - LOGGED_MAX)
            self._began_s, self._lines = now_s, 0
        self._lines += 1
        if self._lines <= LOGGED_MAX:
            _LOG.warning(text, *values)
