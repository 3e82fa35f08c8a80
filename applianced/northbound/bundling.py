"""What a support bundle holds: texts by file name, bounded, and without a secret."""

from __future__ import annotations

import json
import platform
import resource
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from applianced import __version__
from applianced.datastore.persist import Commit
from applianced.datastore.secrets import Scrubber, Secrets
from applianced.northbound.bundles import CONTENT_MAX
from applianced.northbound.recording import Author
from applianced.northbound.state import timestamp
from applianced.recentlog import recent

LIST_MAX = 1000
"""Entries of a list of the state."""
FILE_MAX = 8 << 20
"""Characters of one file."""
_LIBRARIES = ("asyncssh", "cryptography", "lxml", "libyang", "NetfilterQueue")


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "unknown"


_VERSIONS = {name: _version(name) for name in _LIBRARIES}
"""Read at start: later, management may not read where it was installed."""
_README = """\
What an appliance knew about itself when this was made. Secrets are replaced by [removed]: password hashes, whatever the
models guard with nacm:default-deny-all, private keys, passwords in URLs. Lists of the state are cut after {list_max}
entries. What could not be had is in missing.txt.

versions.json         the program, its libraries, the machine; who asked for this
configuration.json    what is in force (RFC 7951)
commits.json          who committed when, from where, with what comment
state.json            what <get> shows beside the configuration, counters included
limits.json           limits of the process, room on the disk
logs/                 the last lines of the logs, and the ends of trace files
kernel/               nftables, connection tracking, versions and sysctls as the dataplane sees them
"""


class Known(NamedTuple):
    """What whoever makes a bundle knows. configuration: RFC 7951 JSON values. state: parts of it that add up. files:
    further texts by name; missing: what could not be had, and why."""

    configuration: Mapping[str, Any]
    commits: Sequence[Commit]
    state: Iterable[Mapping[str, Any]]
    files: Mapping[str, str]
    missing: Sequence[str]


class Content(NamedTuple):
    """files: texts by name. missing: what could not be had, and why."""

    files: dict[str, str]
    missing: list[str]


def content(secrets: Secrets, known: Known, state_dir: Path, author: Author) -> Content:
    """The files of a bundle. It takes some time: run it off the event loop."""
    (configuration, values), *state = map(secrets.removed, (known.configuration, *known.state))
    scrubber = Scrubber(values.union(*(more for _, more in state)))
    texts = {
        "README.txt": _README.format(list_max=LIST_MAX),
        "versions.json": _json(_versions(author)),
        "configuration.json": _json(configuration),
        "commits.json": _json([_commit(commit) for commit in known.commits]),
        "state.json": _json([shortened(part) for part, _ in state]),
        "limits.json": _json(_limits(state_dir)),
        **known.files,
    }
    missing = [scrubber.clean(each) for each in known.missing]
    files: dict[str, str] = {}
    room = CONTENT_MAX
    for name, text in texts.items():
        cleaned = _cut(scrubber.clean(text))
        room -= len(cleaned.encode("utf-8", "backslashreplace"))
        if room < 0:
            missing.append(f"{name}: the bundle is full")
            break
        files[name] = cleaned
    files["missing.txt"] = "".join(f"{each}\n" for each in missing)
    return Content(files, missing)


def own_log() -> Mapping[str, str]:
    """The log of this process, as a file of a bundle."""
    return {"logs/management.log": recent()}


def shortened(value: Any) -> Any:
    """JSON values with long lists cut; what was left out is said in their place."""
    if isinstance(value, Mapping):
        return {name: shortened(each) for name, each in value.items()}
    if isinstance(value, list):
        kept = [shortened(each) for each in value[:LIST_MAX]]
        return [*kept, f"{len(value) - LIST_MAX} more"] if len(value) > LIST_MAX else kept
    return value


def _cut(text: str) -> str:
    if len(text) <= FILE_MAX:
        return text
    return f"{text[:FILE_MAX]}\n[{len(text) - FILE_MAX} characters left out]\n"


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _versions(author: Author) -> Mapping[str, Any]:
    uname = platform.uname()
    return {
        "applianced": __version__,
        "python": sys.version,
        "libraries": _VERSIONS,
        "kernel": f"{uname.system} {uname.release} {uname.version}",
        "machine": uname.machine,
        "made-by": asdict(author),
    }


def _commit(commit: Commit) -> Mapping[str, Any]:
    return {**asdict(commit), "time": timestamp(commit.time_s)}


def _limits(state_dir: Path) -> Mapping[str, Any]:
    names = {name: getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
    total, used, free = shutil.disk_usage(state_dir)
    return {
        "process": {name: resource.getrlimit(number) for name, number in names.items()},
        "max-rss-octets": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "state-directory": {"total": total, "used": used, "free": free},
    }
