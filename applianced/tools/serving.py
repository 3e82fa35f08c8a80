"""Start `applianced serve` over a namespace, wait until its configuration is in force, and stop it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncssh

READY = "ready netconf="
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0


class ServingError(RuntimeError):
    """The appliance did not come up, or would not end; the text holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A running appliance. process_id: of management. log: what it and its children printed."""

    process_id: int
    host: str
    port: int
    log: Path

    @property
    def alive(self) -> bool:
        return alive(self.process_id)


def make_admin_key(directory: Path) -> Path:
    """A new SSH key pair `admin` and `admin.pub` in `directory`; returns the private one's path."""
    key = asyncssh.generate_private_key("ssh-ed25519", comment="lab")
    private = directory / "admin"
    key.write_private_key(private)
    private.chmod(0o600)
    key.write_public_key(directory / "admin.pub")
    return private


def serve(
    *,
    namespace: str,
    configuration: Path,
    directory: Path,
    key: Path,
    host: str = "127.0.0.1",
    port: int = 0,
    command: Sequence[str] = (),
) -> Serving:
    """Start the appliance on `namespace` ("": management alone) and return when it says that it is ready.

    directory: holds its state and its log; state of an earlier run in it is taken up again.
    port: 0 chooses a free one. command: what to run instead of the console script. Raises ServingError.
    """
    log = directory / "serve.log"
    chosen = port or free_port(host)
    argv = [*(command or [str(Path(sys.executable).with_name("applianced"))]), "serve"]
    argv += ["--netns", namespace] if namespace else ["--dataplane", "none"]
    argv += ["--config", str(configuration), "--state-dir", str(directory / "state")]
    argv += ["--listen", f"{host}:{chosen}", "--admin-key", str(key.with_name(f"{key.name}.pub"))]
    with log.open("ab") as output:
        start = output.tell()
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    while (ready := ready_address(log, start)) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            if process.poll() is None:
                end(process.pid)
            raise ServingError(f"{' '.join(argv)} is not ready, status {process.poll()}\n{tail(log, start)}")
        time.sleep(0.02)
    return Serving(process.pid, *ready, log)


def ready_address(log: Path, start: int = 0) -> tuple[str, int] | None:
    """Host and port of the ready line that was printed after `start` octets of the log; None: not yet there."""
    for line in tail(log, start).splitlines():
        if line.startswith(READY) and ":" in line:
            host, _, port = line.removeprefix(READY).strip().rpartition(":")
            return host.strip("[]"), int(port)
    return None


def tail(log: Path, start: int = 0) -> str:
    with log.open("rb") as file:
        file.seek(start)
        return file.read().decode(errors="replace")


def free_port(host: str) -> int:
    """A TCP port that nobody listens on now."""
    with socket.create_server((host, 0)) as server:
        port: int = server.getsockname()[1]
    return port


def stop(serving: Serving) -> None:
    """End the appliance by SIGTERM, as its users do. Raises ServingError when it would not end by itself."""
    if not end(serving.process_id):
        raise ServingError(f"the appliance did not end on SIGTERM\n{tail(serving.log)[-4000:]}")


def end(process_id: int, timeout_s: float = STOP_TIMEOUT_S) -> bool:
    """Ask a process to end and wait; after timeout_s kill it, with its session. True: it ended by itself."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process_id, signal.SIGTERM)
    deadline = time.monotonic() + timeout_s
    while alive(process_id):
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process_id, signal.SIGKILL)
            return False
        time.sleep(0.02)
    return True


def alive(process_id: int) -> bool:
    """Whether a process runs; one that has ended is reaped when it is our child."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process_id, os.WNOHANG)
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
