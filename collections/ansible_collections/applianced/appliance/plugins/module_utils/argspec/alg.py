# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.
"""The argument `config` of alg."""

from __future__ import annotations

CONFIG = {
    "type": "dict",
    "options": {
        "tftp": {
            "type": "dict",
            "options": {
                "disable": {"type": "bool"},
                "traceoptions": {
                    "type": "dict",
                    "options": {
                        "flag": {
                            "type": "list",
                            "elements": "dict",
                            "options": {
                                "name": {"type": "str", "choices": ["all"], "required": True},
                                "extensive": {"type": "bool"},
                            },
                        },
                    },
                },
            },
        },
        "traceoptions": {
            "type": "dict",
            "options": {
                "file": {
                    "type": "dict",
                    "options": {
                        "filename": {"type": "str"},
                        "size": {"type": "str"},
                        "files": {"type": "int"},
                        "world_readable": {"type": "bool"},
                        "match": {"type": "str"},
                    },
                },
                "level": {"type": "str", "choices": ["brief", "detail", "extensive"]},
            },
        },
        "dns": {
            "type": "dict",
            "options": {
                "disable": {"type": "bool"},
                "maximum_message_length": {"type": "int"},
                "oversize_message_drop": {"type": "bool"},
                "doctoring": {
                    "type": "dict",
                    "mutually_exclusive": [["none", "sanity_check"]],
                    "options": {
                        "none": {"type": "bool"},
                        "sanity_check": {"type": "bool"},
                        "drop_signed": {"type": "bool"},
                    },
                },
                "traceoptions": {
                    "type": "dict",
                    "options": {
                        "flag": {
                            "type": "list",
                            "elements": "dict",
                            "options": {
                                "name": {"type": "str", "choices": ["all"], "required": True},
                                "extensive": {"type": "bool"},
                            },
                        },
                    },
                },
            },
        },
        "ftp": {
            "type": "dict",
            "options": {
                "disable": {"type": "bool"},
                "ftps_extension": {"type": "bool"},
                "line_break_extension": {"type": "bool"},
                "allow_mismatch_ip_address": {"type": "bool"},
                "traceoptions": {
                    "type": "dict",
                    "options": {
                        "flag": {
                            "type": "list",
                            "elements": "dict",
                            "options": {
                                "name": {"type": "str", "choices": ["all"], "required": True},
                                "extensive": {"type": "bool"},
                            },
                        },
                    },
                },
            },
        },
        "device_policy": {"type": "str"},
    },
}
