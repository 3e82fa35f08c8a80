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


def banner(places: Places, version: str, *, answering: bool) -> str:
    r"""The text, with agetty(8)'s escapes for what changes: \n the host's name, \4{management} an address."""
    lines = ["", f"applianced {version} on \\n", ""]
    if answering:
        lines += [r"NETCONF: ssh -p 830 -s admin@\4{management} netconf"]
        lines += [f"  {name:8} {fingerprint}" for name, fingerprint in fingerprints(places)]
    elif places.seeded.exists():
        lines += ["NETCONF does not answer yet."]
    else:
        lines += ["Waiting for a seed: attach a disk labelled cidata with meta-data and user-data (docs/image.md)."]
    lines += [rf"{name + ':':12} \4{{{name}}} \6{{{name}}}" for name in ("management", "inside", "outside")]
    if places.problem.exists():
        lines += ["", *(_plain(line) for line in places.problem.read_text(errors="replace").splitlines()[:_CLIP])]
    return "\n".join([*lines, "", ""])


def fingerprints(places: Places) -> Iterator[tuple[str, str]]:
    """Algorithm and SHA-256 fingerprint, as ssh shows it, of every host key."""
    for path in sorted(places.host_keys.glob("*[0-9]")) if places.host_keys.is_dir() else ():
        try:
            blob = _public(path.read_bytes())
        except ValueError:
            continue
        digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        yield _text(blob)[0].decode(errors="replace").removeprefix("ssh-"), f"SHA256:{digest}"


def _plain(line: str) -> str:
    """Without agetty's escapes."""
    return line.replace("\\", "\\\\")


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
