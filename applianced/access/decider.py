"""Decisions for the members of one set of groups (RFC 8341 3.4), each in constant time once it was made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from applianced.access.rules import DataRule, Keys, Verdict, called, data_rules, known_way
from applianced.access.schema import Deny, SchemaIndex, SchemaNode
from applianced.config.nacm import ANY, WRITES, Access, Nacm, Rule
from applianced.datastore import native
from applianced.datastore.native import Kind

_ALWAYS_CALLED = ("ietf-netconf", "close-session")
_SELDOM_CALLED = (("ietf-netconf", "kill-session"), ("ietf-netconf", "delete-config"))
"""Denied unless a rule permits them (RFC 8341 3.4.4, step 11)."""
WHOLE = "/"
"""What an RPC shows that shows all configuration and state but for what the model denies to all (default-deny-all)."""
_ALWAYS_NOTIFIED = ("replayComplete", "notificationComplete")


class Spot(NamedTuple):
    """A place in the data: its schema node, and those rules with keys in their paths whose keys the entries on the
    way have, as far as the way has gone."""

    node: SchemaNode
    met: frozenset[int]


class Decider:
    """Compiled rules. Reads the schema only; may be shared by sessions and threads."""

    def __init__(self, index: SchemaIndex, nacm: Nacm, groups: frozenset[str], user: str = "") -> None:
        """user: whose rules they are, where Nacm.personal says that it matters."""
        self.index = index
        self._nacm = nacm
        self._rules = nacm.rules_of(groups)
        self._data = data_rules(index, self._rules, user)
        self._keyed, self._unkeyed = _by_entry(self._data), _by_target(self._data)
        self._named = {
            number: {frozenset(name for name, _ in wanted) for wanted in entries}
            for number, entries in self._keyed.items()
        }
        """Number of a list -> names of the keys that rules want of an entry: all of them, or some."""
        self._calls: dict[tuple[str, str, str], Verdict] = {}
        self._verdicts: dict[tuple[int, Access, frozenset[int]], Verdict] = {}
        self._everywhere: dict[tuple[int, Access, frozenset[int]], bool] = {}
        self._reads: dict[tuple[int, frozenset[int]], bool] = {}
        self._uneven: dict[tuple[int, frozenset[int]], tuple[SchemaNode, ...]] = {}

    # --- operations and notifications --------------------------------------------------------------------------

    def may_call(self, module: str, name: str, shows: str = "") -> Verdict:
        """Whether an RPC may be called (RFC 8341 3.4.4).

        shows: the instance path of what its output shows, which then must be readable with all below it, unless a rule
        names this RPC; or WHOLE, where no rule that names the RPC stands for the right to read. Of operations that
        there are: each is kept.
        """
        known = (module, name, shows)
        found = self._calls.get(known)
        if found is None:
            found = self._calls[known] = self._decide_call(module, name, shows)
        return found

    def _decide_call(self, module: str, name: str, shows: str) -> Verdict:
        if (module, name) == _ALWAYS_CALLED:
            return Verdict(True, "RFC 8341")
        for rule_list, rule in self._rules:
            if Access.EXEC in rule.operations and _names(rule, rule.rpc, module, name, rule.notification):
                found = Verdict(rule.permit, called(rule_list, rule))
                return found if rule.rpc == name and shows != WHOLE else self._if_shown(found, shows)
        if self.index.operation_denied(module, name) is Deny.ALL:
            return Verdict(False, Deny.ALL.value)
        if (module, name) in _SELDOM_CALLED:
            return Verdict(False, "RFC 8341, which denies it unless a rule permits it")
        return self._if_shown(Verdict(self._nacm.exec_permitted, "exec-default"), shows)

    def _if_shown(self, found: Verdict, shows: str) -> Verdict:
        if found.permitted and shows == WHOLE:
            hidden = any(self._hides(None, top) for top in self.uneven(None))
            return Verdict(False, "what hides a part of the data, all of which this shows") if hidden else found
        if not found.permitted or not shows or self.way_shown(known_way(self.index, shows)[0], below=True):
            return found
        return Verdict(False, f"what hides {shows}, or a part of it, which the answer shows")

    def _hides(self, above: Spot | None, child: SchemaNode) -> bool:
        """Whether a node, or something below it, may not be read that the model itself leaves open."""
        if child.deny is Deny.ALL:
            return False
        entries = self._keyed.get(child.number, {}).values()
        if any(self._denies(number, above, child, Access.READ) for numbers in entries for number in numbers):
            return True
        spot = self.enter(above, child, {})
        return not self.reads(spot) or any(self._hides(spot, below) for below in self.uneven(spot))

    def may_notify(self, module: str, name: str) -> Verdict:
        """Whether a notification may be sent to the user (RFC 8341 3.4.6)."""
        if name in _ALWAYS_NOTIFIED:
            return Verdict(True, "RFC 8341")
        for rule_list, rule in self._rules:
            if Access.READ in rule.operations and _names(rule, rule.notification, module, name, rule.rpc):
                return Verdict(rule.permit, called(rule_list, rule))
        if self.index.operation_denied(module, name) is Deny.ALL:
            return Verdict(False, Deny.ALL.value)
        return Verdict(self._nacm.read_permitted, "read-default")

    # --- data --------------------------------------------------------------------------------------------------

    def enter(self, above: Spot | None, child: SchemaNode, keys: Keys) -> Spot:
        """The place of a child, None standing for what is above the top. keys: of an entry; {} for one that no rule
        names, and for all that is no entry."""
        met = above.met if above else frozenset[int]()
        entries = self._keyed.get(child.number)
        if entries is not None:
            wanted = (frozenset((name, keys.get(name, "")) for name in names) for names in self._named[child.number])
            fitting = [number for each in wanted for number in entries.get(each, ())] if keys else ()
            fits = {number for number in fitting if number in met or _is_first(self._data[number], child)}
            met = frozenset(fits | {number for number in met if child.number not in self._data[number].keyed})
        return Spot(child, met)

    def at(self, above: Spot | None, node: native.Node) -> Spot:
        """The place of an instance."""
        child = self.index.of(node)
        return self.enter(above, child, _keys_of(node, child) if child.number in self._keyed else {})

    def told_apart(self, node: SchemaNode) -> bool:
        """Whether a rule names entries of this list by their keys."""
        return node.number in self._keyed

    def verdict(self, spot: Spot, access: Access) -> Verdict:
        """Whether one node may be read, created, updated or deleted (RFC 8341 3.4.5); what is above it aside."""
        known = (spot.node.number, access, spot.met)
        found = self._verdicts.get(known)
        if found is None:
            found = self._verdicts[known] = self._decide(spot, access)
        return found

    def _decide(self, spot: Spot, access: Access) -> Verdict:
        node = spot.node
        for number in sorted((*self._unkeyed_for(node), *spot.met)):
            rule = self._data[number]
            if access not in rule.operations or rule.module not in (ANY, node.module):
                continue
            if rule.target is None or rule.target in node.above:
                return rule.verdict
        if node.deny is Deny.ALL or (node.deny is Deny.WRITE and access in WRITES):
            return Verdict(False, node.deny.value)
        if access is Access.READ:
            return Verdict(self._nacm.read_permitted, "read-default")
        return Verdict(self._nacm.write_permitted, "write-default")

    def _unkeyed_for(self, node: SchemaNode) -> list[int]:
        """Rules without keys that are about a node or what is above it."""
        return [number for target in (None, *node.above) for number in self._unkeyed.get(target, ())]

    def reads(self, spot: Spot) -> bool:
        """Whether a node is shown, those above it being shown; an entry needs its keys."""
        known = (spot.node.number, spot.met)
        found = self._reads.get(known)
        if found is None:
            needed = (spot, *(Spot(key, spot.met) for key in spot.node.keys))
            found = self._reads[known] = all(self.verdict(each, Access.READ).permitted for each in needed)
        return found

    def everywhere(self, spot: Spot, access: Access) -> bool:
        """Whether the access is permitted to a node and to all that can be below it."""
        known = (spot.node.number, access, spot.met)
        found = self._everywhere.get(known)
        if found is None:
            below = (self._all_of(spot, child, access) for child in spot.node.children.values())
            found = self._everywhere[known] = self.verdict(spot, access).permitted and all(below)
        return found

    def _all_of(self, above: Spot | None, child: SchemaNode, access: Access) -> bool:
        entries = self._keyed.get(child.number, {}).values()
        if any(self._denies(number, above, child, access) for numbers in entries for number in numbers):
            return False
        return self.everywhere(self.enter(above, child, {}), access)

    def _denies(self, number: int, above: Spot | None, child: SchemaNode, access: Access) -> bool:
        """Whether a rule denies to an entry of a list, or below it, what others may be permitted."""
        rule = self._data[number]
        alive = _is_first(rule, child) or (above is not None and number in above.met)
        return alive and not rule.verdict.permitted and access in rule.operations

    def keyed(self, child: SchemaNode) -> list[Keys] | None:
        """Keys of the entries of a list that rules tell apart from the others; None when a rule names some of the keys
        alone, and may mean any entry."""
        if child.kind is Kind.LIST and any(len(names) < len(child.keys) for names in self._named.get(child.number, ())):
            return None
        return [dict(keys) for keys in self._keyed.get(child.number, ())]

    def way_shown(self, steps: Sequence[tuple[SchemaNode, Keys]], *, below: bool = False) -> bool:
        """Whether a node and all above it may be read. below: and all that can be below it."""
        spot = above = None
        for node, keys in steps:
            above, spot = spot, self.enter(spot, node, keys)
            if not self.reads(spot):
                return False
        if not below or spot is None:
            return True
        # A list as such stands for all of its entries.
        return self.everywhere(spot, Access.READ) if steps[-1][1] else self._all_of(above, spot.node, Access.READ)

    def uneven(self, above: Spot | None) -> tuple[SchemaNode, ...]:
        """The children of which not everything can be read."""
        known = (above.node.number if above else 0, above.met if above else frozenset[int]())
        found = self._uneven.get(known)
        if found is None:
            children = (above.node.children if above else self.index.tops).values()
            found = self._uneven[known] = tuple(
                child for child in children if not self._all_of(above, child, Access.READ)
            )
        return found

    def writes_all(self, spot: Spot) -> bool:
        """Whether a node and all that can be below it may be created, updated and deleted."""
        return all(self.everywhere(spot, access) for access in WRITES)


def _by_entry(rules: list[DataRule]) -> dict[int, dict[frozenset[tuple[str, str]], list[int]]]:
    """Number of a list -> keys of an entry -> numbers of the rules that want them there."""
    found: dict[int, dict[frozenset[tuple[str, str]], list[int]]] = {}
    for number, rule in enumerate(rules):
        for schema, wanted in rule.keyed.items():
            found.setdefault(schema, {}).setdefault(frozenset(wanted.items()), []).append(number)
    return found


def _by_target(rules: list[DataRule]) -> dict[int | None, list[int]]:
    """Target -> numbers of the rules that need no keys."""
    found: dict[int | None, list[int]] = {}
    for number, rule in enumerate(rules):
        if not rule.keyed:
            found.setdefault(rule.target, []).append(number)
    return found


def _is_first(rule: DataRule, node: SchemaNode) -> bool:
    """Whether this list is the first on the rule's path that it wants keys of."""
    return next(iter(rule.keyed)) == node.number


def _names(rule: Rule, names: str, module: str, name: str, other: str) -> bool:
    """Whether a rule matches an operation or a notification. names: what it says of that kind; other: of the other."""
    if rule.path or other or rule.module not in (ANY, module):
        return False
    return names in ("", ANY, name)


def _keys_of(node: native.Node, schema: SchemaNode) -> Keys:
    if schema.kind is Kind.LEAF_LIST:
        return {".": native.value(node)}
    keys = (child for child in native.children(node) if native.is_key(native.schema_of(child)))
    return {native.name(native.schema_of(key)): native.value(key) for key in keys}
