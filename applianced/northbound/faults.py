"""What an error of management is to whoever asked."""

from __future__ import annotations

from applianced.datastore.sealed import StorageError
from applianced.errors import ApplianceError, ConfigError, DataplaneError
from applianced.northbound.transaction import CommitError


def said(error: ApplianceError) -> list[ConfigError]:
    """Every fault that an error stands for, in the form that a protocol reports."""
    if isinstance(error, CommitError) and isinstance(error.cause, ConfigError):
        return [error.cause]
    if isinstance(error, ConfigError):
        return list(getattr(error, "errors", None) or [error])
    cause = error.cause if isinstance(error, CommitError) else error
    path = cause.path if isinstance(cause, DataplaneError) else ""
    tag = "resource-denied" if isinstance(cause, StorageError) else "operation-failed"
    return [ConfigError(path, str(error), tag=tag)]
