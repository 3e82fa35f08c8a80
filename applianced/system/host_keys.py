"""The server's own keys: made at first start, the same ever after."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

ALGORITHMS = ("ssh-ed25519", "ecdsa-sha2-nistp256")


def load_or_create(state_dir: Path, generate: Callable[[str], bytes]) -> list[Path]:
    """Files with a private key per algorithm. generate: algorithm -> the key in OpenSSH's form. Raises OSError."""
    directory = state_dir / "host-keys"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = [directory / algorithm for algorithm in ALGORITHMS]
    for algorithm, file in zip(ALGORITHMS, files, strict=True):
        if not file.exists():
            _write(file, generate(algorithm))
    return files


def _write(file: Path, key: bytes) -> None:
    temporary = file.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as stream:
        stream.write(key)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, file)
