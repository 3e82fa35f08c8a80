# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.
"""The argument `config` of nat_destination."""

from __future__ import annotations

CONFIG = {
    "type": "dict",
    "options": {
        "pool": {
            "type": "list",
            "elements": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "description": {"type": "str"},
                "address": {
                    "type": "dict",
                    "options": {"ip_prefix": {"type": "str"}, "port": {"type": "int"}},
                },
            },
        },
        "rule_set": {
            "type": "list",
            "elements": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "description": {"type": "str"},
                "from": {
                    "type": "dict",
                    "options": {
                        "zone": {"type": "list", "elements": "str"},
                        "interface": {"type": "list", "elements": "str"},
                    },
                },
                "rule": {
                    "type": "list",
                    "elements": "dict",
                    "options": {
                        "name": {"type": "str", "required": True},
                        "description": {"type": "str"},
                        "match": {
                            "type": "dict",
                            "options": {
                                "source_address": {"type": "list", "elements": "str"},
                                "source_address_name": {"type": "list", "elements": "str"},
                                "source_port": {"type": "list", "elements": "str"},
                                "destination_address": {"type": "list", "elements": "str"},
                                "destination_address_name": {"type": "list", "elements": "str"},
                                "destination_port": {"type": "list", "elements": "str"},
                                "protocol": {"type": "list", "elements": "str"},
                                "application": {"type": "list", "elements": "str"},
                            },
                        },
                        "then": {
                            "type": "dict",
                            "options": {
                                "destination_nat": {
                                    "type": "dict",
                                    "mutually_exclusive": [["off", "pool"]],
                                    "options": {
                                        "off": {"type": "bool"},
                                        "pool": {"type": "dict", "options": {"pool_name": {"type": "str"}}},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}
