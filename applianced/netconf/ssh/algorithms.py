"""What the two ends may agree on: nothing that rests on SHA-1, MD5, CBC, DSA or small groups (RFC 8332, 9142).

The order is the server's; the client's counts (RFC 4253 7.1). Groups of more than 2048 bits are left out: with them one
stranger's key exchange would hold up every session for tens of milliseconds. So is chacha20-poly1305, which clients
prefer: the library makes several contexts of it for each packet, and a short request takes a fifth longer. With a peer
that does not know strict key exchange its first packets can also be cut off unnoticed (CVE-2023-48795).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import asyncssh
from asyncssh.kex import get_kex_algs

from applianced.config.logins import KEY_TYPES

_KEX = (
    "mlkem768x25519-sha256 curve25519-sha256 curve25519-sha256@libssh.org ecdh-sha2-nistp256 ecdh-sha2-nistp384"
    " ecdh-sha2-nistp521 diffie-hellman-group14-sha256"
)
_CIPHERS = "aes256-gcm@openssh.com aes128-gcm@openssh.com aes256-ctr aes192-ctr aes128-ctr"
_MACS = "hmac-sha2-256-etm@openssh.com hmac-sha2-512-etm@openssh.com hmac-sha2-256 hmac-sha2-512"
_SIGNATURES = "ssh-ed25519 ecdsa-sha2-nistp256 ecdsa-sha2-nistp384 ecdsa-sha2-nistp521 rsa-sha2-512 rsa-sha2-256"
OFFERED: dict[str, Any] = {
    # ML-KEM is there only with a cryptography library that has it.
    "kex_algs": [name for name in _KEX.split() if name.encode() in get_kex_algs()],
    "encryption_algs": _CIPHERS.split(),
    "mac_algs": _MACS.split(),
    "compression_algs": ["none"],
    "signature_algs": _SIGNATURES.split(),
}
"""Arguments of the SSH library: key exchange, ciphers, integrity, and what a user may sign with (server-sig-algs,
RFC 8308 3.1)."""


def outdated(key: asyncssh.SSHKey) -> str:
    """Why a key of this type lets nobody in, "" when it may."""
    kind = key.get_algorithm()
    return "" if kind in KEY_TYPES else f"keys of type {kind} are not accepted"


def watch_signature(key: asyncssh.SSHKey, refused: Callable[[str], None]) -> None:
    """Make the key refuse outdated signatures, and tell why it refuses one. The library does neither."""
    verify = key.verify

    def judged(data: bytes, signature: bytes) -> bool:
        algorithm = _algorithm(signature)
        if algorithm == b"ssh-rsa":
            refused("signed with ssh-rsa, which is SHA-1: the client must use rsa-sha2-256 or rsa-sha2-512")
            return False
        if not verify(data, signature):
            refused(f"the {algorithm.decode(errors='replace')} signature is wrong")
            return False
        return True

    key.verify = judged  # type: ignore[method-assign, assignment]


def _algorithm(signature: bytes) -> bytes:
    """The first string of a signature (RFC 4253 6.6)."""
    return signature[4 : 4 + int.from_bytes(signature[:4])][:64]


@lru_cache(maxsize=1024)
def public_data(line: str) -> bytes:
    """The key of an OpenSSH line, b"" when it cannot be read."""
    try:
        return asyncssh.import_public_key(line).public_data
    except (asyncssh.KeyImportError, ValueError):
        return b""
