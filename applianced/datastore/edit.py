"""<edit-config> (RFC 6241 7.2, RFC 7950 7.5.8 to 7.8.6) on a tree.

An edit without any attribute that touches no choice is one libyang parse and merge. Everything else, and everything
that fails there, is walked element by element: that path has exact operations and exact errors, the other is fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from lxml import etree

from applianced.courtesy import unhurried
from applianced.datastore import crowding, inserting, leaves, native, places, rule_paths, twins
from applianced.datastore.faults import NamedFaultError, found_in, syntax_error
from applianced.datastore.fragments import octets, shell
from applianced.datastore.native import Form, Kind
from applianced.datastore.orders import NETCONF_NS, Operation, read_orders
from applianced.datastore.places import Element, Place
from applianced.datastore.remedies import explained
from applianced.datastore.tree import Tree
from applianced.datastore.twins import Told
from applianced.datastore.undo import UndoLog
from applianced.errors import ConfigError

__all__ = [
    "NETCONF_NS",
    "EditError",
    "EditOptions",
    "ErrorOption",
    "Operation",
    "ResultTest",
    "edit",
    "validated",
]


FAULTS_MAX = 100
"""Faults of one edit that are reported, where it goes on after the first: a request can hold millions."""


class ResultTest(Enum):
    """When the result is validated as a whole. SYNTAX is what an edit without a test-option gets: names, types and
    operations are tested then set; the whole is validated at <validate> and <commit>, so that a configuration can be
    built up in several edits."""

    SYNTAX = ""
    TEST_THEN_SET = "test-then-set"
    SET = "set"
    TEST_ONLY = "test-only"


class ErrorOption(Enum):
    """STOP takes the edit back as ROLLBACK does: half an edit helps nobody."""

    STOP = "stop-on-error"
    CONTINUE = "continue-on-error"
    ROLLBACK = "rollback-on-error"


@dataclass(frozen=True, slots=True, kw_only=True)
class EditOptions:
    default_operation: Operation = Operation.MERGE
    test_option: ResultTest = ResultTest.SYNTAX
    error_option: ErrorOption = ErrorOption.STOP


class EditError(ConfigError):
    """One or more faults of an edit, in document order. As a ConfigError it shows the first."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        first = errors[0]
        super().__init__(first.path, first.message, tag=first.tag, app_tag=first.app_tag, bad_element=first.bad_element)
        self.errors = list(errors)


def validated(tree: Tree) -> None:
    """The least that test-then-set and test-only test: the model's constraints. Raises InvalidTreeError."""
    with tree.duplicate() as trial:
        trial.validate()


def edit(
    tree: Tree, elements: Sequence[Element], options: EditOptions, test: Callable[[Tree], None] = validated
) -> bool:
    """Apply the children of <config> to `tree`; the elements are used up. Whether that was a merge in one go, which
    takes nothing away.

    test: what test-then-set and test-only do with the result; it leaves the tree alone, and raises ConfigError.

    Raises EditError; the tree is then as before, except with continue-on-error, where what could be done is done.
    """
    if options.test_option is not ResultTest.TEST_ONLY and _merge_whole(tree, elements, options):
        return True
    undo = UndoLog(tree)
    walk = _Walk(tree, undo, elements, keep_going=options.error_option is ErrorOption.CONTINUE)
    try:
        with suppress(_EnoughError):
            walk.run(elements, options.default_operation)
        if options.test_option in (ResultTest.TEST_THEN_SET, ResultTest.TEST_ONLY):
            test(tree)
        if options.test_option is ResultTest.TEST_ONLY:
            undo.back_to(0)
    except BaseException as error:
        undo.back_to(0)
        if isinstance(error, ConfigError) and (walk.errors or not isinstance(error, EditError)):
            raise EditError([*walk.errors, *getattr(error, "errors", [error])]) from None
        raise
    undo.keep()
    if len(walk.errors) == FAULTS_MAX:
        message = f"there were {FAULTS_MAX} faults before this one: what follows was not looked at, nor done"
        walk.errors.append(ConfigError("", message, tag="operation-failed"))
    if walk.errors:
        raise EditError(walk.errors)
    return False


def _merge_whole(tree: Tree, elements: Sequence[Element], options: EditOptions) -> bool:
    """Whether the edit was simple enough, and right, to be done in one go."""
    if options.default_operation is not Operation.MERGE or options.test_option is ResultTest.TEST_THEN_SET:
        return False
    choices = tree.models.choice_tags
    if any(node.attrib or node.tag in choices for element in elements for node in unhurried(element.iter())):
        return False
    try:
        crowding.require_spread(tree.models, elements)
        for element in elements:
            rule_paths.settle(tree.models, element)
        with Tree.parse(tree.models, b"".join(octets(element) for element in elements), Form.XML) as parsed:
            twins.check_tree(parsed.first)
            tree.merge(parsed)
    except ConfigError:
        return False
    return True


