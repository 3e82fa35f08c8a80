# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments that modules share; doc_fragments/change.py and doc_fragments/resource.py describe them."""

from __future__ import annotations

CACHE = "~/.ansible/applianced"

CHANGE = {
    "comment": {"type": "str"},
    "confirm_timeout": {"type": "int"},
    "persist_id": {"type": "str"},
    "when_busy": {"type": "str", "choices": ["fail", "wait"], "default": "fail"},
    "busy_timeout": {"type": "int", "default": 60},
    "cache_path": {"type": "path", "default": CACHE},
}

STATES = ["merged", "replaced", "overridden", "deleted", "gathered", "rendered", "parsed"]


def resource_spec(config):
    """What AnsibleModule takes, for a resource module with this argument `config`."""
    return {
        "argument_spec": {
            "config": config,
            "running_config": {"type": "str"},
            "state": {"type": "str", "choices": STATES, "default": "merged"},
            **CHANGE,
        },
        "required_if": [
            ("state", "merged", ["config"]),
            ("state", "replaced", ["config"]),
            ("state", "overridden", ["config"]),
            ("state", "rendered", ["config"]),
            ("state", "parsed", ["running_config"]),
        ],
        "supports_check_mode": True,
    }
