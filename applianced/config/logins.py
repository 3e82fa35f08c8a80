"""Who can log in, and which public keys the server can use (RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4).

Rule: nothing here performs I/O.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from applianced.config.nacm import SUPER_USER
from applianced.config.schema import Config, User
from applianced.errors import ConfigError

LOGIN = "/applianced-system:system/login"
KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
"""What the server accepts."""
RSA_BITS = (2048, 16384)
"""Smallest and largest modulus."""
_COORDINATE_OCTETS = {"nistp256": 32, "nistp384": 48, "nistp521": 66}


def key_fault(line: str) -> str:
    """Why an OpenSSH public key line cannot be used, "" when it can."""
    kind, _, rest = line.strip().partition(" ")
    if kind not in KEY_TYPES:
        return f"keys of type '{kind}' are not accepted; use one of {', '.join(KEY_TYPES)}"
    encoded = rest.split(maxsplit=1)
    try:
        fields = _fields(base64.b64decode(encoded[0] if encoded else "", validate=True))
    except (binascii.Error, ValueError):
        fields = []
    if not fields or fields[0] != kind.encode():
        return f"this is no {kind} key: copy the whole line of the .pub file that ssh-keygen made"
    if kind == "ssh-rsa" and len(fields) == 3 and int.from_bytes(fields[2]).bit_length() < RSA_BITS[0]:
        return f"RSA keys of fewer than {RSA_BITS[0]} bits are not accepted: make an ed25519 key"
    return "" if _holds(kind, fields[1:]) else f"the key is damaged: no {kind} key has such contents; copy it again"


def _fields(blob: bytes) -> list[bytes]:
    """The length-prefixed strings (RFC 4251 5) that a key consists of. Raises ValueError."""
    fields, at = [], 0
    while at < len(blob):
        size = int.from_bytes(blob[at : at + 4])
        at += 4 + size
        if at > len(blob):
            raise ValueError("a field is longer than the key")
        fields.append(blob[at - size : at])
    return fields


def _holds(kind: str, fields: list[bytes]) -> bool:
    """Whether the fields after the type are those of such a key."""
    if kind == "ssh-ed25519":
        return [len(field) for field in fields] == [32]
    if len(fields) != 2:
        return False
    if kind == "ssh-rsa":
        exponent, modulus = (int.from_bytes(field, signed=True) for field in fields)
        return exponent > 2 and exponent % 2 == 1 and RSA_BITS[0] <= modulus.bit_length() <= RSA_BITS[1] and modulus > 0
    curve, point = fields
    name = kind.rpartition("-")[2]
    return curve == name.encode() and point[:1] == b"\x04" and len(point) == 1 + 2 * _COORDINATE_OCTETS[name]


def can_log_in(user: User) -> bool:
    """He has a password, or a key that the server can use."""
    return bool(user.password) or any(not key_fault(key) for key in user.keys)


def can_mend(user: User) -> bool:
    """He can log in, and no rule of access control keeps him from changing anything."""
    return user.login_class == SUPER_USER and can_log_in(user)


def anybody(config: Config) -> bool:
    """Somebody can log in who may change everything."""
    return any(map(can_mend, config.system.users.values()))


def require_login(config: Config) -> None:
    """Raises ConfigError when nobody could log in any more who may mend this."""
    if not any(map(can_log_in, config.system.users.values())):
        message = (
            "nobody could log in any more; leave at least one user an 'encrypted-password' or an 'ssh-public-key' "
            f"({', '.join(KEY_TYPES)}) under login user NAME authentication, and 'class {SUPER_USER}'"
        )
        raise ConfigError(LOGIN, message, tag="operation-failed", app_tag="nobody-can-log-in")
    if not anybody(config):
        message = (
            f"no {SUPER_USER} could log in any more, and nobody else can be sure to be able to mend that; leave "
            f"'class {SUPER_USER}' under login user NAME for at least one user who has a password or a key"
        )
        raise ConfigError(LOGIN, message, tag="operation-failed", app_tag="nobody-can-log-in")


def unusable_keys(config: Config) -> Iterator[ConfigError]:
    """A key that cannot be used lets nobody in, and says so to nobody."""
    for user in config.system.users.values():
        for key in user.keys:
            if fault := key_fault(key):
                where = f"{LOGIN}/user[name='{user.name}']/authentication/ssh-public-key[.={_quoted(key)}]"
                yield ConfigError(where, fault)


def _quoted(text: str) -> str:
    """An XPath literal; of both quotes in one comment the double ones are dropped."""
    return f"'{text}'" if "'" not in text else '"' + text.replace('"', "") + '"'
