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

PROFILES = ("branch", "high-end", "sdwan")


def rows() -> list[dict[str, str]]:
    path = Path(os.environ.get("APPLIANCES_CSV") or Path(__file__).with_name("appliances.csv"))
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def inventory(found: list[dict[str, str]]) -> dict[str, object]:
    """As `ansible-inventory --list` has it. Raises ValueError for a profile that there is not."""
    groups: dict[str, list[str]] = {}
    for row in found:
        if row["profile"] not in PROFILES:
            raise ValueError(f"{row['name']}: {row['profile']!r} is no profile: use one of {', '.join(PROFILES)}")
        for group in (row["profile"].replace("-", "_"), f"site_{row['site'].replace('-', '_')}"):
            groups.setdefault(group, []).append(row["name"])
    variables = {row["name"]: {"ansible_host": row["address"], "ansible_port": int(row["port"])} for row in found}
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
    except (OSError, KeyError, ValueError) as error:
        print(f"no inventory: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
