"""What the consoles show: the appliance's name, addresses, and the fingerprints by which an operator recognises it."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from struct import Struct

from applianced.image.places import Places

_SYSTEM = re.compile(r"\broot=PARTLABEL=system-([ab])\b")
_LENGTH = Struct(">I")
_MAGIC = b"openssh-key-v1\0"
_LARGEST_OCTETS = 1 << 16
_CLIP = 20
"""Lines of a problem that fit above a prompt."""


def banner(places: Places, version: str, host_name: str, *, answering: bool) -> str:
    """The text. answering: NETCONF answers."""
    lines = [f"applianced {version} on {host_name}{_system(places)}", ""]
    if answering:
        lines += ["NETCONF answers: ssh -p 830 -s admin@ADDRESS netconf"]
        lines += [f"  {name:20} {fingerprint}" for name, fingerprint in fingerprints(places)]
    elif places.seeded.exists():
        lines += ["NETCONF does not answer yet."]
    else:
        lines += ["Waiting for a seed: attach a disk labelled cidata with meta-data and user-data."]
    if places.problem.exists() and not _taken_over(places):
        problem = places.problem.read_text(errors="replace").splitlines()[:_CLIP]
        lines += ["".join(each if each.isprintable() else "?" for each in line) for line in problem]
    return "\n".join([*lines, ""])


def _system(places: Places) -> str:
    """Which of the two runs, where that can be told."""
    try:
        found = _SYSTEM.search(places.kernel_arguments.read_text())
    except OSError:
        return ""
    return f", system {found[1]}" if found else ""


def _taken_over(places: Places) -> bool:
    """Whether somebody has committed since the first start: what was wrong with the seed is no news then."""
    return places.commits.is_dir() and len(list(places.commits.glob("commit-*"))) > 1


def fingerprints(places: Places) -> Iterator[tuple[str, str]]:
    """Algorithm and SHA-256 fingerprint, as ssh shows it, of every host key."""
    for path in sorted(places.host_keys.glob("*[0-9]")) if places.host_keys.is_dir() else ():
        try:
            blob = _public(_content(path))
        except (OSError, ValueError):
            continue
        digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        yield _text(blob)[0].decode(errors="replace").removeprefix("ssh-"), f"SHA256:{digest}"


def _content(path: Path) -> bytes:
    """Of a small file in a directory that is not root's: nothing is followed, waited for or read without end.

    Raises OSError, ValueError.
    """
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError(f"{path} is no file")
        return file.read(_LARGEST_OCTETS)


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
