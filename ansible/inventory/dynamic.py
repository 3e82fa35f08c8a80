#!/usr/bin/env python3
"""An example of a dynamic inventory: appliances from a CSV file, grouped by profile and by site.

The file is `appliances.csv` beside this script, or what APPLIANCES_CSV names. Replace `rows` by a query of whatever
knows your appliances.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path

COLUMNS = ("name", "address", "port", "profile", "site")
PROFILES = ("branch", "high-end", "sdwan")


def rows() -> list[dict[str, str]]:
    path = Path(os.environ.get("APPLIANCES_CSV") or Path(__file__).with_name("appliances.csv"))
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def identifier(text: str) -> str:
    """As names of groups must be."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in text)


def checked(row: dict[str, str]) -> dict[str, str]:
    """A row without blanks around its values. Raises ValueError for one that is none."""
    missing = [name for name in COLUMNS if not (row.get(name) or "").strip()]
    if missing:
        raise ValueError(f"{row.get('name') or row}: there is no {', '.join(missing)}: a row is {','.join(COLUMNS)}")
    if None in row:
        raise ValueError(f"{row['name']}: there is more than {','.join(COLUMNS)}: remove it")
    found = {name: row[name].strip() for name in COLUMNS}
    if found["profile"] not in PROFILES:
        raise ValueError(f"{found['name']}: {found['profile']!r} is no profile: use one of {', '.join(PROFILES)}")
    if not (found["port"].isascii() and found["port"].isdigit() and 0 < int(found["port"]) < 65536):
        raise ValueError(f"{found['name']}: {found['port']!r} is no port: use a number from 1 to 65535")
    return found


def inventory(found: list[dict[str, str]]) -> dict[str, object]:
    """As `ansible-inventory --list` has it. Raises ValueError for what is no row, and for two of one name."""
    groups: dict[str, list[str]] = {}
    appliances: dict[str, dict[str, str]] = {}
    for row in map(checked, found):
        if row["name"] in appliances:
            raise ValueError(f"{row['name']}: there are two rows of this name: rename one")
        appliances[row["name"]] = row
        for group in (identifier(row["profile"]), f"site_{identifier(row['site'])}"):
            groups.setdefault(group, []).append(row["name"])
    variables = {
        name: {"ansible_host": row["address"], "ansible_port": int(row["port"])} for name, row in appliances.items()
    }
    shared = {
        "ansible_connection": "applianced.appliance.netconf",
        "ansible_network_os": "applianced.appliance.applianced",
        "ansible_user": "admin",
    }
    return {
        "appliances": {"children": sorted(groups), "vars": shared},
        **{name: {"hosts": hosts} for name, hosts in sorted(groups.items())},
        "_meta": {"hostvars": variables},
    }


def main() -> int:
    if sys.argv[1:2] == ["--host"]:
        print("{}")
        return 0
    try:
        print(json.dumps(inventory(rows()), indent=2))
    except (OSError, ValueError, csv.Error) as error:
        print(f"no inventory: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
