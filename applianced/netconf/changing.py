"""Operations on the candidate, up to <commit> and what takes it back (RFC 6241 7.2 to 7.4, 8.3, 8.4, 8.6)."""

from __future__ import annotations

from enum import Enum

from applianced.datastore import whole
from applianced.datastore.content import parse_content
from applianced.datastore.edit import EditOptions, ErrorOption, Operation, ResultTest
from applianced.datastore.lock import Store
from applianced.datastore.native import Defaults, Form
from applianced.datastore.tree import Tree
from applianced.datastore.writer import Writer
from applianced.netconf.caller import Caller, Offered
from applianced.netconf.editing import edit
from applianced.netconf.messages import OK, RpcError, bad
from applianced.netconf.parameters import Parameters
from applianced.netconf.reading import Reading
from applianced.netconf.txid import WITH_IDS, ok, wanted_ids
from applianced.netconf.urls.contents import UrlContents
from applianced.netconf.xmltext import Element
from applianced.northbound.configuration import Configuration
from applianced.northbound.confirming import TIMEOUT_S, Confirmation
from applianced.northbound.readers import closing_aside
from applianced.northbound.threads import in_thread

_COMMENT = "{urn:applianced:yang:history}comment"
COMMENT_MAX = 1024
"""As applianced-history says."""


def _rewritten(tree: Tree, defaults: Defaults) -> Tree:
    tree.complete()
    return Tree.parse(tree.models, tree.render(Form.JSON, defaults=defaults), Form.JSON)


class DefaultOperation(Enum):
    MERGE = "merge"
    REPLACE = "replace"
    NONE = "none"


