"""What is in the image: every package with its version, an SBOM (CycloneDX 1.5), and a digest of every file."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

from applianced.tools.namespaces import run
from applianced.tools.vm.facts import Facts

DPKG_STATE = "usr/lib/dpkg-state"
BOOT_LOADERS = ("syslinux", "syslinux-common", "systemd-boot-efi")
"""Packages of the building machine, which the image has no use for once they are on its disk."""
ENVIRONMENT = "opt/applianced/lib/python3.11/site-packages"


class Package(NamedTuple):
    """kind: deb or pypi. source: what it was built from, with its version, for deb. licence: "" when not stated."""

    kind: str
    name: str
    version: str
    architecture: str
    source: str
    licence: str

    @property
    def purl(self) -> str:
        """https://github.com/package-url/purl-spec"""
        if self.kind == "pypi":
            return f"pkg:pypi/{self.name}@{self.version}"
        return f"pkg:deb/debian/{self.name}@{_escaped(self.version)}?arch={self.architecture}&distro=debian-12"


def _escaped(version: str) -> str:
    return version.replace("+", "%2B").replace(":", "%3A").replace("~", "%7E")


def packages_in(root: Path) -> list[Package]:
    """Debian packages, those of the building machine among them whose boot loaders are on the disk, then Python's.
    Raises CommandError.
    """
    debian = {*_debian(f"--admindir={root / DPKG_STATE}"), *_debian(*BOOT_LOADERS)}
    python = [
        Package(
            "pypi", _normalised(each.name), each.version, "", "", str(each.metadata.json.get("license_expression", ""))
        )
        for each in distributions(path=[str(root / ENVIRONMENT)])
    ]
    return [*sorted(debian), *sorted(python)]


def _debian(*of: str) -> Iterator[Package]:
    shown = "${Package}\t${Version}\t${Architecture}\t${source:Package} ${source:Version}\n"
    for line in run(["dpkg-query", "--show", "--showformat", shown, *of]).stdout.splitlines():
        name, version, architecture, source = line.split("\t")
        yield Package("deb", name, version, architecture, source, "")


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def manifest(packages: Sequence[Package]) -> str:
    """A line for every package."""
    return "".join(f"{each.kind} {each.name} {each.version} {each.architecture}".rstrip() + "\n" for each in packages)


def bill_of_materials(facts: Facts, version: str, packages: Sequence[Package]) -> str:
    """CycloneDX 1.5 as JSON (https://cyclonedx.org/docs/1.5/json/)."""
    components = []
    for each in packages:
        component: dict[str, object] = {
            "type": "library", "bom-ref": each.purl, "name": each.name, "version": each.version, "purl": each.purl
        }  # fmt: skip
        if each.licence:
            component["licenses"] = [{"expression": each.licence}]
        if each.source:
            component["properties"] = [{"name": "debian:source", "value": each.source}]
        components.append(component)
    body = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(facts.epoch, UTC).isoformat().replace("+00:00", "Z"),
            "component": {"type": "operating-system", "bom-ref": "image", "name": facts.name, "version": version},
        },
        "components": components,
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(body, sort_keys=True))
    return json.dumps({**body, "serialNumber": f"urn:uuid:{serial}"}, indent=1) + "\n"


def listing(root: Path, below: Path = Path()) -> Iterator[str]:
    """A line for every file, in order: mode, owner, SHA-256 or target, path. Two equal listings are equal systems.

    Extended attributes, capabilities and access lists among them, follow the owner: `0:0,NAME=HEXADECIMAL`.
    below: where the files will lie.
    """
    for directory, folders, files in os.walk(root):
        folders.sort()
        for name in sorted([*files, *folders]):
            path = Path(directory) / name
            about = path.lstat()
            owner = f"{about.st_uid}:{about.st_gid}"
            owner += "".join(f",{each}" for each in _attributes(path))
            yield f"{stat.filemode(about.st_mode)} {owner} {_digest(path, about)} {below / path.relative_to(root)}"


def _attributes(path: Path) -> Iterator[str]:
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        yield f"{name}={os.getxattr(path, name, follow_symlinks=False).hex()}"


def _digest(path: Path, about: os.stat_result) -> str:
    if stat.S_ISLNK(about.st_mode):
        return f"-> {path.readlink()}"
    if not stat.S_ISREG(about.st_mode):
        return "-"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
