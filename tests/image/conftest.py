"""One machine for each module: the image, booted between two namespaces.

These tests take minutes and need the image, so only `make test-image` collects them: APPLIANCED_IMAGE names the image's
directory.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.lab import Lab
from tests.support.netns import unique_topology

IMAGE = os.environ.get("APPLIANCED_IMAGE", "")
if not IMAGE:
    collect_ignore_glob = ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.image)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A machine that has booted for the first time, with the addresses of the topology configured."""
    image = next(Path(IMAGE).glob("*.qcow2")).absolute()
    with tempfile.TemporaryDirectory(prefix="applianced-image-") as directory:
        made = Lab(unique_topology(), Path(directory), image)
        try:
            made.open()
            made.boot()
            made.configure_addresses()
            yield made
        except BaseException:
            print(made.console()[-4000:])
            raise
        finally:
            made.close()
