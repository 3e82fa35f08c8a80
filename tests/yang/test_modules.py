"""The modules themselves: lint, warnings, names, and that the tables in Python say the same."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from applianced.compiler.host import PROTOCOLS as INBOUND_PROTOCOLS
from applianced.compiler.host import SERVICES as INBOUND_SERVICES
from applianced.compiler.marks import ALG_NUMBERS
from applianced.config.alg_policies import DEFAULT_PERMISSIONS, Permission
from applianced.config.catalogue import PROFILES
from applianced.config.identities import APPLICATION_PROTOCOLS, KEEP_OFF, TRANSPORTS
from applianced.config.modules import MODULES
from applianced.config.ports import PORTS, PROTOCOLS
from tests.yang.models import YANG

OURS = sorted(path.name for path in YANG.glob("applianced-*.yang"))
IDENTITY = re.compile(r"identity ([\w-]+) \{(.*?)description", re.DOTALL)
ENUMERATION = re.compile(r"^( *)type enumeration \{\n(.*?)^\1\}", re.DOTALL | re.MULTILINE)
ENUM = re.compile(r"enum ([\w-]+) \{")


def _derived(module: str, base: str) -> dict[str, set[str]]:
    """Identities of a module that name `base` as a base -> all their bases."""
    text = (YANG / module).read_text()
    found = {name: set(re.findall(r"base ([\w:-]+);", body)) for name, body in IDENTITY.findall(text)}
    return {name: bases for name, bases in found.items() if base in bases}


def test_pyang_has_nothing_to_say() -> None:
    options = ("--strict", "--lint", "--lint-ensure-hyphenated-names", "--max-line-length", "80", "-p", "vendor:.")
    done = subprocess.run(
        [sys.executable, "-m", "pyang", *options, *OURS], cwd=YANG, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_libyang_loads_everything_without_a_warning() -> None:
    script = (
        "import logging, libyang; logging.basicConfig(level=logging.DEBUG)\n"
        "from applianced.config.modules import MODULES\n"
        "from applianced.datastore import native\n"
        "libyang.configure_logging(True, logging.WARNING)\n"
        "context = libyang.Context('.:vendor')\n"
        "for module in MODULES:\n"
        "    native.load_module(context, module.name, module.revision, module.features)\n"
        "print('loaded')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=YANG, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("loaded", "")


def test_every_module_of_ours_is_in_force() -> None:
    assert {f"{module.name}.yang" for module in MODULES if module.name.startswith("applianced-")} == set(OURS)


def test_vendor_modules_carry_the_revision_of_their_file_name() -> None:
    for path in (YANG / "vendor").glob("*.yang"):
        name, _, revision = path.stem.partition("@")
        newest = re.search(r'^\s*revision "?([\d-]{10})', path.read_text(), re.MULTILINE)
        assert newest is not None
        assert (name, newest[1]) == (name, revision)


def test_namespaces_and_names_follow_the_rule() -> None:
    for name in OURS:
        module = name.removesuffix(".yang")
        text = (YANG / name).read_text()
        assert f'namespace "urn:applianced:yang:{module.removeprefix("applianced-")}";' in text


def test_identities_of_algs_are_the_numbered_ones() -> None:
    assert set(_derived("applianced-types.yang", "alg")) == set(ALG_NUMBERS)
    assert set(TRANSPORTS) == set(ALG_NUMBERS)
    assert set().union(*PROFILES.values()) <= set(ALG_NUMBERS)


def test_permissions_of_roles_are_the_table() -> None:
    _, _, text = (YANG / "applianced-alg-policies.yang").read_text().partition("container permissions {")
    found = re.findall(r'leaf ([\w-]+) \{\s+type permission;\s+default "(\w+)"', text)
    assert dict(found) == DEFAULT_PERMISSIONS


def test_application_protocols_are_the_table() -> None:
    derived = _derived("applianced-applications.yang", "ap-types:application-protocol")
    algs = {
        name: "".join(base.removeprefix("ap-types:") for base in bases if base != "ap-types:application-protocol")
        for name, bases in derived.items()
    }
    assert len(algs) == 55
    assert algs == APPLICATION_PROTOCOLS
    assert {*APPLICATION_PROTOCOLS} >= KEEP_OFF


@pytest.mark.parametrize(
    ("module", "after", "table"),
    [
        ("applianced-types.yang", "typedef port-name", PORTS),
        ("applianced-types.yang", "typedef ip-protocol", PROTOCOLS),
        ("applianced-alg-policies.yang", "typedef alg-name", ALG_NUMBERS),
        ("applianced-alg-policies.yang", "typedef permission", dict.fromkeys(Permission)),
        ("applianced-security.yang", "list system-services", {**INBOUND_SERVICES, "all": ()}),
        ("applianced-security.yang", "list protocols", {**INBOUND_PROTOCOLS, "all": ()}),
    ],
)
def test_enumerations_are_the_tables(module: str, after: str, table: dict[str, object]) -> None:
    _, _, text = (YANG / module).read_text().partition(after)
    enumeration = ENUMERATION.search(text)
    assert enumeration is not None
    assert set(ENUM.findall(enumeration[2])) == set(table)
