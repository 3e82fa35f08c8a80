# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.
"""The argument `config` of nat_source."""

from __future__ import annotations

CONFIG = {
    "type": "dict",
    "options": {
        "alg_port_range": {"type": "dict", "options": {"low": {"type": "int"}, "high": {"type": "int"}}},
        "pool": {
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
                        "to": {"type": "dict", "options": {"ipaddr": {"type": "str"}}},
                    },
                },
                "port": {
                    "type": "dict",
                    "options": {
                        "range": {
                            "type": "dict",
                            "options": {"low": {"type": "int"}, "high": {"type": "int"}},
                        },
                    },
                },
                "alg_port_range": {
                    "type": "dict",
                    "options": {"low": {"type": "int"}, "high": {"type": "int"}},
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
                "to": {
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
                                "source_nat": {
                                    "type": "dict",
                                    "mutually_exclusive": [["off", "interface", "pool"]],
                                    "options": {
                                        "off": {"type": "bool"},
                                        "interface": {"type": "bool"},
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
