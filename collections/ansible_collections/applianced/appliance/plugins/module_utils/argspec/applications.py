# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.
"""The argument `config` of applications."""

from __future__ import annotations

CONFIG = {
    "type": "list",
    "elements": "dict",
    "options": {
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "application_protocol": {"type": "str"},
        "protocol": {"type": "str"},
        "source_port": {"type": "str"},
        "destination_port": {"type": "str"},
        "icmp_type": {"type": "int"},
        "icmp_code": {"type": "int"},
        "icmp6_type": {"type": "int"},
        "icmp6_code": {"type": "int"},
        "rpc_program_number": {"type": "str"},
        "uuid": {"type": "str"},
        "inactivity_timeout": {"type": "str"},
        "term": {
            "type": "list",
            "elements": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "alg": {"type": "str"},
                "protocol": {"type": "str"},
                "source_port": {"type": "str"},
                "destination_port": {"type": "str"},
                "icmp_type": {"type": "int"},
                "icmp_code": {"type": "int"},
                "icmp6_type": {"type": "int"},
                "icmp6_code": {"type": "int"},
                "rpc_program_number": {"type": "str"},
                "uuid": {"type": "str"},
                "inactivity_timeout": {"type": "str"},
            },
        },
    },
}
