"""`applianced support-bundle`: a bundle made on the appliance's own command line, whether or not management runs.

The configuration is that of the newest commit on disk; the rest is what the dataplane's agent tells, when one answers.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from applianced.dataplane.participant import AgentClient
from applianced.datastore.models import load_models
from applianced.datastore.persist import CommitLog, CorruptCommitError
from applianced.datastore.sealed import storage_errors
from applianced.datastore.secrets import Secrets
from applianced.errors import ApplianceError, ConfigError
from applianced.northbound.building import builder
from applianced.northbound.bundles import bundle_stem, write_bundle
from applianced.northbound.bundling import Content, Known, content
from applianced.northbound.recording import Author
from applianced.supervisor.operational import DataplaneState, PlanMemory
from applianced.supervisor.operations import MODULE

_SOCKET = Path("dataplane") / "agent.sock"
_OWN_LOG = "logs/management.log: only a running management has it, and puts it into a bundle of make-support-bundle"


class _Told(NamedTuple):
    """What the agent tells."""

    state: Sequence[Mapping[str, Any]]
    files: Mapping[str, str]
    missing: Sequence[str]


def make_bundle(state_dir: Path, output: Path | None) -> tuple[Path, Content]:
    """Write a bundle; where it is, and what it holds. output: the file to write, which must not be there; None for one
    in the current directory. Raises ConfigError, StorageError."""
    stem = bundle_stem()
    path = (output or Path(f"{stem}.tar.gz")).absolute()
    with storage_errors(state_dir):
        # The path to the agent's socket may be too long for the kernel: stand in the directory.
        os.chdir(state_dir)
    log = CommitLog.looked_at(Path())
    try:
        made = _content(log, state_dir)
    finally:
        log.close()
    with storage_errors(path):
        write_bundle(path, stem, made.files)
    return path, made


def _content(log: CommitLog, shown: Path) -> Content:
    body, missing = b"", [_OWN_LOG]
    for number in log.by_trust(log.under_way()):
        try:
            _, body = log.read(number)
            break
        except CorruptCommitError as error:
            missing.append(f"configuration.json: {error}")
    if not body:
        raise ConfigError("", f"{shown} holds no commit that can be read: give the --state-dir of 'applianced serve'")
    configuration: dict[str, Any] = json.loads(body)
    told = asyncio.run(_told(configuration))
    known = Known(configuration, log.history(), told.state, told.files, [*missing, *told.missing])
    return content(Secrets(load_models()), known, Path(), Author(getpass.getuser(), "command line"))


async def _told(configuration: Mapping[str, Any]) -> _Told:
    agent, memory = AgentClient(_SOCKET), PlanMemory()
    try:
        workers = int((await agent.call("hello"))["workers"])
        memory.plan = builder(workers)(configuration, None).plan
        provider = DataplaneState(agent, memory)
        state = await provider.state()
        told = await provider.act(f"{MODULE}:diagnose", {})
    except ApplianceError as error:
        return _Told((), {}, [f"state.json, kernel, dataplane: {error}"])
    return _Told([state], told["files"], told["missing"])
