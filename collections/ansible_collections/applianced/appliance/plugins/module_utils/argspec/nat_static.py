# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.
"""The argument `config` of nat_static."""

from __future__ import annotations

CONFIG = {
    "type": "dict",
    "options": {
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
                                "destination_address": {"type": "str"},
                                "destination_port": {
                                    "type": "dict",
                                    "options": {"low": {"type": "int"}, "high": {"type": "int"}},
                                },
                            },
                        },
                        "then": {
                            "type": "dict",
                            "options": {
                                "static_nat": {
                                    "type": "dict",
                                    "options": {
                                        "prefix": {
                                            "type": "dict",
                                            "options": {
                                                "addr_prefix": {"type": "str"},
                                                "mapped_port": {
                                                    "type": "dict",
                                                    "options": {
                                                        "low": {"type": "int"},
                                                        "high": {"type": "int"},
                                                    },
                                                },
                                            },
                                        },
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
