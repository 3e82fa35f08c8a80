"""Runs modules of the collection in this process, against a real appliance, over the collection's own session."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible.module_utils import basic

COLLECTIONS = Path(__file__).parents[2] / "collections"
COLLECTION = COLLECTIONS / "ansible_collections" / "applianced" / "appliance"
if str(COLLECTIONS) not in sys.path:
    # Where Python looks for parts of the namespace package ansible_collections.
    sys.path.insert(0, str(COLLECTIONS))
MODULES = "ansible_collections.applianced.appliance.plugins.modules"

from ansible_collections.applianced.appliance.plugins.connection.netconf import Pipe  # noqa: E402
from ansible_collections.applianced.appliance.plugins.module_utils.device import Direct  # noqa: E402
from ansible_collections.applianced.appliance.plugins.module_utils.session import Session  # noqa: E402
from tests.support.served import HOST, Served  # noqa: E402


class OneSession:
    """What the connection plugin offers to modules. sent: every operation, for tests of what is asked."""

    def __init__(self, server: Served, user: str = "admin") -> None:
        self._user = user
        self._port = server.port
        command = ["ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        command += ["-o", "IdentitiesOnly=yes", "-i", str(server.key), "-p", str(server.port), "-l", user]
        self.process = subprocess.Popen(
            [*command, "-s", "--", HOST, "netconf"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        pipe = Pipe(self.process, 30)
        self.session = Session(pipe.recv, pipe.send_all)
        self.sent: list[str] = []

    def exchange(self, operations: list[str]) -> list[str]:
        self.sent += operations
        replies: list[str] = self.session.exchange(operations)
        return replies

    def peer(self) -> str:
        return f"{self._user}@{HOST}:{self._port}"

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


class Controller:
    """An operator with a session and a cache of his own."""

    def __init__(self, server: Served, cache: Path | None) -> None:
        self.connection = OneSession(server)
        self._cache = cache

    def run(self, module: str, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
        """The result of a module, failed ones included."""
        imported = importlib.import_module(f"{MODULES}.{module}")
        if any(said in Path(str(imported.__file__)).read_text() for said in ("resource_spec", "CHANGE")):
            arguments.setdefault("cache_path", str(self._cache) if self._cache else "")
        internal = {"_ansible_check_mode": check, "_ansible_diff": True, "_ansible_remote_tmp": "/nonexistent"}
        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": {**arguments, **internal}}).encode()
        basic._ANSIBLE_PROFILE = "legacy"
        printed = io.StringIO()
        Direct.connection = self.connection
        try:
            with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
                imported.main()
        finally:
            Direct.connection = None
        result: dict[str, Any] = json.loads(printed.getvalue())
        return result

    def ok(self, module: str, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
        """The result of a module that must not fail."""
        result = self.run(module, check=check, **arguments)
        assert not result.get("failed"), json.dumps(result, indent=1)[:3000]
        return result

    def close(self) -> None:
        self.connection.close()


@contextmanager
def controller(server: Served, cache: Path | None = None) -> Iterator[Controller]:
    """cache: folder of what it remembers, None to remember nothing."""
    opened = Controller(server, cache)
    try:
        yield opened
    finally:
        opened.close()
