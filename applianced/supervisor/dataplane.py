"""The dataplane as management sees it: where its agent answers, and how it is started.

What runs it is watchdog.py, in a process of its own: management does not carry it in its memory.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from applianced.dataplane.channel import call
from applianced.dataplane.host import spawn
from applianced.errors import DataplaneError

START_S = 20.0
AWAITED_S = 60.0
"""It may be starting at the same time, on a slow machine."""
log = logging.getLogger("applianced.dataplane")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataplaneOptions:
    """namespace: name of ip-netns(8), "" for the one at hand. directory: files of the agent. workers: how many."""

    namespace: str
    directory: Path
    management_uid: int
    workers: int

    @property
    def socket_path(self) -> Path:
        return self.directory / "agent.sock"


def connect(options: DataplaneOptions) -> bool:
    """Whether an agent answers, for this namespace. Raises DataplaneError when it is another's."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(5)
        try:
            connection.connect(str(options.socket_path))
            answer = call(connection, {"op": "hello"})
        except OSError:
            return False
    if answer["namespace"] != options.namespace:
        raise DataplaneError(
            "dataplane agent",
            f"{options.directory} belongs to the running dataplane of namespace {answer['namespace']!r};"
            " use another --state-dir, or stop that one first",
        )
    return True


def await_dataplane(options: DataplaneOptions) -> None:
    """Return when the dataplane that somebody else starts answers. Raises DataplaneError when none does in time."""
    deadline = time.monotonic() + AWAITED_S
    while not connect(options):
        if time.monotonic() > deadline:
            message = f"nobody answers at {options.socket_path}; start 'applianced dataplane' with that directory first"
            raise DataplaneError("dataplane", message)
        time.sleep(0.02)


def start_dataplane(options: DataplaneOptions) -> int:
    """Start the dataplane of a namespace; its process id, or 0 for one that an earlier management left running.

    Raises DataplaneError.
    """
    if connect(options):
        log.warning("took up the dataplane that is running in %s", options.namespace or "this namespace")
        return 0
    pid = spawn(
        [
            sys.executable,
            "-m",
            "applianced",
            "dataplane",
            *(["--netns", options.namespace] if options.namespace else []),
            "--directory",
            str(options.directory),
            "--management-uid",
            str(options.management_uid),
            "--workers",
            str(options.workers),
        ]
    )
    deadline = time.monotonic() + START_S
    while not connect(options):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            raise DataplaneError(
                "dataplane", f"did not start (exit status {os.waitstatus_to_exitcode(status)}); it has said why"
            )
        if time.monotonic() > deadline:
            raise DataplaneError("dataplane", f"did not answer within {START_S:.0f} s")
        time.sleep(0.02)
    return pid
