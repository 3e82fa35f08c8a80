"""Where the image keeps what it knows, all of it on the state partition (mounted at /var)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Places(NamedTuple):
    """root: "/" on the appliance."""

    root: Path = Path("/")

    @property
    def state(self) -> Path:
        """Of the image: hostname, network, the first configuration. /etc points into it."""
        return self.root / "var/lib/image"

    @property
    def interfaces(self) -> Path:
        """A line "MAC NAME" for each network card that a seed names; empty when their order names them."""
        return self.state / "interfaces"

    @property
    def kernel_arguments(self) -> Path:
        """They name the partition of the system that runs."""
        return self.root / "proc/cmdline"

    @property
    def network_cards(self) -> Path:
        """A folder for each, by name, with its `address`."""
        return self.root / "sys/class/net"

    @property
    def first(self) -> Path:
        """What management gets at its first start; it may hold hashes of passwords."""
        return self.state / "first"

    @property
    def seeded(self) -> Path:
        """There since a seed was read; holds the options of management that follow from it."""
        return self.state / "seeded"

    @property
    def seed_used(self) -> Path:
        """Holds the digest of the seed that was read, see nocloud.digest."""
        return self.state / "seed-used"

    @property
    def seed_refused(self) -> Path:
        """Holds that of one which management refused, and which is not to be read again."""
        return self.state / "seed-refused"

    @property
    def problem(self) -> Path:
        """What an operator must know, for the console."""
        return self.state / "problem"

    @property
    def commits(self) -> Path:
        return self.root / "var/lib/applianced/commits"

    @property
    def seeds_seen(self) -> Path:
        """A line for each disk that the last look for a seed found."""
        return self.root / "run/applianced/seeds-seen"

    @property
    def host_keys(self) -> Path:
        return self.root / "var/lib/applianced/host-keys"

    @property
    def first_default(self) -> Path:
        """The configuration for a seed without one."""
        return self.root / "usr/share/applianced/first.json"

    @property
    def banner(self) -> Path:
        """What the consoles show."""
        return self.root / "run/applianced/banner"


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file whole or not at all, on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    under_way = path.with_name(f".{path.name}.under-way")
    descriptor = os.open(under_way, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    under_way.rename(path)
    parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
