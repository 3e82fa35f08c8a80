"""What ietf-netconf-monitoring shows, and <get-schema> (RFC 6022)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from applianced.datastore import rpc
from applianced.datastore.lock import Store
from applianced.datastore.schemas import Schema
from applianced.errors import ConfigError
from applianced.netconf.caller import Caller, Offered
from applianced.netconf.parameters import identity
from applianced.netconf.xmltext import Element, escape
from applianced.northbound.access import UserAccess
from applianced.northbound.configuration import Configuration
from applianced.northbound.events import host_of
from applianced.northbound.partial import PartialLock
from applianced.northbound.recording import Author
from applianced.northbound.state import NetconfCounters, SessionCounters, timestamp

NAMESPACE = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
_MODULE = "ietf-netconf-monitoring"
_GET_SCHEMA = f"{_MODULE}:get-schema"


class Present(Protocol):
    """A session that is there."""

    number: int
    author: Author
    login_s: float
    counters: SessionCounters


class Server(Protocol):
    """Who knows the sessions. capabilities: what a hello announces."""

    counters: NetconfCounters

    @property
    def capabilities(self) -> Sequence[str]: ...

    def sessions(self) -> Iterable[Present]: ...


class Monitoring:
    """Everything here is made when it is asked for."""

    def __init__(self, configuration: Configuration, server: Server) -> None:
        self._configuration = configuration
        self._server = server
        self._schemas = configuration.models.schemas

    @property
    def offered(self) -> Offered:
        """By "module:rpc"."""
        return {_GET_SCHEMA: self._get_schema}

    async def _get_schema(self, caller: Caller, operation: Element) -> bytes:
        formats = operation.findall(f"{{{NAMESPACE}}}format")
        if len(formats) == 1 and identity(formats[0], NAMESPACE) == "yang":
            # It is what is meant without one; libyang wants the prefix of the identity, which clients leave out.
            operation.remove(formats[0])
        wanted = rpc.arguments(self._configuration.models, _GET_SCHEMA, operation)
        access = self._configuration.access.of(caller.author.user)
        # The text of a module is shown to whoever may see it listed.
        known = [schema for schema in self._schemas if access.sees(_place(schema))]
        return f'<data xmlns="{NAMESPACE}">{escape(choose(known, wanted).text)}</data>'.encode()

    def state(self, access: UserAccess | None = None) -> Mapping[str, Any]:
        """netconf-state as RFC 7951 JSON values. access: of who will be shown it; locks of nodes that he may not read
        are left out."""
        counters = self._server.counters
        statistics = {
            "netconf-start-time": timestamp(counters.start_s),
            "in-bad-hellos": counters.in_bad_hellos % 2**32,
            "in-sessions": counters.in_sessions % 2**32,
            "dropped-sessions": counters.dropped_sessions % 2**32,
            **_counted(
                SessionCounters(
                    counters.in_rpcs, counters.in_bad_rpcs, counters.out_rpc_errors, counters.out_notifications
                )
            ),
        }
        shown = {
            "capabilities": {"capability": list(self._server.capabilities)},
            "datastores": {"datastore": [self._datastore(store, access) for store in Store]},
            "schemas": {"schema": [_schema(schema) for schema in self._schemas]},
            "sessions": {"session": [_session(session) for session in self._server.sessions()]},
            "statistics": statistics,
        }
        return {f"{_MODULE}:netconf-state": shown}

    def _datastore(self, store: Store, access: UserAccess | None) -> dict[str, Any]:
        held = self._configuration.held(store)
        if store is Store.RUNNING and (partial := self._configuration.partial.held):
            shown = [found for lock in partial if (found := _partial(lock, access))]
            return {"name": store.value, **({"locks": {"partial-lock": shown}} if shown else {})}
        if held is None:
            return {"name": store.value}
        lock = {"locked-by-session": held.session, "locked-time": timestamp(held.since_s)}
        return {"name": store.value, "locks": {"global-lock": lock}}


def choose(known: Sequence[Schema], wanted: Mapping[str, Any]) -> Schema:
    """The one module that <get-schema> names (RFC 6022 3.1). Raises ConfigError."""
    identifier, version = wanted["identifier"], wanted.get("version")
    format_ = wanted.get("format", f"{_MODULE}:yang")
    if format_ != f"{_MODULE}:yang":
        raise _unknown("format", f'modules are not kept as "{format_}": leave <format> out, or ask for yang')
    named = [schema for schema in known if schema.identifier == identifier]
    if not named:
        raise _unknown("identifier", f'there is no module "{identifier}": netconf-state/schemas lists those there are')
    found = [schema for schema in named if version in (None, schema.version)]
    if not found:
        there = ", ".join(f'"{schema.version}"' for schema in named)
        raise _unknown("version", f'there is no version "{version}" of {identifier}: there is {there}')
    if len(found) > 1:
        message = f"there are {len(found)} versions of {identifier}: say which in <version>"
        raise ConfigError("", message, tag="operation-failed", app_tag="data-not-unique")
    return found[0]


def _unknown(element: str, message: str) -> ConfigError:
    return ConfigError("", message, tag="invalid-value", bad_element=element)


def _place(schema: Schema) -> str:
    """Of its entry in the list of modules."""
    keys = f"[identifier='{schema.identifier}'][version='{schema.version}'][format='{_MODULE}:yang']"
    return f"/{_MODULE}:netconf-state/schemas/schema{keys}"


def _schema(schema: Schema) -> dict[str, Any]:
    return {
        "identifier": schema.identifier,
        "version": schema.version,
        "format": "yang",
        "namespace": schema.namespace,
        "location": ["NETCONF"],
    }


def _partial(lock: PartialLock, access: UserAccess | None) -> dict[str, Any]:
    """{} when nothing that it locks may be seen."""
    nodes = [node for node in lock.nodes if access is None or access.sees(node)]
    if not nodes:
        return {}
    # An expression may say more than what it selects.
    select = lock.select if access is None or access.unrestricted else nodes
    return {
        "lock-id": lock.number,
        "locked-by-session": lock.session,
        "locked-time": timestamp(lock.since_s),
        "select": list(select),
        "locked-node": nodes,
    }


def _session(session: Present) -> dict[str, Any]:
    host = host_of(session.author.source)
    return {
        "session-id": session.number,
        "transport": "netconf-ssh",
        "username": session.author.user,
        **({"source-host": host} if host else {}),
        "login-time": timestamp(session.login_s),
        **_counted(session.counters),
    }


def _counted(counters: SessionCounters) -> dict[str, int]:
    return {name.replace("_", "-"): count % 2**32 for name, count in asdict(counters).items()}
