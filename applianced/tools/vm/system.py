"""The system of the image as a directory: Debian packages by mmdebstrap, applianced from wheels."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from applianced.tools.namespaces import CommandError, run
from applianced.tools.vm.facts import Facts

BUILDING_S = 3600.0
NO_COMPILED = "PYTHONDONTWRITEBYTECODE"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_LEFT_OUT = (
    "/usr/share/doc/*", "/usr/share/info/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/lintian/*"
)  # fmt: skip
_KEPT = ("/usr/share/doc/*/copyright", "/usr/share/locale/locale.alias")


def packages(listed: Path, groups: Sequence[str]) -> list[str]:
    """The names of these groups in packages.list."""
    lines = (line.split() for line in listed.read_text().splitlines() if not line.startswith("#"))
    return sorted({line[1] for line in lines if len(line) > 1 and line[0] in groups})


def sources(suite: str) -> str:
    """apt's own lines for Debian, from what this machine is configured with. Raises CommandError."""
    shown = "$(ORIGIN)|$(COMPONENT)|deb [signed-by=" + KEYRING + "] $(REPO_URI) $(RELEASE) $(COMPONENT)"
    listed = run(["apt-get", "indextargets", "--format", shown, "Created-By: Packages"]).stdout.splitlines()
    split = (line.split("|") for line in listed)
    lines = sorted({line for origin, component, line in split if (origin, component) == ("Debian", "main")})
    if not any(f" {suite} " in line for line in lines):
        raise CommandError(f"apt knows no mirror of Debian {suite}: add one to its sources and run apt-get update")
    return "\n".join([*lines, ""])


def make_wheels(directory: Path, constraints: Path) -> None:
    """applianced and what it needs as wheels of the pinned versions, and pip itself, unpacked. Raises CommandError."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    pinned = {"PIP_CONSTRAINT": str(constraints.absolute())}
    # What setuptools has left of an earlier build would go into the wheel.
    _forget_builds()
    run([*pip, "wheel", "--quiet", "--wheel-dir", str(directory), ".[image]"], timeout_s=BUILDING_S, environment=pinned)
    _forget_builds()
    import pip as installed

    shutil.copytree(Path(installed.__file__).parent, directory / "pip" / "pip", ignore=shutil.ignore_patterns("*.pyc"))


def _forget_builds() -> None:
    for left in (Path("build/lib"), *Path("build").glob("bdist.*")):
        shutil.rmtree(left, ignore_errors=True)


def make_system(facts: Facts, recipe: Path, wheels: Path, root: Path) -> None:
    """The system in the directory `root`, made anew. Needs to be root. Raises CommandError."""
    shutil.rmtree(root, ignore_errors=True)
    lines = root.with_name("sources.list")
    lines.write_text(sources(facts.suite))
    included = packages(recipe.parent / "packages.list", ("run", "image"))
    hook = f'{recipe.absolute() / "customize"} "$1" {wheels.absolute()}'
    # What our own Python is told, such as where compiled files go, is nothing to the one that packages run there.
    unset = [f"--unset={name}" for name in sorted(os.environ) if name.startswith("PYTHON") and name != NO_COMPILED]
    run(
        [
            "env",
            *unset,
            "mmdebstrap",
            "--mode=root",
            "--variant=essential",
            "--format=directory",
            "--quiet",
            # The hook leaves nothing of apt.
            "--skip=cleanup/apt",
            '--aptopt=APT::Install-Recommends "false"',
            '--aptopt=Acquire::Languages "none"',
            *(f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT),
            *(f"--dpkgopt=path-include={pattern}" for pattern in _KEPT),
            f"--include={','.join(included)}",
            f"--customize-hook={hook}",
            facts.suite,
            str(root),
            str(lines),
        ],
        timeout_s=BUILDING_S,
        environment={
            "SOURCE_DATE_EPOCH": str(facts.epoch),
            "LC_ALL": "C.UTF-8",
            # Compiled files that a run leaves bear its date; `customize` makes them.
            NO_COMPILED: "1",
        },
    )
    # mmdebstrap itself needs it to its end.
    shutil.rmtree(root / "etc/apt", ignore_errors=True)


def date(root: Path, epoch: int) -> None:
    """Nothing in `root` is younger than the epoch. Raises OSError."""
    for directory, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.join(directory, name)
            if os.lstat(path).st_mtime > epoch:
                os.utime(path, (epoch, epoch), follow_symlinks=False)
    os.utime(root, (epoch, epoch))
