"""What the consoles show: the appliance's name, addresses, and the fingerprints by which an operator recognises it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from struct import Struct

from applianced.image.places import Places

_LENGTH = Struct(">I")
_MAGIC = b"openssh-key-v1\0"
_CLIP = 20
"""Lines of a problem that fit above a prompt."""


def banner(places: Places, version: str, host_name: str, *, answering: bool) -> str:
    """The text. answering: NETCONF answers."""
    lines = [f"applianced {version} on {host_name}", ""]
    if answering:
        lines += ["NETCONF answers: ssh -p 830 -s admin@ADDRESS netconf"]
        lines += [f"  {name:20} {fingerprint}" for name, fingerprint in fingerprints(places)]
    elif places.seeded.exists():
        lines += ["NETCONF does not answer yet."]
    else:
        lines += ["Waiting for a seed: attach a disk labelled cidata with meta-data and user-data."]
    if places.problem.exists():
        problem = places.problem.read_text(errors="replace").splitlines()[:_CLIP]
        lines += ["".join(each if each.isprintable() else "?" for each in line) for line in problem]
    return "\n".join([*lines, ""])


def fingerprints(places: Places) -> Iterator[tuple[str, str]]:
    """Algorithm and SHA-256 fingerprint, as ssh shows it, of every host key."""
    for path in sorted(places.host_keys.glob("*[0-9]")) if places.host_keys.is_dir() else ():
        try:
            blob = _public(path.read_bytes())
        except ValueError:
            continue
        digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        yield _text(blob)[0].decode(errors="replace").removeprefix("ssh-"), f"SHA256:{digest}"


def _public(content: bytes) -> bytes:
    """The public half of a private key in OpenSSH's format, which lies there in the clear. Raises ValueError."""
    lines = content.strip().splitlines()
    if not lines or lines[0] != b"-----BEGIN OPENSSH PRIVATE KEY-----":
        raise ValueError("no OpenSSH key")
    rest = base64.b64decode(b"".join(lines[1:-1]), validate=True)
    if not rest.startswith(_MAGIC):
        raise ValueError("no OpenSSH key")
    rest = rest[len(_MAGIC) :]
    for _ in ("cipher", "key derivation", "its options"):
        _, rest = _text(rest)
    return _text(rest[_LENGTH.size :])[0]


def _text(octets: bytes) -> tuple[bytes, bytes]:
    """A string of RFC 4251 5, and what follows it. Raises ValueError."""
    if len(octets) < _LENGTH.size:
        raise ValueError("cut short")
    (length,) = _LENGTH.unpack_from(octets)
    if len(octets) < _LENGTH.size + length:
        raise ValueError("cut short")
    return octets[_LENGTH.size : _LENGTH.size + length], octets[_LENGTH.size + length :]
