"""Debian systems in directories, made once by debootstrap from the mirror that apt is configured with, and kept under
$XDG_CACHE_HOME/applianced (or ~/.cache/applianced). They are only read afterwards."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from applianced.tools.namespaces import CommandError, run

MAKING_S = 900


def cache() -> Path:
    """Where what takes long to make is kept."""
    found = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "applianced"
    found.mkdir(parents=True, exist_ok=True)
    return found


def debian(suite: str, name: str, packages: Sequence[str]) -> Path:
    """The root of a minimal system with these packages. Raises CommandError when it cannot be made."""
    made = cache() / f"{suite}-{name}"
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_dir():
            _make(suite, made, packages)
    return made


def _make(suite: str, made: Path, packages: Sequence[str]) -> None:
    under_way = made.with_name(made.name + ".under-way")
    shutil.rmtree(under_way, ignore_errors=True)
    included = f"--include={','.join(packages)}"
    command = ["debootstrap", "--variant=minbase", included, suite, str(under_way), mirror()]
    try:
        run(command, timeout_s=MAKING_S)
    except CommandError as error:
        raise CommandError(f"Debian {suite} cannot be made from the mirror of apt: {error}") from error
    under_way.rename(made)


def mirror() -> str:
    """Where apt takes Debian's main packages from. Raises CommandError."""
    shown = "$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)"
    listed = run(["apt-get", "indextargets", "--format", shown, "Created-By: Packages"]).stdout
    for line in listed.splitlines():
        origin, label, component, uri = line.split("|")
        if (origin, label, component) == ("Debian", "Debian", "main"):
            return uri
    raise CommandError("apt knows no mirror of Debian: add one to its sources and run apt-get update")
