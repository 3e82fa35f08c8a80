# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.
"""The argument `config` of system."""

from __future__ import annotations

CONFIG = {
    "type": "dict",
    "options": {
        "host_name": {"type": "str"},
        "platform_profile": {"type": "str", "choices": ["branch", "high-end", "sdwan"]},
        "services": {
            "type": "dict",
            "options": {
                "netconf": {
                    "type": "dict",
                    "options": {
                        "session_limit": {"type": "int"},
                        "session_limit_per_user": {"type": "int"},
                        "private_candidate_limit": {"type": "int"},
                        "message_size": {"type": "int"},
                        "message_memory": {"type": "int"},
                        "reply_memory": {"type": "int"},
                        "idle_timeout": {"type": "int"},
                        "hello_timeout": {"type": "int"},
                        "message_timeout": {"type": "int"},
                        "reply_timeout": {"type": "int"},
                        "notification": {
                            "type": "dict",
                            "options": {
                                "replay_log_count": {"type": "int"},
                                "replay_log_size": {"type": "int"},
                                "queue_count": {"type": "int"},
                                "queue_size": {"type": "int"},
                                "event": {
                                    "type": "list",
                                    "elements": "dict",
                                    "mutually_exclusive": [["enable", "disable"]],
                                    "options": {
                                        "name": {
                                            "type": "str",
                                            "choices": [
                                                "netconf-config-change",
                                                "netconf-capability-change",
                                                "netconf-session-start",
                                                "netconf-session-end",
                                                "netconf-confirmed-commit",
                                                "login-failure",
                                                "gate-opened",
                                                "gate-closed",
                                                "gate-refused",
                                                "violation",
                                                "worker-down",
                                                "worker-up",
                                                "alarm-raised",
                                                "alarm-cleared",
                                            ],
                                            "required": True,
                                        },
                                        "enable": {"type": "bool"},
                                        "disable": {"type": "bool"},
                                        "rate_limit": {"type": "int"},
                                    },
                                },
                            },
                        },
                        "ssh": {
                            "type": "dict",
                            "options": {
                                "port": {"type": "int"},
                                "connection_limit": {"type": "int"},
                                "rate_limit": {"type": "int"},
                                "pending_login_limit": {"type": "int"},
                                "login_grace_time": {"type": "int"},
                                "max_sessions_per_connection": {"type": "int"},
                                "client_alive_interval": {"type": "int"},
                                "client_alive_count_max": {"type": "int"},
                                "hostkey_algorithm_list": {
                                    "type": "list",
                                    "elements": "str",
                                    "choices": ["ed25519", "ecdsa", "rsa"],
                                },
                                "tcp_keepalives": {
                                    "type": "dict",
                                    "options": {
                                        "idle_time": {"type": "int"},
                                        "max_probes": {"type": "int"},
                                        "probe_interval": {"type": "int"},
                                    },
                                },
                            },
                        },
                        "url": {
                            "type": "dict",
                            "options": {
                                "file": {"type": "bool"},
                                "file_limit": {"type": "int"},
                                "size_limit": {"type": "int"},
                                "timeout": {"type": "int"},
                                "https_server": {
                                    "type": "list",
                                    "elements": "dict",
                                    "options": {
                                        "host": {"type": "str", "required": True},
                                        "port": {"type": "int"},
                                        "path_prefix": {"type": "str"},
                                        "ca_certificate": {"type": "list", "elements": "str"},
                                        "certificate_sha256": {"type": "list", "elements": "str"},
                                        "private_address": {"type": "bool"},
                                    },
                                },
                            },
                        },
                        "call_home": {
                            "type": "dict",
                            "options": {
                                "netconf_client": {
                                    "type": "list",
                                    "elements": "dict",
                                    "options": {
                                        "name": {"type": "str", "required": True},
                                        "endpoint": {
                                            "type": "list",
                                            "elements": "dict",
                                            "options": {
                                                "name": {"type": "str", "required": True},
                                                "address": {"type": "str"},
                                                "port": {"type": "int"},
                                            },
                                        },
                                        "connection_type": {
                                            "type": "dict",
                                            "options": {
                                                "periodic": {
                                                    "type": "dict",
                                                    "options": {
                                                        "period": {"type": "int"},
                                                        "anchor_time": {"type": "str"},
                                                        "idle_timeout": {"type": "int"},
                                                    },
                                                },
                                            },
                                        },
                                        "reconnect_strategy": {
                                            "type": "dict",
                                            "options": {
                                                "start_with": {
                                                    "type": "str",
                                                    "choices": [
                                                        "first-listed",
                                                        "last-connected",
                                                        "random-selection",
                                                    ],
                                                },
                                                "max_attempts": {"type": "int"},
                                                "interval": {"type": "int"},
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
