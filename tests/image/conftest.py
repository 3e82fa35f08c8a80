"""One machine for each module: the image, booted between two namespaces.

These tests take minutes and need the image, so only `make test-image` collects them: APPLIANCED_IMAGE names the image's
directory.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from applianced.tools.vm import inputs
from applianced.tools.vm.build import ORIGIN
from tests.image.lab import ROOT, Lab
from tests.support.netns import unique_topology

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController  # type: ignore[import-untyped]

IMAGE = os.environ.get("APPLIANCED_IMAGE", "")
if not IMAGE:
    collect_ignore_glob = ["test_*.py"]


BOOT_TIMES_S: dict[str, list[float]] = {}


LONGEST = (
    *("test_power_cut", "test_upgrade", "test_upgrade_faults", "test_management", "test_first_boot"),
    *("test_forwarding", "test_seed", "test_mechanisms", "test_manners", "test_hardware"),
)
"""By how long they take: the longest begin first, so that modules which run beside each other end at the same time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.image)
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    ours = item.path.parent == Path(__file__).parent
    return LONGEST.index(item.path.stem) if ours and item.path.stem in LONGEST else len(LONGEST)


def pytest_report_header() -> str:
    return f"image: {inputs.recorded(Path(IMAGE) / ORIGIN)}" if IMAGE else ""


def pytest_sessionstart() -> None:
    """No test of an image that is not of these sources."""
    if IMAGE and not inputs.current(Path(IMAGE) / ORIGIN, ROOT):
        found = inputs.recorded(Path(IMAGE) / ORIGIN) or "none"
        pytest.exit(f"the image in {IMAGE} is not of these sources ({found}): run 'make image'", returncode=1)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    BOOT_TIMES_S.update(getattr(node, "workeroutput", {}).get("boot_times_s", {}))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (told := getattr(session.config, "workeroutput", None)) is not None:
        told["boot_times_s"] = BOOT_TIMES_S


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, times in BOOT_TIMES_S.items():
        shown = " ".join(f"{each:.1f}" for each in times)
        terminalreporter.write_line(f"{name}: NETCONF answered so many seconds after power-on: {shown}")


def the_image() -> Path:
    return next(Path(IMAGE).glob("*.qcow2")).absolute()


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A machine that has booted for the first time, with the addresses of the topology configured."""
    with opened_lab(request.module) as made:
        made.boot()
        made.configure_addresses()
        yield made


@contextmanager
def opened_lab(module: ModuleType, of: str = "") -> Iterator[Lab]:
    """A machine that is off. Its logs stay, beside the image. of: which one of the module's machines."""
    name = "-".join([module.__name__.rpartition(".")[2], *([of] if of else [])])
    with tempfile.TemporaryDirectory(prefix="applianced-image-") as directory:
        made = Lab(unique_topology(), Path(directory), the_image(), getattr(module, "WANTED", None))
        try:
            made.open()
            yield made
        finally:
            made.close()
            made.keep_logs(Path(IMAGE) / "logs", name)
            BOOT_TIMES_S[name] = made.boot_times_s
