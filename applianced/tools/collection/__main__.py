"""Write what is generated into the collection: `python -m applianced.tools.collection FOLDER`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from applianced.tools.collection.render import files
from applianced.tools.collection.resources import RESOURCES
from applianced.tools.collection.schema import load


def main(arguments: list[str]) -> int:
    """arguments: the folder of the collection. Prints each file that changed."""
    parser = argparse.ArgumentParser(
        prog="python -m applianced.tools.collection",
        description="Write what the Ansible collection takes from the YANG modules; print each file that changes.",
    )
    parser.add_argument("folder", type=Path, help="the collection, where its galaxy.yml is")
    folder: Path = parser.parse_args(arguments).folder
    if not (folder / "galaxy.yml").is_file():
        parser.error(f"{folder} is no collection: it has no galaxy.yml")
    for name, text in files(load(), RESOURCES).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
