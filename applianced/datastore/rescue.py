"""The rescue configuration: one that is known to let the operator in, kept beside the commits and never pruned."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from applianced.datastore.sealed import BrokenSealError, seal, storage_errors, sync_directory, unseal, write_synced
from applianced.errors import ConfigError


class Saved(NamedTuple):
    """Who saved it and when, from which commit. time_s: wall clock. body: RFC 7951 JSON."""

    time_s: float
    user: str
    source: str
    number: int
    body: bytes


class Rescue:
    """The file, in the state directory."""

    def __init__(self, state_dir: Path, *, shown: Path | None = None) -> None:
        """shown: what messages call the state directory, where that is not `state_dir`."""
        self._directory = state_dir
        self._shown = shown or state_dir
        self._file = state_dir / "rescue.json"
        self.saved = self._found()
        """What is there, without its body; None when nothing that can be used is."""

    def save(self, saved: Saved) -> None:
        """Replace it, durably. Raises StorageError; then the one before is still there."""
        fields = {"time_s": saved.time_s, "user": saved.user, "source": saved.source, "number": saved.number}
        temporary = self._file.with_suffix(".tmp")
        with storage_errors(self._shown, "the rescue configuration"):
            write_synced(temporary, seal(fields, saved.body))
            os.replace(temporary, self._file)
            sync_directory(self._directory)
        self.saved = saved._replace(body=b"")

    def load(self) -> Saved:
        """Raises ConfigError when there is none, or it is torn."""
        try:
            fields, body = unseal(self._file.read_bytes())
            return Saved(body=body, **fields)
        except FileNotFoundError:
            message = "there is no rescue configuration: save one with <save-rescue>"
            raise ConfigError("", message, tag="data-missing", app_tag="no-rescue") from None
        except (OSError, BrokenSealError, TypeError) as error:
            message = f"the rescue configuration cannot be used ({error}): save it anew with <save-rescue>"
            raise ConfigError("", message, tag="operation-failed") from None

    def delete(self) -> None:
        """Raises ConfigError when there is none, StorageError."""
        with storage_errors(self._shown, "the deletion of the rescue configuration"):
            try:
                self._file.unlink()
            except FileNotFoundError:
                message = "there is no rescue configuration: nothing was deleted"
                raise ConfigError("", message, tag="data-missing", app_tag="no-rescue") from None
            self.saved = None
            sync_directory(self._directory)

    def _found(self) -> Saved | None:
        try:
            return self.load()._replace(body=b"")
        except ConfigError:
            return None
