# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.
"""The argument `config` of alg_policy."""

from __future__ import annotations

CONFIG = {
    "type": "list",
    "elements": "dict",
    "options": {
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "tag": {"type": "list", "elements": "str"},
        "alg": {
            "type": "list",
            "elements": "dict",
            "options": {
                "name": {
                    "type": "str",
                    "choices": [
                        "dns",
                        "ftp",
                        "h323",
                        "ike-esp-nat",
                        "mgcp",
                        "msrpc",
                        "pptp",
                        "rsh",
                        "rtsp",
                        "sccp",
                        "sip",
                        "sql",
                        "sunrpc",
                        "talk",
                        "tftp",
                        "twamp",
                    ],
                    "required": True,
                },
                "disable": {"type": "bool"},
                "service": {"type": "list", "elements": "str"},
            },
        },
        "permissions": {
            "type": "dict",
            "options": {
                "enterprise_administrator": {"type": "str", "choices": ["edit", "read", "hide"]},
                "enterprise_operator": {"type": "str", "choices": ["edit", "read", "hide"]},
                "service_provider_administrator": {"type": "str", "choices": ["edit", "read", "hide"]},
                "service_provider_operator": {"type": "str", "choices": ["edit", "read", "hide"]},
            },
        },
    },
}
