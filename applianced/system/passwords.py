"""Passwords against crypt(3) hashes, by the system's libcrypt (yescrypt, SHA-512, ...), off the interpreter's lock."""

from __future__ import annotations

import ctypes
import hmac

PASSWORD_MAX = 512
"""Octets; libcrypt's own limit, and a bound on the work that a stranger can ask for."""
_DATA_SIZE = 32768
_crypt = ctypes.CDLL("libcrypt.so.1").crypt_rn
_crypt.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int]
_crypt.restype = ctypes.c_char_p

NOBODY_HASH = "$6$rounds=5000$applianced$"
"""Salt for users that do not exist, so that they take as long to refuse as those that do."""


def matches(password: str, hashed: str) -> bool:
    """Whether `password` has this hash; a hash that libcrypt does not know matches nothing."""
    raw = password.encode("utf-8", "surrogateescape")
    if len(raw) > PASSWORD_MAX or b"\0" in raw or not hashed.startswith("$"):
        return False
    computed = _crypt(raw, hashed.encode(), ctypes.create_string_buffer(_DATA_SIZE), _DATA_SIZE)
    return computed is not None and hmac.compare_digest(computed, hashed.encode())
