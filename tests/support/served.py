"""The management process with the real models, for clients that nobody here wrote."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
from ncclient import manager  # type: ignore[import-untyped]

from tests.support.shop import PASSWORD, PASSWORD_HASH

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "netns-ftp.json"
NETCONF = "urn:ietf:params:xml:ns:netconf:base:1.0"
APPLICATIONS = "urn:applianced:yang:applications"
SYSTEM = "urn:applianced:yang:system"
HOST = "127.0.0.1"
_PROGRAM = """
import asyncio, sys
from pathlib import Path
from applianced.netconf.ssh import listen
from tests.support.no_dataplane import NoDataplane
from applianced.supervisor.management import ManagementOptions, run_management
state_dir, config, key = (Path(argument) for argument in sys.argv[1:])
options = ManagementOptions(state_dir=state_dir, config=config, admin_key=key, port=0)
asyncio.run(run_management(options, [], NoDataplane(), listen=listen))
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A running management process. key: of the user admin, who has the password of tests.support.shop, too."""

    port: int
    key: Path
    directory: Path

    def connect(self, **options: Any) -> Any:
        """A session of ncclient's."""
        return manager.connect(
            host=HOST,
            port=self.port,
            username="admin",
            key_filename=str(self.key),
            hostkey_verify=False,
            look_for_keys=False,
            allow_agent=False,
            **options,
        )


def application(name: str, port: int, attributes: str = "") -> str:
    """One application as XML, without its container."""
    return (
        f"<application {attributes}><name>{name}</name><protocol>tcp</protocol>"
        f"<destination-port>{port}</destination-port></application>"
    )


def applications(inner: str) -> str:
    return f'<applications xmlns="{APPLICATIONS}" xmlns:nc="{NETCONF}">{inner}</applications>'


def config(inner: str) -> str:
    """What an <edit-config> takes."""
    return f'<config xmlns="{NETCONF}">{inner}</config>'


@contextmanager
def served(directory: Path, netconf: dict[str, Any] | None = None) -> Iterator[Served]:
    """netconf: what stands in `system services netconf`."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    private = directory / "admin"
    key.write_private_key(private)
    private.chmod(0o600)
    key.write_public_key(f"{private}.pub")
    first = directory / "first.json"
    loaded = json.loads(EXAMPLE.read_text())
    system = loaded.setdefault("applianced-system:system", {})
    secrets = {"encrypted-password": PASSWORD_HASH}
    system.setdefault("login", {})["user"] = [{"name": "admin", "authentication": secrets}]
    system["services"] = {"netconf": netconf or {}}
    first.write_text(json.dumps(loaded))
    command = [sys.executable, "-c", _PROGRAM, str(directory / "state"), str(first), f"{private}.pub"]
    log = directory / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            assert process.stdout
            ready = process.stdout.readline()
            assert ready.startswith("ready "), log.read_text()
            yield Served(int(ready.rpartition(":")[2]), private, directory)
        finally:
            process.kill()
            process.communicate()


__all__ = ["APPLICATIONS", "HOST", "NETCONF", "PASSWORD", "SYSTEM", "Served", "application", "applications", "config"]
