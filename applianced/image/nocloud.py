"""The seed: what a machine is told at its first boot, in cloud-init's NoCloud format.

Files in, values out; nothing is read or written here. What an appliance has no use for is named in `ignored` and
costs nothing else: the same seed may serve machines of other kinds.

Format: https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import yaml  # type: ignore[import-untyped]

from applianced.config.logins import key_fault
from applianced.errors import ApplianceError
from applianced.image.network import Network, hides_management, read_network

META_DATA, USER_DATA, NETWORK_CONFIG = "meta-data", "user-data", "network-config"
CONFIGURATIONS = ("applianced.json", "applianced.xml")
"""Files of the seed that hold the first configuration, instead of `applianced: configuration:` in user-data."""
LARGEST_OCTETS = 8 << 20
"""Of one file of a seed; what is longer is refused."""

_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = re.compile(rf"(?=.{{1,64}}$){_LABEL}(\.{_LABEL})*")
_SERVER = re.compile(r"[A-Za-z0-9.:-]{1,253}")
_TARGET = re.compile(r"(tcp|tls)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]{1,253}):([0-9]{1,5})")


class SeedError(ApplianceError):
    """A seed that cannot be used; the message names the file and says what to do."""


class Configuration(NamedTuple):
    """The first configuration. suffix: .json (RFC 7951) or .xml."""

    suffix: str
    content: bytes


class LogTarget(NamedTuple):
    """Where the system's log goes. certificate_authority: PEM, "" for those that the system trusts."""

    host: str
    port: int
    tls: bool
    certificate_authority: str


class Seed(NamedTuple):
    """What a seed says."""

    instance_id: str
    hostname: str
    admin_key: str
    configuration: Configuration | None
    network: Network
    time_servers: tuple[str, ...]
    log_targets: tuple[LogTarget, ...]
    ignored: tuple[str, ...]


def digest(files: Mapping[str, bytes]) -> str:
    """By which a seed is known again: SHA-256 over names and contents."""
    whole = hashlib.sha256()
    for name, content in sorted(files.items()):
        whole.update(f"{name} {len(content)}\n".encode() + content)
    return whole.hexdigest()


def parse(files: Mapping[str, bytes], cards: Sequence[str] | None = None) -> Seed:
    """A seed from its files. Raises SeedError.

    cards: MAC addresses of the network cards, in small letters, in the order in which the kernel found them; None when
    they are not known.
    """
    meta = _mapping(META_DATA, files.get(META_DATA, b""))
    user = _mapping(USER_DATA, _cloud_config(files.get(USER_DATA, b"")))
    own = user.get("applianced") or {}
    if not isinstance(own, dict):
        raise SeedError(f"{USER_DATA}: 'applianced' must be a mapping with configuration, log or both")
    network = _mapping(NETWORK_CONFIG, files.get(NETWORK_CONFIG, b""))
    try:
        read = read_network(network.get("network") or network, cards)
    except ValueError as error:
        raise SeedError(f"{NETWORK_CONFIG}: {error}") from error
    configuration = _configuration(files, own.get("configuration"))
    if configuration is None and (fault := hides_management(read, cards or ())):
        raise SeedError(f"{NETWORK_CONFIG}: {fault}")
    key, unused = _admin_key(
        [*_keys(USER_DATA, user.get("ssh_authorized_keys")), *_keys(META_DATA, meta.get("public-keys"))]
    )
    return Seed(
        instance_id=str(meta.get("instance-id", "")),
        hostname=_hostname(user.get("hostname") or meta.get("local-hostname") or meta.get("hostname")),
        admin_key=key,
        configuration=configuration,
        network=read,
        time_servers=_time_servers(user.get("ntp")),
        log_targets=_log_targets(own.get("log")),
        ignored=(*_ignored(user, own), *unused),
    )


