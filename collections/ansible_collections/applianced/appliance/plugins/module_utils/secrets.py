# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hashes of passwords stay between the appliance and who configures it: results of modules have a mask in their place,
and who gives the mask back keeps what is there."""

from __future__ import annotations

from ansible_collections.applianced.appliance.plugins.module_utils.schema import InputError

NAMES = ("encrypted-password",)
MASK = "********"


def is_secret(name):
    """Whether a leaf of this name, with - or _, is one."""
    return isinstance(name, str) and name.replace("_", "-") in NAMES


def masked(value):
    """What a module returns of a tree, with - or _ in its names."""
    if isinstance(value, dict):
        return {name: MASK if is_secret(name) else masked(below) for name, below in value.items()}
    return [masked(below) for below in value] if isinstance(value, list) else value


def masked_line(line):
    """What a module returns of a line as the appliance compares."""
    for name in NAMES:
        head, found, tail = line.partition(f" {name} ")
        line = f"{head}{found}{MASK}" if found and tail else line
    return line


def kept(have, want, path="config"):
    """The plain tree that is wanted, with what is there for each mask. Raises InputError where nothing is there."""
    if not isinstance(want, dict):
        return want
    have = have if isinstance(have, dict) else {}
    found = {}
    for name, value in want.items():
        below = f"{path}.{' '.join(map(str, name)) if isinstance(name, tuple) else name.replace('-', '_')}"
        if is_secret(name) and value == MASK:
            if name not in have:
                raise InputError(below, "there is no hash that this mask could stand for: give the hash")
            value = have[name]
        found[name] = kept(have.get(name), value, below)
    return found
