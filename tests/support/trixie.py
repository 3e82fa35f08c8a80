"""Debian 13 in a directory: it has the strongSwan that Debian 12 lacks, whose ESP in user space can go without UDP.

Made once, by debootstrap from the mirror that apt is configured with, and kept under $XDG_CACHE_HOME/applianced (or
~/.cache/applianced). It is only read afterwards. Where it cannot be made, the test that needs it fails and says so.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from applianced.tools.namespaces import CommandError, run

SUITE = "trixie"
PACKAGES = (
    "iproute2",
    "libcharon-extauth-plugins",
    "libcharon-extra-plugins",
    "strongswan-charon",
    "strongswan-swanctl",
)
MAKING_S = 900


def trixie() -> Path:
    """The root of the other system. Raises CommandError when it cannot be made."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "applianced"
    cache.mkdir(parents=True, exist_ok=True)
    made = cache / f"{SUITE}-strongswan"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_dir():
            _make(made)
    return made


def _make(made: Path) -> None:
    under_way = made.with_name(made.name + ".under-way")
    shutil.rmtree(under_way, ignore_errors=True)
    included = f"--include={','.join(PACKAGES)}"
    command = ["debootstrap", "--variant=minbase", included, SUITE, str(under_way), _mirror()]
    try:
        run(command, timeout_s=MAKING_S)
    except CommandError as error:
        raise CommandError(f"Debian 13 for strongSwan cannot be made from the mirror of apt: {error}") from error
    under_way.rename(made)


def _mirror() -> str:
    """Where apt takes Debian's main packages from. Raises CommandError."""
    shown = "$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)"
    listed = run(["apt-get", "indextargets", "--format", shown, "Created-By: Packages"]).stdout
    for line in listed.splitlines():
        origin, label, component, uri = line.split("|")
        if (origin, label, component) == ("Debian", "Debian", "main"):
            return uri
    raise CommandError("apt knows no mirror of Debian: add one to its sources and run apt-get update")
