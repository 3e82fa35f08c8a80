"""QEMU's machine protocol, QMP, over the socket `monitor` of a machine's directory.

https://www.qemu.org/docs/master/interop/qmp-spec.html
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from applianced.tools.namespaces import CommandError


class Monitor:
    """An open conversation; QEMU holds one at a time."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines = connection.makefile("rb")
        self._answer()
        self.ask("qmp_capabilities")

    def ask(self, command: str, **arguments: Any) -> Any:
        """What a command returns; `_` of an argument's name stands for `-`. Raises CommandError, OSError."""
        given = {name.replace("_", "-"): value for name, value in arguments.items()}
        self._connection.sendall(json.dumps({"execute": command, "arguments": given}).encode())
        answer = self._answer()
        if "error" in answer:
            raise CommandError(f"QEMU refuses {command}: {answer['error'].get('desc')}")
        return answer["return"]

    def shows(self, line: str) -> str:
        """What the monitor for people shows. Raises CommandError, OSError."""
        return str(self.ask("human-monitor-command", command_line=line)).replace("\r", "")

    def _answer(self) -> dict[str, Any]:
        while line := self._lines.readline():
            said: dict[str, Any] = json.loads(line)
            if "event" not in said:
                return said
        raise ConnectionError("QEMU has closed its monitor")


@contextmanager
def monitor(directory: Path, timeout_s: float = 5.0) -> Iterator[Monitor]:
    """The monitor of the machine whose files lie in a directory. Raises CommandError, OSError."""
    folder = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_s)
            # Its own path may be longer than the kernel takes.
            connection.connect(f"/proc/self/fd/{folder}/monitor")
            yield Monitor(connection)
    finally:
        os.close(folder)
