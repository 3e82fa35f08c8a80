"""A persistent confirmed commit that is under way (RFC 6241 8.4.1), so that it outlives a restart of the daemon.

A start of the machine does not know of it: what was not confirmed is rolled back then, as the RFC demands. So nothing
is synced, and a file that is lost or torn costs no more than that.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

_NAME = "awaited"
BOOT_VARIABLE = "APPLIANCED_BOOT_ID"
"""Environment: which boot of the machine this is, for a process that does not see the kernel's own word."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """number: of the newest commit. persist: the token that confirms it. user, source: whose it is. ends_s: when it is
    rolled back, by the clock that counts from boot."""

    number: int
    persist: str
    user: str
    source: str
    ends_s: float

    @property
    def left_s(self) -> float:
        return self.ends_s - since_boot_s()


def since_boot_s() -> float:
    """A clock that nobody sets, and that all processes share."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def keep(directory: Path, awaited: Awaited) -> None:
    """Raises OSError."""
    content = json.dumps({**asdict(awaited), "boot": _boot()}).encode()
    temporary = directory / f"{_NAME}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
    os.replace(temporary, directory / _NAME)


def forget(directory: Path) -> None:
    """Raises OSError, not when there is none."""
    (directory / _NAME).unlink(missing_ok=True)


def kept(directory: Path) -> Awaited | None:
    """What was kept since the machine was started and is not over."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        fields = json.loads((directory / _NAME).read_bytes())
        boot = fields.pop("boot")
        awaited = Awaited(**fields)
        if boot and boot == _boot() and awaited.left_s > 0:
            return awaited
    return None


def _boot() -> str:
    """ "" when it is not known."""
    with suppress(OSError):
        return os.environ.get(BOOT_VARIABLE) or _BOOT.read_text().strip()
    return ""
