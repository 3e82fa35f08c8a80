"""A configuration in a file that shows whether it is whole: a line of JSON (with the length and SHA-256 of the rest),
then the configuration as RFC 7951 JSON; and the ways in which such files reach a disk durably."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from applianced.errors import ApplianceError


class StorageError(ApplianceError):
    """The state directory cannot be used: full, read-only, broken, taken. message: says what to do."""


class BrokenSealError(Exception):
    """The file is torn or altered; the message says which."""


def seal(fields: Mapping[str, Any], body: bytes) -> bytes:
    """The file's content. fields: what the first line says besides."""
    header = {**fields, "length": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    return json.dumps(header).encode() + b"\n" + body


def unseal(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The fields and the configuration. Raises BrokenSealError."""
    header, _, body = content.partition(b"\n")
    try:
        fields = json.loads(header)
        length, digest = fields.pop("length"), fields.pop("sha256")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenSealError(f"cannot be read: {error}") from None
    if length != len(body) or digest != hashlib.sha256(body).hexdigest():
        raise BrokenSealError("is torn or was altered: its checksum does not match")
    return fields, body


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on disk; the directory is not synced. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_directory(directory: Path) -> None:
    """Wait until the names in a directory are on disk. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def storage_errors(directory: Path, what: str = "the commit") -> Iterator[None]:
    """Turn OSError into StorageError."""
    try:
        yield
    except OSError as error:
        message = f"cannot store {what} in {directory}: {error.strerror}: free space there or mend it, then retry"
        raise StorageError(message) from error
