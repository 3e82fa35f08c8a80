"""<rpc>, <rpc-reply> and <rpc-error> (RFC 6241 section 4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from lxml import etree

from applianced.datastore.conditions import MismatchError
from applianced.datastore.edit import NETCONF_NS
from applianced.datastore.faults import NamedFaultError, last_name
from applianced.datastore.lock import LockDeniedError, LockError
from applianced.errors import ConfigError
from applianced.netconf.caller import Body
from applianced.netconf.xmltext import Element, escape, escape_attribute
from applianced.northbound.conflicts import NodeConflictError, shortened
from applianced.northbound.state import timestamp

OK = b"<ok/>"
TXID_MODULE_NS = "urn:ietf:params:xml:ns:yang:ietf-netconf-txid"
CONFLICT_NS = "urn:applianced:yang:conflict"
_STEP = re.compile(r"""/(?:([\w.-]+):)?([\w.-]+)((?:\[(?:[^\]'"]|'[^']*'|"[^"]*")*\])*)""")
_KEY = re.compile(r"""\[([A-Za-z_][\w.-]*)=""")
_MESSAGE_ID = frozenset(("message-id", f"{{{NETCONF_NS}}}message-id"))
ATTRIBUTES_MAX = 64
"""Attributes of <rpc>; reading all of them takes time that grows with the square of their number."""
MESSAGE_MAX = 4000
"""Characters of an error-message: what it quotes of a request may have millions."""
PATH_MAX = 4000
"""Characters of an error-path, for the same reason."""


class RpcError(Exception):
    """One fault, as the client is told. type: transport, rpc, protocol or application. info: error-info, as XML.
    app_tag: error-app-tag, or ""."""

    def __init__(
        self,
        tag: str,
        message: str,
        *,
        type: str = "protocol",  # noqa: A002
        info: str = "",
        app_tag: str = "",
    ) -> None:
        super().__init__(message)
        self.app_tag = app_tag
        self.tag = tag
        self.type = type
        self.info = info


def open_reply(rpc: Element) -> bytes:
    """The reply's start tag: every attribute of <rpc> comes back unmodified, and every prefix (RFC 6241 4.1)."""
    if len(rpc.attrib) > ATTRIBUTES_MAX:
        # The request is refused (read_rpc); the client still has to find out which one it was.
        message_id = rpc.get("message-id")
        given = {} if message_id is None else {"message-id": str(message_id)}
    else:
        given = {str(name): str(value) for name, value in rpc.attrib.items()}
    declared = {prefix: uri for prefix, uri in rpc.nsmap.items() if prefix}
    if len(declared) > ATTRIBUTES_MAX:
        used = {etree.QName(name).namespace for name in given}
        declared = {prefix: uri for prefix, uri in declared.items() if uri in used}
    if not declared:
        attributes = "".join(f' {name}="{escape_attribute(value)}"' for name, value in given.items())
        return f'<rpc-reply xmlns="{NETCONF_NS}"{attributes}>'.encode()
    parts = [f' xmlns:{prefix}="{escape_attribute(uri)}"' for prefix, uri in declared.items()]
    # A qualified attribute has a prefix; only `xml` has one that is not declared, nor needs to be.
    prefixes = {uri: prefix for prefix, uri in declared.items()}
    for name, value in given.items():
        qualified = etree.QName(name)
        prefix = f"{prefixes.get(qualified.namespace, 'xml')}:" if qualified.namespace else ""
        parts.append(f' {prefix}{qualified.localname}="{escape_attribute(value)}"')
    return f'<rpc-reply xmlns="{NETCONF_NS}"{"".join(parts)}>'.encode()


def read_rpc(root: Element) -> Element:
    """The operation that an <rpc> asks for. Raises RpcError."""
    name = etree.QName(root)
    if name.namespace != NETCONF_NS:
        info = bad("element", name.localname) + bad("namespace", name.namespace or "")
        raise RpcError(
            "unknown-namespace", f'<{name.localname}> must be in namespace "{NETCONF_NS}"', type="rpc", info=info
        )
    if name.localname != "rpc":
        message = f"<{name.localname}> is not <rpc>: a client sends one <hello>, then <rpc>s"
        raise RpcError("unknown-element", message, type="rpc", info=bad("element", name.localname))
    if len(root.attrib) > ATTRIBUTES_MAX:
        raise RpcError("too-big", f"<rpc> may have {ATTRIBUTES_MAX} attributes: send fewer", type="rpc")
    # The PyPI package netconf qualifies it.
    if not _MESSAGE_ID.intersection(root.keys()):
        info = bad("attribute", "message-id") + bad("element", "rpc")
        raise RpcError("missing-attribute", "<rpc> needs the attribute message-id", type="rpc", info=info)
    operations = list(islice(root, 2))
    if len(operations) != 1:
        tag, text = ("bad-element", "more than one") if operations else ("missing-element", "no")
        message = f"<rpc> holds {text} operation: send exactly one"
        raise RpcError(tag, message, type="rpc", info=bad("element", "rpc" if operations else "operation"))
    return operations[0]


def reply(start: bytes, body: Body) -> Sequence[bytes]:
    """A whole <rpc-reply>, in parts."""
    parts = body if isinstance(body, tuple) else (body,)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n', start, *parts, b"</rpc-reply>"


def bad(what: str, name: str) -> str:
    """<bad-element>, <bad-attribute> or <bad-namespace> for error-info."""
    return f"<bad-{what}>{escape(name)}</bad-{what}>"


def render_rpc_error(error: RpcError) -> bytes:
    return _error(error.type, error.tag, str(error), info=error.info, app_tag=error.app_tag)


def render_config_errors(errors: Iterable[ConfigError], namespaces: Mapping[str, str]) -> bytes:
    """One <rpc-error> per fault. namespaces: by module name, for error-path."""
    return b"".join(_config_error(error, namespaces) for error in errors)


def _config_error(error: ConfigError, namespaces: Mapping[str, str]) -> bytes:
    kind = "protocol" if isinstance(error, LockError | MismatchError) else "application"
    path, prefixes = error_path(error.path, namespaces)
    return _error(
        kind,
        error.tag,
        error.message,
        info=_info(error, namespaces),
        app_tag=error.app_tag,
        path=path,
        prefixes=prefixes,
    )


def _info(error: ConfigError, namespaces: Mapping[str, str]) -> str:
    """The error-info that RFC 6241 appendix A demands for a tag."""
    if isinstance(error, LockDeniedError):
        return f"<session-id>{error.session}</session-id>"
    if isinstance(error, NodeConflictError):
        return _conflict(error)
    if isinstance(error, MismatchError):
        return _mismatch(error, namespaces)
    # What looks at a configuration as a whole says by the path alone which node is wrong.
    element = error.bad_element or (last_name(error.path) if error.path.startswith("/") else "")
    if not element or error.tag not in _NAMING_ELEMENT:
        return ""
    attribute = bad("attribute", error.attribute) if isinstance(error, NamedFaultError) and error.attribute else ""
    namespace = bad("namespace", error.namespace) if isinstance(error, NamedFaultError) and error.namespace else ""
    return attribute + bad("element", element) + namespace


def _conflict(error: NodeConflictError) -> str:
    """The structure conflict of applianced-conflict."""
    conflict, commit = error.conflict, error.commit
    values = {"base": conflict.base, "candidate": conflict.candidate, "running": conflict.running}
    parts = {"path": conflict.path, **{name: shortened(value) for name, value in values.items() if value is not None}}
    text = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in parts.items())
    if any(value is not None and shortened(value) != value for value in values.values()):
        text += "<truncated/>"
    if commit:
        who = {"commit": str(commit.number), "user": commit.user, "client": commit.source}
        who["time"] = timestamp(commit.time_s)
        text += "".join(f"<{name}>{escape(value)}</{name}>" for name, value in who.items())
    return f'<conflict xmlns="{CONFLICT_NS}">{text}</conflict>'


def _mismatch(error: MismatchError, namespaces: Mapping[str, str]) -> str:
    """The structure txid-value-mismatch-error-info of ietf-netconf-txid."""
    path, prefixes = error_path(error.path or "/", namespaces)
    name = f"mismatch-{error.mechanism.value}-value"
    return (
        f'<txid-value-mismatch-error-info xmlns="{TXID_MODULE_NS}"><mismatch-path{"".join(prefixes)}>{escape(path)}'
        f"</mismatch-path><{name}>{escape(error.current)}</{name}></txid-value-mismatch-error-info>"
    )


_NAMING_ELEMENT = frozenset(
    {
        *("bad-attribute", "missing-attribute", "unknown-attribute", "unknown-namespace"),
        *("bad-element", "missing-element", "unknown-element"),
        *("invalid-value", "data-missing", "data-exists"),
    }
)


def _error(
    kind: str,
    tag: str,
    message: str,
    *,
    info: str = "",
    app_tag: str = "",
    path: str = "",
    prefixes: Sequence[str] = (),
) -> bytes:
    parts = ["<rpc-error>", f"<error-type>{kind}</error-type>", f"<error-tag>{tag}</error-tag>"]
    parts.append("<error-severity>error</error-severity>")
    if app_tag:
        parts.append(f"<error-app-tag>{escape(app_tag)}</error-app-tag>")
    if path:
        parts.append(f"<error-path{''.join(prefixes)}>{escape(path)}</error-path>")
    if len(message) > MESSAGE_MAX:
        message = f"{message[: MESSAGE_MAX // 2]} ... {message[-MESSAGE_MAX // 2 :]}"
    parts.append(f'<error-message xml:lang="en">{escape(message)}</error-message>')
    if info:
        parts.append(f"<error-info>{info}</error-info>")
    return "".join([*parts, "</rpc-error>"]).encode()


def error_path(path: str, namespaces: Mapping[str, str]) -> tuple[str, list[str]]:
    """An instance path as XPath 1.0 needs it, every step with a prefix, and the declarations of the prefixes.

    A step without a module is in the module of the step before (RFC 7951 4); module names serve as prefixes. One over
    PATH_MAX characters ends with the last node whose step fits: keys may be as long as a message.
    """
    steps: list[str] = []
    used: list[str] = []
    module, octets = "", 0
    for found in _STEP.finditer(path):
        octets += found.end() - found.start()
        if octets > PATH_MAX:
            break
        module = found[1] or module
        if module and module not in used:
            used.append(module)
        prefix = f"{module}:" if module else ""
        steps.append(f"/{prefix}{found[2]}" + _KEY.sub(rf"[{prefix}\1=", found[3]))
    declared = [f' xmlns:{name}="{escape_attribute(namespaces[name])}"' for name in used if name in namespaces]
    return "".join(steps) or (path if len(path) <= PATH_MAX else ""), declared
