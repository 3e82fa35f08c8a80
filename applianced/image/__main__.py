"""`python -m applianced.image`: what the units of the image run. Every command runs as root."""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from applianced import __version__
from applianced.image.places import Places, write

LABELS = ("cidata", "CIDATA")
"""Of a NoCloud disk, by cloud-init's convention."""
_ATTEMPTS = 10
"""Starts of management with the seed's configuration that may fail although validation finds nothing wrong."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m applianced.image")
    commands = parser.add_subparsers(dest="command", required=True)
    seed = commands.add_parser("seed", help="read a seed, once")
    seed.add_argument("--device", type=Path, help="default: the disk labelled cidata")
    refused = commands.add_parser("refused", help="after management has failed: start with the image's own, if due")
    refused.add_argument("--restarts", type=int, default=0, help="how often it has been started again")
    banner = commands.add_parser("banner", help="write what the consoles show")
    banner.add_argument("--answering", action="store_true", help="NETCONF answers")
    options = parser.parse_args(arguments)
    places = Places()
    if options.command == "seed":
        return _seed(places, options.device)
    if options.command == "refused":
        return _refused(places, options.restarts)
    return _banner(places, answering=options.answering)


def _seed(places: Places, device: Path | None) -> int:
    """Read the first seed that can be used."""
    if places.seeded.exists():
        return 0
    seen: list[Path] = []
    status = 0
    # What comes while one is read is read, too.
    while disk := next((each for each in ([device] if device else _labelled()) if each not in seen), None):
        seen.append(disk)
        write(places.seeds_seen, "".join(f"{each}\n" for each in seen).encode())
        status = _read(places, disk)
        if not status:
            return 0
    if not seen:
        places.seeds_seen.unlink(missing_ok=True)
        return _banner(places, answering=False)
    return status


def _read(places: Places, disk: Path) -> int:
    # Only a first boot needs YAML.
    from applianced.image.cards import present
    from applianced.image.first_boot import apply, let_management_start
    from applianced.image.nocloud import digest, parse

    try:
        files = _files(disk)
        used = digest(files).encode()
        if places.seed_refused.exists() and places.seed_refused.read_bytes() == used:
            # The console says why since then.
            return _banner(places, answering=False) or 1
        cards = present(places)
        seed = parse(files, [*cards.values()])
        apply(seed, places)
        write(places.seed_used, used)
    except Exception as error:
        # Whatever a seed does to its reader: the machine says so, and reads the next one.
        return _unusable(places, error)
    if seed.hostname:
        socket.sethostname(seed.hostname)
    # One that was given up may have named cards, and had files for them.
    former = places.seed_refused.exists()
    if seed.network.names or former:
        _rename_cards(cards, seed.network.names)
    if seed.network.files or former:
        _run("systemctl", "--no-block", "restart", "systemd-networkd.service")
    if seed.time_servers:
        _run("systemctl", "--no-block", "try-restart", "systemd-timesyncd.service")
    try:
        let_management_start(places)
    except OSError as error:
        return _unusable(places, error)
    units = ["applianced.service", *(["rsyslog.service"] if seed.log_targets else [])]
    _run("systemctl", "--no-block", "start", *units)
    return 0


def _unusable(places: Places, error: Exception) -> int:
    write(places.problem, f"the seed cannot be used: {error}\n".encode())
    _banner(places, answering=False)
    print(error, file=sys.stderr)
    return 1


def _rename_cards(cards: Mapping[str, str], names: Mapping[str, str]) -> None:
    """As the initial file system does from the next boot on."""
    from applianced.image.cards import renaming

    steps = renaming(cards, names)
    if not steps:
        return
    # It would raise again what must be down to be renamed.
    _run("systemctl", "stop", "systemd-networkd.socket", "systemd-networkd.service")
    for old, new in steps:
        link = ("link", "set", old)
        for change in (("address", "flush", "dev", old), (*link, "down"), (*link, "name", new)):
            if problem := _run("ip", *change):
                print(f"ip {' '.join(change)}: {problem}", file=sys.stderr)
    _run("systemctl", "--no-block", "start", "systemd-networkd.socket", "systemd-networkd.service")


def _labelled() -> list[Path]:
    """The disks of seeds. udev may not have seen them yet."""
    found: list[Path] = []
    for label in LABELS:
        done = subprocess.run(
            ["blkid", "-c", "/dev/null", "-t", f"LABEL={label}", "-o", "device"], stdout=subprocess.PIPE, check=False
        )
        found += map(Path, done.stdout.decode().splitlines())
    return found


def _files(disk: Path) -> dict[str, bytes]:
    """The files of a seed. Raises OSError, SeedError."""
    from applianced.image.nocloud import CONFIGURATIONS, LARGEST_OCTETS, META_DATA, NETWORK_CONFIG, USER_DATA, SeedError

    files = {}
    with tempfile.TemporaryDirectory(dir="/run") as directory:
        if problem := _run("mount", "-o", "ro,nosuid,nodev,noexec", str(disk), directory):
            raise SeedError(f"{disk} cannot be mounted: {problem}")
        try:
            for name in (META_DATA, USER_DATA, NETWORK_CONFIG, *CONFIGURATIONS):
                path = Path(directory) / name
                if path.is_file():
                    with path.open("rb") as file:
                        files[name] = file.read(LARGEST_OCTETS + 1)
        finally:
            _run("umount", directory)
    return files


def _refused(places: Places, restarts: int) -> int:
    from applianced.image.first_boot import (
        give_up_configuration,
        give_up_seed,
        has_committed,
        takes_seeds_configuration,
    )

    if not takes_seeds_configuration(places):
        if not has_committed(places) and restarts >= 2 * _ATTEMPTS:
            give_up_seed(places, "management does not start with what the seed says: attach another seed")
            return _banner(places, answering=False)
        return 0
    given = next(places.first.glob("first.*"))
    why = _run(sys.executable, "-m", "applianced", "compile", "--policy-only", "--require-netconf", str(given))
    if not why and restarts < _ATTEMPTS:
        return 0
    give_up_configuration(places, why or "management does not start with it; its log (journal) says why")
    return _banner(places, answering=False)


def _banner(places: Places, *, answering: bool) -> int:
    from applianced.image.banner import banner

    places.banner.parent.mkdir(parents=True, exist_ok=True)
    places.banner.write_text(banner(places, __version__, socket.gethostname(), answering=answering))
    # Those that wait for a key show it at once.
    _run("systemctl", "--no-block", "try-restart", "applianced-console@*.service")
    return 0


def _run(*argv: str) -> str:
    """Run a command; what it complained of, "" when nothing."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
    return (done.stderr or done.stdout or f"status {done.returncode}").strip() if done.returncode else ""


if __name__ == "__main__":
    sys.exit(main())
