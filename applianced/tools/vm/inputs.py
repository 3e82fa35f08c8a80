"""From which sources an image was made: so that nobody tests an old one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from applianced.tools.namespaces import run

SOURCES = ("applianced", "yang", "vm-image", "constraints.txt", "packages.list", "pyproject.toml", "README.md")
"""What the content of an image follows from, below the root of the repository; README describes the wheel."""


@dataclass(frozen=True, slots=True)
class Origin:
    """digest: of the sources. commit: that was checked out, "" without git. made: when, ISO 8601."""

    digest: str
    commit: str
    made: str

    def __str__(self) -> str:
        return f"made {self.made} of commit {self.commit or 'unknown'}, sources {self.digest[:12]}"


def digest(root: Path = Path()) -> str:
    """SHA-256 over name, mode and content of every source. Raises OSError."""
    whole = hashlib.sha256()
    for path in _files(root):
        mode = "x" if path.stat().st_mode & 0o100 else "-"
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        whole.update(f"{mode} {content} {path.relative_to(root)}\n".encode())
    return whole.hexdigest()


def _files(root: Path) -> Iterator[Path]:
    for name in SOURCES:
        found = root / name
        for path in sorted(found.rglob("*")) if found.is_dir() else [found]:
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def record(path: Path, sources: str) -> None:
    """Note that an image has been made of the sources with this digest. Raises OSError."""
    described = run(["git", "describe", "--always", "--dirty", "--abbrev=12"], check=False)
    commit = described.stdout.strip() if not described.returncode else ""
    origin = Origin(sources, commit, datetime.now(UTC).isoformat(timespec="seconds"))
    path.write_text(json.dumps(asdict(origin), indent=1) + "\n")


def recorded(path: Path) -> Origin | None:
    """What was noted; None when nothing was, or it cannot be read."""
    try:
        return Origin(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def current(path: Path, root: Path = Path()) -> bool:
    """Whether what was noted is of the sources as they are. Raises OSError."""
    origin = recorded(path)
    return origin is not None and origin.digest == digest(root)
