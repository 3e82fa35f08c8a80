"""The first configuration of an appliance that has never had a commit."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from lxml import etree

from applianced.compiler.host import admits_netconf
from applianced.config import logins
from applianced.config.nacm import SUPER_USER
from applianced.config.schema import Config
from applianced.datastore import whole
from applianced.datastore.models import Models
from applianced.datastore.native import Form
from applianced.datastore.tree import Tree
from applianced.errors import ConfigError

ADMIN = "admin"


def load_file(models: Models, file: Path, shown: Path | None = None) -> Tree:
    """A configuration from a file of RFC 7951 JSON or XML, unvalidated. Raises ConfigError that names the file.

    shown: what messages call it, where that is not `file`.

    XML: top-level elements in a <config> or <data> of any namespace, or one top-level element by itself.
    """
    try:
        text = file.read_bytes()
    except OSError as error:
        raise ConfigError("", f"cannot read {shown or file}: {error.strerror}", tag="operation-failed") from None
    try:
        return _from_xml(models, text) if text.lstrip().startswith(b"<") else _from_json(models, text)
    except ConfigError as error:
        raise _in_file(shown or file, error) from None


def initial_tree(
    models: Models, file: Path | None, admin_key: Path | None, shown: Mapping[Path, Path] = MappingProxyType({})
) -> Tree:
    """What the first commit puts in force: the file's configuration, and `admin` with that key. Raises ConfigError.

    shown: what messages call the files, where that is something else.
    """
    tree = load_file(models, file, shown.get(file)) if file else Tree(models)
    if admin_key:
        try:
            add_admin_key(tree, admin_key, shown.get(admin_key))
        except ConfigError:
            tree.close()
            raise
    return tree


def require_netconf(config: Config) -> None:
    """For management that shares its network namespace with the dataplane: somebody can reach NETCONF, or is called.

    Where there is no interface yet, nothing is said. Raises ConfigError.
    """
    interfaces = [name for _, name in socket.if_nameindex() if name != "lo"]
    if interfaces and not config.system.call_home and not admits_netconf(config, interfaces):
        message = (
            "NETCONF could be reached from nowhere: put an interface of this machine into a zone with"
            f" host-inbound-traffic system-services netconf; it has {', '.join(interfaces)}"
        )
        raise ConfigError("/applianced-security:security/zones", message, tag="operation-failed")


def add_admin_key(tree: Tree, file: Path, shown: Path | None = None) -> None:
    """Give the public key in `file` to the user `admin`, a super-user from then on. Raises ConfigError.

    shown: what messages call the file, where that is not `file`.
    """
    key = _key_line(file, shown or file)
    tree.merge(Tree.parse(tree.models, json.dumps(_admin(key)).encode(), Form.JSON))


def _from_json(models: Models, text: bytes) -> Tree:
    return whole.from_json(models, text) if text.strip() else Tree(models)


def _from_xml(models: Models, text: bytes) -> Tree:
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(text.strip(), parser)
    except etree.XMLSyntaxError as error:
        raise ConfigError("", f"not well-formed XML: {error}", tag="malformed-message") from None
    above = text[: len(text) - len(text.lstrip())].count(b"\n")
    if etree.QName(root).localname not in ("config", "data"):
        return whole.from_elements(models, [root], line=above)
    whole.check_holder(root)
    return whole.from_elements(models, list(root), line=above)


def _in_file(file: Path, error: ConfigError) -> ConfigError:
    return ConfigError(
        error.path, f"{file}: {error.message}", tag=error.tag, app_tag=error.app_tag, bad_element=error.bad_element
    )


def _key_line(file: Path, shown: Path) -> str:
    try:
        lines = [line.strip() for line in file.read_text().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "", f"cannot read the public key {shown}: {getattr(error, 'strerror', error)}", tag="operation-failed"
        ) from None
    keys = [line for line in lines if line and not line.startswith("#")]
    if len(keys) != 1 or "PRIVATE KEY" in keys[0]:
        message = f"{shown} must hold one public key, a line like those of ssh-keygen's .pub files"
        raise ConfigError("", message)
    if fault := logins.key_fault(keys[0]):
        raise ConfigError("", f"{shown}: {fault}")
    return keys[0]


def _admin(key: str) -> dict[str, object]:
    user = {"name": ADMIN, "class": SUPER_USER, "authentication": {"ssh-public-key": [key]}}
    return {"applianced-system:system": {"login": {"user": [user]}}}
