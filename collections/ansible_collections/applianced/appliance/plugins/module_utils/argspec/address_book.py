# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.
"""The argument `config` of address_book."""

from __future__ import annotations

CONFIG = {
    "type": "list",
    "elements": "dict",
    "options": {
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "address": {
            "type": "list",
            "elements": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "description": {"type": "str"},
                "ip_prefix": {"type": "str"},
            },
        },
        "address_set": {
            "type": "list",
            "elements": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "description": {"type": "str"},
                "address": {
                    "type": "list",
                    "elements": "dict",
                    "options": {"name": {"type": "str", "required": True}},
                },
                "address_set": {
                    "type": "list",
                    "elements": "dict",
                    "options": {"name": {"type": "str", "required": True}},
                },
            },
        },
        "attach": {
            "type": "dict",
            "options": {
                "zone": {
                    "type": "list",
                    "elements": "dict",
                    "options": {"name": {"type": "str", "required": True}},
                },
            },
        },
    },
}