class _EnoughError(Exception):
    """There are as many faults as are reported."""


class _Walk:
    """One edit, element by element."""

    def __init__(self, tree: Tree, undo: UndoLog, elements: Sequence[Element], *, keep_going: bool) -> None:
        self.tree = tree
        self.models = tree.models
        self.undo = undo
        self.keep_going = keep_going
        self.errors: list[ConfigError] = []
        self.explicit: set[tuple[int, int]] = set()
        """Leaf-lists, by parent and schema, that have no default entries any more."""
        self.rivals: dict[int, list[native.Schema]] = {}
        """By schema: what leaves when it comes."""
        # Holding the elements also keeps lxml from making new proxies for them.
        self.marked = {above for top in elements for node in top.iter() if node.attrib for above in _above(node)}

    def run(self, elements: Sequence[Element], operation: Operation) -> None:
        if operation is Operation.REPLACE:
            for root in list(self.tree.roots()):
                self.undo.remove(root)
            operation = Operation.MERGE
        self.each(native.NULL, elements, operation)

    def each(self, parent: native.Node, elements: Iterable[Element], inherited: Operation) -> None:
        told = Told()
        for element in elements:
            mark = len(self.undo)
            try:
                self.one(parent, element, inherited, told)
            except ConfigError as error:
                if not self.keep_going:
                    raise
                self.undo.back_to(mark)
                self.explicit.clear()
                self.errors.append(error)
                if len(self.errors) == FAULTS_MAX:
                    raise _EnoughError from None

    def one(self, parent: native.Node, element: Element, inherited: Operation, told: Told) -> None:
        place = places.resolve(self.models, parent, element)
        orders = read_orders(place, inherited)
        told.note(place, removes=orders.operation in (Operation.DELETE, Operation.REMOVE))
        _check_content(place)
        node = self.find(place)
        is_new = not (node and places.is_configured(node)) if orders.insert else False
        match orders.operation:
            case Operation.DELETE | Operation.REMOVE:
                self.delete(place, node, orders.operation)
                return
            case _ if orders.to_default:
                self.default(place, node)
                return
            case Operation.NONE:
                self.descend_existing(place, node)
                return
            case Operation.CREATE:
                node = self.create_absent(place, node)
            case Operation.REPLACE:
                node = self.replace(place, node)
            case Operation.MERGE:
                node = self.merge(place, node)
        if orders.insert:
            inserting.put(self.models, self.undo, place, node, orders, is_new=is_new)

    def find(self, place: Place) -> native.Node:
        return places.instance(self.models, self.siblings(place.parent), place)

    def siblings(self, parent: native.Node) -> native.Node:
        return native.first_child(parent) if parent else self.tree.first

    def delete(self, place: Place, node: native.Node, operation: Operation) -> None:
        if node and places.is_configured(node):
            self.undo.remove(node)
        elif operation is Operation.DELETE:
            message = f'"{place.name}" cannot be deleted, it does not exist: use operation "remove" if that is no fault'
            raise ConfigError(place.path, message, tag="data-missing", bad_element=place.name)

    def default(self, place: Place, node: native.Node) -> None:
        """wd:default: nobody's value from now on (RFC 6243 section 6)."""
        new = self.create(place, node)
        if not native.equals_default(new):
            message = f'wd:default says that "{place.element.text or ""}" is the default of "{place.name}": it is not'
            raise ConfigError(place.path, message, tag="invalid-value", bad_element=place.name)
        self.undo.remove(new)

    def descend_existing(self, place: Place, node: native.Node) -> None:
        if node:
            self.descend(place, node, Operation.NONE)
            return
        if native.kind(place.schema) is not Kind.CONTAINER or native.is_presence(place.schema):
            message = f'"{place.name}" does not exist and default-operation is none: create it first'
            raise ConfigError(place.path, message, tag="data-missing", bad_element=place.name)
        # A container without presence always exists (RFC 7950 7.5.1), if in nothing but its children.
        mark = len(self.undo)
        node = self.parse(place, shell(place))
        self.descend(place, node, Operation.NONE)
        if places.is_configured(node):
            self.leave_other_cases(place)
        else:
            self.undo.back_to(mark)

    def create_absent(self, place: Place, node: native.Node) -> native.Node:
        if node and places.is_configured(node):
            message = f'"{place.name}" exists already: use operation "merge" or "replace" to change it'
            raise ConfigError(place.path, message, tag="data-exists", bad_element=place.name)
        return self.create(place, node)

    def replace(self, place: Place, node: native.Node) -> native.Node:
        following = native.following(node) if node and native.is_user_ordered(place.schema) else native.NULL
        new = self.create(place, node)
        if following and native.schema_of(following) == place.schema:
            self.undo.move(new, following, before=True)
        return new

    def merge(self, place: Place, node: native.Node) -> native.Node:
        if not node:
            return self.create(place, node)
        match native.kind(place.schema):
            case Kind.CONTAINER | Kind.LIST:
                self.descend(place, node, Operation.MERGE)
                return node
            case Kind.LEAF_LIST if not native.is_default(node):
                return node
            case _:
                rule_paths.settle(self.models, place.element)
                wanted = places.json_value(self.models, place.schema, place.element)
                same = native.value(node) == wanted and not native.is_default(node)
                return node if same else self.create(place, node)

    def descend(self, place: Place, node: native.Node, operation: Operation) -> None:
        named = {name for name, _ in place.keys}
        self.each(node, [child for child in place.element if not _is_key(place, child, named)], operation)

    def create(self, place: Place, old: native.Node) -> native.Node:
        """Put the element's data where nothing is, or in place of `old`."""
        self.leave_other_cases(place)
        if old:
            self.undo.remove(old)
        if native.kind(place.schema) is Kind.LEAF_LIST:
            self.drop_default_entries(place)
        if place.element not in self.marked:
            crowding.require_spread(self.models, [place.element])
            rule_paths.settle(self.models, place.element)
            return self.parse(place, octets(place.element))
        node = self.parse(place, shell(place))
        self.descend(place, node, Operation.MERGE)
        return node

    def parse(self, place: Place, text: bytes) -> native.Node:
        try:
            if place.parent:
                native.parse_under(self.models.context, place.parent, text)
            else:
                self.tree.attach(native.NULL, native.parse(self.models.context, text, Form.XML))
        except native.NativeError as error:
            above = native.schema_of(place.parent) if place.parent else native.NULL
            if fault := leaves.first_overfull(self.models, above, [place.element]):
                raise fault from None
            raise found_in(self.located(place, error.fault), [place.element]) from None
        node = self.find(place)
        self.undo.created(node)
        twins.check_tree(native.first_child(node))
        return node

    def located(self, place: Place, fault: native.Fault) -> ConfigError:
        """libyang's path begins at the element that it parsed, and for a leaf may end above it."""
        if native.kind(place.schema) in (Kind.LEAF, Kind.LEAF_LIST) or not fault.path:
            return syntax_error(explained(self.models, fault._replace(path=place.path)))
        if not place.parent:
            return syntax_error(explained(self.models, fault))
        above, module = native.path(place.parent), native.module_name(place.schema)
        inherited = native.module_name(native.schema_of(place.parent)) == module
        below = fault.path.replace(f"/{module}:", "/", 1) if inherited else fault.path
        return syntax_error(explained(self.models, fault._replace(path=above + below)))

    def leave_other_cases(self, place: Place) -> None:
        """RFC 7950 7.9: a node of one case deletes those of the others."""
        number = native.identity(place.schema)
        if number not in self.rivals:
            self.rivals[number] = native.rivals(place.schema)
        for schema in self.rivals[number]:
            # A list in a case has this done for each entry: what is not there is not looked for among them.
            for node in native.instances(self.siblings(place.parent), schema):
                self.undo.remove(node)

    def drop_default_entries(self, place: Place) -> None:
        """Entries take the place of the defaults; once they have, there is nothing more to look for."""
        where = native.identity(place.parent), native.identity(place.schema)
        if where in self.explicit:
            return
        self.explicit.add(where)
        for node in list(native.siblings(native.first_sibling(self.siblings(place.parent)))):
            if native.schema_of(node) == place.schema and native.is_default(node):
                self.undo.remove(node)


