# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.
"""The argument `config` of users_roles."""

from __future__ import annotations

CONFIG = {
    "type": "dict",
    "options": {
        "login": {
            "type": "dict",
            "options": {
                "retry_options": {
                    "type": "dict",
                    "options": {
                        "tries_before_disconnect": {"type": "int"},
                        "backoff_threshold": {"type": "int"},
                        "backoff_factor": {"type": "int"},
                        "lockout_period": {"type": "int"},
                    },
                },
                "user": {
                    "type": "list",
                    "elements": "dict",
                    "options": {
                        "name": {"type": "str", "required": True},
                        "class": {"type": "str", "choices": ["super-user"]},
                        "authentication": {
                            "type": "dict",
                            "options": {
                                "encrypted_password": {"type": "str", "no_log": True},
                                "ssh_public_key": {"type": "list", "elements": "str", "no_log": False},
                            },
                        },
                    },
                },
            },
        },
        "nacm": {
            "type": "dict",
            "options": {
                "enable_nacm": {"type": "bool"},
                "read_default": {"type": "str", "choices": ["permit", "deny"]},
                "write_default": {"type": "str", "choices": ["permit", "deny"]},
                "exec_default": {"type": "str", "choices": ["permit", "deny"]},
                "groups": {
                    "type": "dict",
                    "options": {
                        "group": {
                            "type": "list",
                            "elements": "dict",
                            "options": {
                                "name": {"type": "str", "required": True},
                                "user_name": {"type": "list", "elements": "str"},
                            },
                        },
                    },
                },
                "rule_list": {
                    "type": "list",
                    "elements": "dict",
                    "options": {
                        "name": {"type": "str", "required": True},
                        "group": {"type": "list", "elements": "str"},
                        "rule": {
                            "type": "list",
                            "elements": "dict",
                            "mutually_exclusive": [["rpc_name", "notification_name", "path"]],
                            "options": {
                                "name": {"type": "str", "required": True},
                                "module_name": {"type": "str"},
                                "rpc_name": {"type": "str"},
                                "notification_name": {"type": "str"},
                                "path": {"type": "str"},
                                "access_operations": {"type": "str"},
                                "action": {"type": "str", "choices": ["permit", "deny"]},
                                "comment": {"type": "str"},
                            },
                        },
                    },
                },
            },
        },
    },
}
