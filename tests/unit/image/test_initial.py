"""The initial file system's program: what it does with the state of earlier images."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

INIT = Path(__file__).parents[3] / "vm-image/initrd/init"
FILE = "--config /var/lib/image/first/first.json --admin-key /var/lib/image/first/admin.pub\n"
OPTIONS = "--config /var/lib/image/first/first.xml\n"


def take_over(image: Path) -> None:
    """Run that function of it alone."""
    found = re.search(r"(?ms)^take_over_options\(\) \{\n.*?^\}\n", INIT.read_text())
    assert found
    subprocess.run(["sh", "-euc", f"image=$1\n{found[0]}take_over_options", "sh", str(image)], check=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"seeded": "i-1\n", "serve.env": f"FIRST={FILE}"}, FILE),
        ({"seeded": "\n", "serve.env": f"FIRST={FILE}"}, FILE),
        ({"seeded": OPTIONS, "serve.env": f"FIRST={FILE}"}, OPTIONS),
        ({"seeded": OPTIONS}, OPTIONS),
        ({"serve.env": f"FIRST={FILE}"}, None),
        ({}, None),
    ],
    ids=["earlier", "without a name", "taken over", "of this image", "interrupted", "new"],
)
def test_options_of_an_earlier_image(tmp_path: Path, before: dict[str, str], after: str | None) -> None:
    """The file that they were in stays, for the system that reads it; one of an unfinished seed counts for nothing."""
    for name, content in before.items():
        (tmp_path / name).write_text(content)
    for _ in range(2):
        take_over(tmp_path)
        found = {path.name: path.read_text() for path in tmp_path.iterdir()}
        assert found == {**before, **({"seeded": after} if after else {})}
