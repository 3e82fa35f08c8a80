# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.
"""The argument `config` of application_sets."""

from __future__ import annotations

CONFIG = {
    "type": "list",
    "elements": "dict",
    "options": {
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "application": {
            "type": "list",
            "elements": "dict",
            "options": {"name": {"type": "str", "required": True}},
        },
        "application_set": {
            "type": "list",
            "elements": "dict",
            "options": {"name": {"type": "str", "required": True}},
        },
    },
}
