"""The server's own keys: made at first start, the same ever after."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from applianced.errors import ConfigError

_LOG = logging.getLogger(__name__)
ALGORITHMS = ("ssh-ed25519", "ecdsa-sha2-nistp256")


def load_or_create(
    state_dir: Path,
    generate: Callable[[str], bytes],
    usable: Callable[[bytes], bool],
    shown_dir: Path | None = None,
) -> list[Path]:
    """Files with a private key per algorithm. generate: algorithm -> the key in OpenSSH's form.

    usable: whether octets are a private key. A file that a power cut left empty is replaced, with a warning; one that
    holds anything else than a key is not touched. shown_dir: what messages call `state_dir`. Raises ConfigError,
    OSError.
    """
    directory = state_dir / "host-keys"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = [directory / algorithm for algorithm in ALGORITHMS]
    for algorithm, file in zip(ALGORITHMS, files, strict=True):
        content, shown = _read(file), (shown_dir or state_dir) / "host-keys" / algorithm
        if content is not None and content.strip(b"\0 \t\r\n"):
            if not usable(content):
                message = (
                    f"the host key {shown} is damaged: put it back from a copy, or remove the file, and a new key is"
                    " made, of which every client will warn"
                )
                raise ConfigError("", message, tag="operation-failed")
            continue
        if content is not None:
            aside = file.with_suffix(".empty")
            os.replace(file, aside)
            text = "the host key %s was empty and is now %s: A NEW HOST KEY IS MADE, clients will say that it changed"
            _LOG.warning(text, shown, aside.name)
        try:
            _write(file, generate(algorithm))
        except OSError as error:
            message = (
                f"cannot write the host key {shown}: {error.strerror}; free space there or mend it, then start again"
            )
            raise ConfigError("", message, tag="resource-denied") from error
    return files


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def _write(file: Path, key: bytes) -> None:
    """Durably: after a power cut the whole key is there, or none."""
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
