# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module returns of a change, as lines and as a diff."""

from __future__ import annotations

from ansible_collections.applianced.appliance.plugins.module_utils import secrets


def outcome(module, device, done, **more):
    """What a changing module returns."""
    lines = [secrets.masked_line(line) for line in done.lines]
    result = {"changed": done.changed, "commands": lines, "round_trips": device.round_trips, **more}
    if module._diff and lines:
        result["diff"] = {"prepared": "".join(f"{_signed(line)}\n" for line in lines)}
    return result


def _signed(line):
    """A line of the appliance with the sign that diffs have."""
    verb, _space, rest = line.partition(" ")
    sign = {"set": "+ ", "delete": "- "}.get(verb, "~ ")
    return sign + rest if verb in ("set", "delete") else sign + line