class Changing:
    """Edit, validate, commit, discard, cancel."""

    def __init__(self, configuration: Configuration, reading: Reading, urls: UrlContents) -> None:
        self._configuration = configuration
        self._reading = reading
        self._urls = urls

    @property
    def offered(self) -> Offered:
        return {
            "edit-config": self._edit_config,
            "copy-config": self._copy_config,
            "delete-config": self._delete_config,
            "validate": self._validate,
            "commit": self._commit,
            "cancel-commit": self._cancel_commit,
            "discard-changes": self._discard_changes,
        }

    async def _edit_config(self, caller: Caller, operation: Element) -> bytes:
        options = ("default-operation", "test-option", "error-option")
        given = Parameters(operation, "target", *options, "config", "url", *WITH_IDS)
        self._only_candidate(given)
        default = given.choice("default-operation", DefaultOperation, DefaultOperation.MERGE)
        edit_options = EditOptions(
            default_operation=Operation(default.value),
            test_option=given.choice("test-option", ResultTest, ResultTest.SYNTAX),
            error_option=given.choice("error-option", ErrorOption, ErrorOption.STOP),
        )
        return await edit(self._configuration, self._urls, caller, given, edit_options)

    async def _copy_config(self, caller: Caller, operation: Element) -> bytes:
        given = Parameters(operation, "target", "source", "with-defaults")
        target = given.url("target")
        if target is not None:
            return await self._copy_to(caller, target, given)
        self._only_candidate(given)
        source = await self._source(caller, given)
        if source is Store.CANDIDATE:
            message = "source and target are the same datastore: name another source"
            raise RpcError("invalid-value", message, info=bad("element", "source"))
        defaults = given.defaults()
        tree = source if isinstance(source, Store) else await self._inline(source)
        if defaults in (Defaults.ALL, Defaults.TRIM):
            tree = await self._with_defaults(caller.number, tree, defaults)
        access = self._configuration.access.of(caller.author.user)
        await self._configuration.replace_candidate(caller.number, tree, access)
        return OK

    async def _copy_to(self, caller: Caller, target: str, given: Parameters) -> bytes:
        """A configuration to a URL, as a retrieval by this caller shows it (RFC 6243 4.5.1)."""
        origin, defaults = given.url("source"), given.defaults()
        if origin is not None and self._urls.same(origin, target):
            message = "source and target are the same place: name another source"
            raise RpcError("invalid-value", message, info=bad("element", "source"))
        source = await self._source(caller, given)
        writer = Writer(defaults)
        if isinstance(source, Store):
            async with self._reading.shown(caller, source, defaults, lasting=True) as tree:
                inner = await in_thread(writer.all_of, list(tree.roots()))
        else:
            with closing_aside(await self._inline(source)) as sent:
                if defaults in (Defaults.ALL, Defaults.TAGGED):
                    await in_thread(sent.complete)
                inner = await in_thread(writer.all_of, list(sent.roots()))
        await self._urls.write(caller, target, inner)
        return OK

    async def _source(self, caller: Caller, given: Parameters) -> Store | Element:
        """A datastore, or the <config> sent along or behind a URL. Raises RpcError."""
        url = given.url("source")
        return given.datastore_or_config("source") if url is None else await self._urls.read(caller, url)

    async def _with_defaults(self, session: int, source: Store | Tree, defaults: Defaults) -> Tree:
        """RFC 6243 4.5.1: what is copied is what a retrieval in that mode shows, each value explicit."""
        if isinstance(source, Tree):
            with closing_aside(source):
                return await in_thread(_rewritten, source, defaults)
        # Nobody is shown this copy; whoever reads the candidate sees as much of it as he may.
        async with self._configuration.contents.reading(source, None, session) as tree:
            with closing_aside(await in_thread(tree.duplicate)) as copy:
                return await in_thread(_rewritten, copy, defaults)

    async def _delete_config(self, caller: Caller, operation: Element) -> bytes:
        given = Parameters(operation, "target")
        url = given.url("target")
        if url is not None:
            await self._urls.delete(caller, url)
            return OK
        if given.datastore("target") is Store.RUNNING:
            message = "running cannot be deleted: edit the candidate and commit"
            raise RpcError("operation-not-supported", message)
        await self._configuration.delete_candidate(caller.number)
        return OK

    async def _inline(self, config: Element) -> Tree:
        whole.check_holder(config)
        return await in_thread(parse_content, self._configuration.models, list(config))

    def _only_candidate(self, given: Parameters) -> None:
        if given.datastore("target") is not Store.CANDIDATE:
            message = "running cannot be written directly: edit the candidate and commit"
            raise RpcError("operation-not-supported", message)

    async def _validate(self, caller: Caller, operation: Element) -> bytes:
        source = await self._source(caller, Parameters(operation, "source"))
        given = source if isinstance(source, Store) else await self._inline(source)
        await self._configuration.validate(given, caller.number)
        return OK

    async def _commit(self, caller: Caller, operation: Element) -> bytes:
        given = Parameters(operation, "confirmed", "confirm-timeout", "persist", "persist-id", _COMMENT, *WITH_IDS)
        wanted = wanted_ids(given)
        state = await self._configuration.commit(
            caller.number,
            caller.author,
            _comment(given),
            confirmation=_confirmation(given),
            persist_id=given.optional_text("persist-id"),
            identified=bool(wanted),
        )
        return ok(state, wanted)

    async def _cancel_commit(self, caller: Caller, operation: Element) -> bytes:
        given = Parameters(operation, "persist-id")
        await self._configuration.cancel_commit(caller.number, caller.author, given.optional_text("persist-id"))
        return OK

    async def _discard_changes(self, caller: Caller, operation: Element) -> bytes:
        Parameters(operation)
        await self._configuration.discard(caller.number)
        return OK


def _comment(given: Parameters) -> str:
    """<comment> of applianced-history, "" when it is not given. Raises RpcError."""
    text = given.optional_text(_COMMENT)
    if text is not None and not 0 < len(text) <= COMMENT_MAX:
        message = f"a comment has 1 to {COMMENT_MAX} characters, this one has {len(text)}"
        raise RpcError("invalid-value", message, info=bad("element", "comment"))
    return text or ""


def _confirmation(given: Parameters) -> Confirmation | None:
    """What <commit> says about its confirmation (RFC 6241 8.4.5.1). Raises RpcError."""
    timeout_s = given.whole_number("confirm-timeout", TIMEOUT_S)
    if given.flag("confirmed"):
        return Confirmation(timeout_s, given.optional_text("persist"))
    for name in ("confirm-timeout", "persist"):
        if given.get(name) is not None:
            message = f"<{name}> is for a commit that is to be confirmed: send <confirmed/> with it"
            raise RpcError("missing-element", message, info=bad("element", "confirmed"))
    return None
