"""The server's own keys in the state directory: made when they are first needed, the same until they are replaced."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

Generate = Callable[[str], bytes]
"""Algorithm -> a new private key in OpenSSH's form."""


def load_or_create(state_dir: Path, algorithm: str, generate: Generate) -> bytes:
    """The private key of an algorithm. Raises OSError."""
    file = _file(state_dir, algorithm)
    return file.read_bytes() if file.exists() else replace(state_dir, algorithm, generate)


def replace(state_dir: Path, algorithm: str, generate: Generate) -> bytes:
    """Make a new private key and forget the old one. Raises OSError; the old one stays then."""
    file, key = _file(state_dir, algorithm), generate(algorithm)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = file.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as stream:
        stream.write(key)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, file)
    directory = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return key


def set_aside(state_dir: Path, algorithm: str) -> Path:
    """Keep a key that cannot be used, under a name of its own, which is returned. Raises OSError."""
    file = _file(state_dir, algorithm)
    return file.replace(file.with_suffix(".damaged"))


def made_at(state_dir: Path, algorithm: str) -> float:
    """Wall clock time of the key. Raises OSError."""
    return _file(state_dir, algorithm).stat().st_mtime


def _file(state_dir: Path, algorithm: str) -> Path:
    return state_dir / "host-keys" / algorithm
