"""Commands and files of the host. The only module that starts processes.

Commands are argument lists with a time limit; what they say on stderr is in the exception.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from applianced.errors import DataplaneError

TIMEOUT_S = 60.0


def run(arguments: Sequence[str], *, stdin: str | None = None, timeout_s: float = TIMEOUT_S) -> str:
    """Run a command to its end; its stdout. Raises DataplaneError with its stderr."""
    try:
        done = subprocess.run(
            list(arguments), input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DataplaneError(" ".join(arguments), str(error)) from error
    if done.returncode:
        raise DataplaneError(" ".join(arguments), done.stderr.strip() or f"exit status {done.returncode}")
    return done.stdout


def spawn(arguments: Sequence[str], *, keep: Sequence[int] = ()) -> int:
    """Start a process in a session of its own, so that it outlives this one; its process id.

    keep: file descriptors that it inherits.
    """
    process = subprocess.Popen(
        list(arguments), pass_fds=tuple(keep), start_new_session=True, stdin=subprocess.DEVNULL, close_fds=True
    )
    return process.pid


def keep(file: Path, value: Any) -> None:
    """Put a value (JSON's types) into a file, whole or not at all. Raises DataplaneError."""
    fresh = file.with_suffix(".new")
    try:
        fresh.write_text(json.dumps(value), encoding="utf-8")
        os.replace(fresh, file)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise DataplaneError(str(file), str(error.strerror)) from error


def kept(file: Path) -> Any:
    """What `keep` put there; None when there is nothing to be read."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def read(path: str) -> str:
    """A small file of /proc or /sys, stripped."""
    return Path(path).read_text(encoding="ascii").strip()


def write(path: str, value: str) -> None:
    """Set a sysctl. Raises DataplaneError."""
    try:
        Path(path).write_text(value, encoding="ascii")
    except OSError as error:
        raise DataplaneError(path, str(error)) from error
