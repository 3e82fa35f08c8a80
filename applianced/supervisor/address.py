"""Where NETCONF listens: bound by root, and before anything else is made.

A port below 1024 needs it, and an address that cannot be had must cost nothing but a message.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from pathlib import Path

from applianced.config.schema import System
from applianced.datastore.models import Models
from applianced.datastore.native import Form
from applianced.datastore.persist import CommitLog, CorruptCommitError
from applianced.errors import ConfigError
from applianced.northbound.initial import initial_tree

EVERYWHERE = "::"
"""All addresses of both families."""
_PORT = ("applianced-system:system", "services", "netconf", "ssh", "port")


def bind(host: str, port: int) -> socket.socket:
    """A TCP socket bound to an address (the first that a name stands for) and port (0: any); nobody accepts yet.

    Raises ConfigError that names the address.
    """
    try:
        return _bound(host, port)
    except OSError as error:
        message = (
            f"cannot listen on {_shown(host, port)}: {error.strerror}; choose another address or port with --listen"
        )
        raise ConfigError("", message, tag="operation-failed") from error


def rebind(host: str, port: int) -> socket.socket:
    """As `bind`, for a port that a commit asks for: the ConfigError names its leaf."""
    try:
        return _bound(host, port)
    except OSError as error:
        message = f"cannot listen on {_shown(host, port)}: {error.strerror}; choose another port"
        raise ConfigError(f"/{'/'.join(_PORT)}", message, tag="operation-failed") from error


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bound(host: str, port: int) -> socket.socket:
    bound: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != EVERYWHERE)
        bound.bind(address)
        # Two that are bound and do not listen yet may share a port: only now it is ours.
        bound.listen()
    except OSError:
        if bound is not None:
            bound.close()
        raise
    return bound


def configured_port(models: Models, state_dir: Path, lock: int, config: Path | None) -> int:
    """The port of the configuration that will be in force: that of the newest commit that needs no
    confirmation or may still be confirmed, or else of the file.

    lock: of the state directory, as persist.claim returned it. Raises ConfigError for a file that cannot be read.
    """
    log = CommitLog(state_dir, os.dup(lock))
    try:
        body = _newest(log)
    finally:
        log.close()
    if body is None:
        with initial_tree(models, config, None) as tree:
            body = tree.render(Form.JSON)
    value = json.loads(body)
    for name in _PORT:
        value = value.get(name) if isinstance(value, dict) else None
    return int(value) if isinstance(value, int) else System().netconf_port


def _newest(log: CommitLog) -> bytes | None:
    for number in log.by_trust(log.under_way()):
        with contextlib.suppress(CorruptCommitError):
            return log.read(number)[1]
    return None
