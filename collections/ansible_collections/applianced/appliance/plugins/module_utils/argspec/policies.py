# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.
"""The argument `config` of policies."""

from __future__ import annotations

CONFIG = {
    "type": "dict",
    "options": {
        "policy": {
            "type": "list",
            "elements": "dict",
            "options": {
                "from_zone_name": {"type": "str", "required": True},
                "to_zone_name": {"type": "str", "required": True},
                "policy": {
                    "type": "list",
                    "elements": "dict",
                    "options": {
                        "name": {"type": "str", "required": True},
                        "description": {"type": "str"},
                        "match": {
                            "type": "dict",
                            "options": {
                                "source_address": {"type": "list", "elements": "str"},
                                "destination_address": {"type": "list", "elements": "str"},
                                "source_address_excluded": {"type": "bool"},
                                "destination_address_excluded": {"type": "bool"},
                                "application": {"type": "list", "elements": "str"},
                            },
                        },
                        "then": {
                            "type": "dict",
                            "mutually_exclusive": [["permit", "deny", "reject"]],
                            "options": {
                                "permit": {"type": "dict", "options": {"services_offload": {"type": "bool"}}},
                                "deny": {"type": "bool"},
                                "reject": {"type": "bool"},
                                "log": {
                                    "type": "dict",
                                    "options": {
                                        "session_init": {"type": "bool"},
                                        "session_close": {"type": "bool"},
                                    },
                                },
                                "count": {"type": "bool"},
                            },
                        },
                    },
                },
            },
        },
        "global": {
            "type": "dict",
            "options": {
                "policy": {
                    "type": "list",
                    "elements": "dict",
                    "options": {
                        "name": {"type": "str", "required": True},
                        "description": {"type": "str"},
                        "match": {
                            "type": "dict",
                            "options": {
                                "source_address": {"type": "list", "elements": "str"},
                                "destination_address": {"type": "list", "elements": "str"},
                                "source_address_excluded": {"type": "bool"},
                                "destination_address_excluded": {"type": "bool"},
                                "application": {"type": "list", "elements": "str"},
                            },
                        },
                        "then": {
                            "type": "dict",
                            "mutually_exclusive": [["permit", "deny", "reject"]],
                            "options": {
                                "permit": {"type": "dict", "options": {"services_offload": {"type": "bool"}}},
                                "deny": {"type": "bool"},
                                "reject": {"type": "bool"},
                                "log": {
                                    "type": "dict",
                                    "options": {
                                        "session_init": {"type": "bool"},
                                        "session_close": {"type": "bool"},
                                    },
                                },
                                "count": {"type": "bool"},
                            },
                        },
                    },
                },
            },
        },
        "default_policy": {
            "type": "dict",
            "mutually_exclusive": [["permit_all", "deny_all"]],
            "options": {"permit_all": {"type": "bool"}, "deny_all": {"type": "bool"}},
        },
        "policy_rematch": {"type": "bool"},
    },
}