def _above(node: Element) -> Iterable[Element]:
    """The elements whose subtree holds this attribute; their own attributes are read before they are parsed."""
    return node.iterancestors()


def _check_content(place: Place) -> None:
    """Text stands in leaves alone, elements elsewhere. Raises ConfigError."""
    element = place.element
    match native.kind(place.schema):
        case Kind.CONTAINER | Kind.LIST:
            texts = (element.text, *(child.tail for child in element))
            if any(text and not text.isspace() for text in texts):
                message = f"<{place.name}> holds elements, and here it holds text: name the leaf that the text is for"
                raise ConfigError(place.path, message, tag="bad-element", bad_element=place.name)
        case Kind.LEAF | Kind.LEAF_LIST if places.has_more_than(0, element):
            raise places.overfull(place.path, element)


def _is_key(place: Place, child: Element, named: set[str]) -> bool:
    name = etree.QName(child)
    if name.localname not in named or name.namespace != native.namespace(place.schema):
        return False
    if child.get(f"{{{NETCONF_NS}}}operation") in ("delete", "remove"):
        message = f"the key <{name.localname}> cannot be deleted: delete the entry"
        raise NamedFaultError(
            place.path, message, tag="bad-attribute", bad_element=name.localname, attribute="operation"
        )
    return True