def _mapping(name: str, content: bytes) -> dict[str, Any]:
    if len(content) > LARGEST_OCTETS:
        raise SeedError(f"{name}: longer than {LARGEST_OCTETS} octets")
    try:
        read = yaml.safe_load(content) or {}
        _write_out(read)
    except (yaml.YAMLError, ValueError, RecursionError, LookupError, AttributeError, TypeError) as error:
        # The library lets out whatever its constructors of dates and numbers stumble over.
        raise SeedError(f"{name}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(read, dict):
        raise SeedError(f"{name}: must be a mapping of keys to values")
    return read


def _write_out(read: Any) -> None:
    """What cannot be written out, such as half a surrogate pair, is no text; and aliases may repeat a little for ever.

    Raises ValueError."""
    octets = 0
    for piece in json.JSONEncoder(ensure_ascii=False, default=str).iterencode(read):
        octets += len(piece.encode())
        if octets > 2 * LARGEST_OCTETS:
            raise ValueError(f"with its aliases it is longer than {2 * LARGEST_OCTETS} octets")


def _cloud_config(content: bytes) -> bytes:
    first = content.split(b"\n", 1)[0].strip()
    if content.strip() and first != b"#cloud-config":
        shown = first[:40].decode(errors="replace")
        raise SeedError(f"{USER_DATA}: begins with {shown!r}; must begin with the line #cloud-config")
    return content


def _hostname(value: object) -> str:
    name = str(value or "")
    if name and not _HOSTNAME.fullmatch(name):
        raise SeedError(f"hostname {name!r}: must be a domain name of at most 64 characters")
    return name


class _Key(NamedTuple):
    """A line as in authorized_keys, and in which file it stands."""

    file: str
    line: str

    @property
    def fault(self) -> str:
        return key_fault(self.line) if len(self.line.splitlines()) == 1 else "a key is one line"


def _keys(name: str, value: object) -> list[_Key]:
    """meta-data has a list, a text of a line for each, or a mapping of names to either."""
    given = list(value.values()) if isinstance(value, dict) else [value]
    keys = []
    for each in given:
        lines = each.splitlines() if isinstance(each, str) else each or []
        if not isinstance(lines, list):
            raise SeedError(f"{name}: SSH keys must be a list of lines as in authorized_keys")
        keys += [_Key(name, text) for line in lines if (text := str(line).strip())]
    return keys


def _admin_key(keys: list[_Key]) -> tuple[str, list[str]]:
    """The first one that can be used, "" where none was given, and what is said of the others.

    A console of a cloud lists all that somebody has. Raises SeedError when none can be used.
    """
    used = ""
    spare, unusable = [], []
    for key in keys:
        if fault := key.fault:
            unusable.append(f"{key.file}: {key.line[:40]!r}: {fault}")
        elif used:
            spare.append(f"{key.file}: key {key.line[:40]}...")
        else:
            used = key.line
    if unusable and not used:
        raise SeedError("; ".join(unusable))
    return used, [*spare, *unusable]


def _configuration(files: Mapping[str, bytes], inline: object) -> Configuration | None:
    """Raises SeedError."""
    configuration = _given_configuration(files, inline)
    # What a template makes of a variable that nobody has set.
    if configuration is not None and not configuration.content.translate(None, b' \t\r\n"{}[]'):
        raise SeedError("the first configuration is empty: leave it out to have the image's own, or give a whole one")
    return configuration


def _given_configuration(files: Mapping[str, bytes], inline: object) -> Configuration | None:
    given = [name for name in CONFIGURATIONS if name in files]
    if len(given) + (inline is not None) > 1:
        raise SeedError("several first configurations: give one of applianced.json, applianced.xml, user-data")
    if given:
        content = files[given[0]]
        if len(content) > LARGEST_OCTETS:
            raise SeedError(f"{given[0]}: longer than {LARGEST_OCTETS} octets")
        return Configuration(f".{given[0].rpartition('.')[2]}", content)
    if inline is None:
        return None
    if isinstance(inline, str):
        return Configuration(".xml" if inline.lstrip().startswith("<") else ".json", inline.encode())
    try:
        return Configuration(".json", json.dumps(inline).encode())
    except (TypeError, ValueError) as error:
        raise SeedError(f"{USER_DATA}: 'applianced: configuration' is not RFC 7951 JSON: {error}") from error


def _time_servers(value: object) -> tuple[str, ...]:
    servers: list[str] = []
    if isinstance(value, dict):
        for key in ("servers", "pools"):
            listed = value.get(key) or []
            if not isinstance(listed, list):
                raise SeedError(f"{USER_DATA}: ntp {key} must be a list")
            servers += [str(server) for server in listed]
    for server in servers:
        if not _SERVER.fullmatch(server):
            raise SeedError(f"{USER_DATA}: {server!r} is neither name nor address of a time server")
    return tuple(servers)


def _log_targets(value: object) -> tuple[LogTarget, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise SeedError(f"{USER_DATA}: 'applianced: log' must be a list of entries with 'to'")
    return tuple(_log_target(entry) for entry in value)


def _log_target(entry: object) -> LogTarget:
    to, authority = (entry.get("to"), entry.get("ca") or "") if isinstance(entry, dict) else (entry, "")
    target = _TARGET.fullmatch(str(to))
    if not target or not 0 < int(target[3]) < 65536:
        raise SeedError(f"{USER_DATA}: log target {to!r}: must be tcp://HOST:PORT or tls://HOST:PORT")
    if authority and "-----BEGIN CERTIFICATE-----" not in str(authority):
        raise SeedError(f"{USER_DATA}: 'ca' of log target {to!r}: must be a certificate in PEM")
    return LogTarget(target[2].strip("[]"), int(target[3]), target[1] == "tls", str(authority))


_USED = frozenset({"hostname", "ssh_authorized_keys", "ntp", "applianced"})
_USED_OWN = frozenset({"configuration", "log"})


def _ignored(user: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    return [f"{USER_DATA}: {key}" for key in user if key not in _USED] + [
        f"{USER_DATA}: applianced: {key}" for key in own if key not in _USED_OWN
    ]
