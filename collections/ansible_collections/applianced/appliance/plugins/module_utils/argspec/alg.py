# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.
"""The argument `config` of alg."""

from __future__ import annotations

CONFIG = {
    "type": "dict",
    "options": {
        "pptp": {
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
        "ike_esp_nat": {
            "type": "dict",
            "options": {
                "disable": {"type": "bool"},
                "enable": {"type": "bool"},
                "esp_gate_timeout": {"type": "int"},
                "esp_session_timeout": {"type": "int"},
                "state_timeout": {"type": "int"},
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
        "sip": {
            "type": "dict",
            "options": {
                "disable": {"type": "bool"},
                "inactive_media_timeout": {"type": "int"},
                "maximum_call_duration": {"type": "int"},
                "t1_interval": {"type": "int"},
                "t4_interval": {"type": "int"},
                "c_timeout": {"type": "int"},
                "disable_call_id_hiding": {"type": "bool"},
                "retain_hold_resource": {"type": "bool"},
                "hide_via_headers": {"type": "dict", "options": {"disable": {"type": "bool"}}},
                "application_screen": {
                    "type": "dict",
                    "options": {
                        "unknown_message": {
                            "type": "dict",
                            "options": {
                                "permit_nat_applied": {"type": "bool"},
                                "permit_routed": {"type": "bool"},
                            },
                        },
                        "protect": {
                            "type": "dict",
                            "options": {
                                "deny": {
                                    "type": "dict",
                                    "mutually_exclusive": [["destination_ip", "all"]],
                                    "options": {
                                        "destination_ip": {"type": "list", "elements": "str"},
                                        "all": {"type": "bool"},
                                        "timeout": {"type": "int"},
                                    },
                                },
                            },
                        },
                        "message_rate": {
                            "type": "dict",
                            "options": {
                                "invite": {"type": "int"},
                                "ack": {"type": "int"},
                                "bye": {"type": "int"},
                                "cancel": {"type": "int"},
                                "register": {"type": "int"},
                                "options": {"type": "int"},
                                "prack": {"type": "int"},
                                "update": {"type": "int"},
                                "refer": {"type": "int"},
                                "subscribe": {"type": "int"},
                                "notify": {"type": "int"},
                                "publish": {"type": "int"},
                                "message_": {"type": "int"},
                                "info": {"type": "int"},
                                "other": {"type": "int"},
                            },
                        },
                        "source_rate": {
                            "type": "dict",
                            "options": {
                                "invite": {"type": "int"},
                                "ack": {"type": "int"},
                                "bye": {"type": "int"},
                                "cancel": {"type": "int"},
                                "register": {"type": "int"},
                                "options": {"type": "int"},
                                "prack": {"type": "int"},
                                "update": {"type": "int"},
                                "refer": {"type": "int"},
                                "subscribe": {"type": "int"},
                                "notify": {"type": "int"},
                                "publish": {"type": "int"},
                                "message_": {"type": "int"},
                                "info": {"type": "int"},
                                "other": {"type": "int"},
                                "all": {"type": "int"},
                            },
                        },
                    },
                },
                "dscp_rewrite": {"type": "dict", "options": {"code_point": {"type": "str"}}},
                "early_media": {"type": "bool"},
                "hosted_nat_traversal": {"type": "bool"},
                "ice_candidates": {"type": "str", "choices": ["remove", "rewrite"]},
                "media_proxy": {"type": "list", "elements": "str"},
                "outside_zone": {"type": "list", "elements": "str"},
                "control_gate": {
                    "type": "list",
                    "elements": "str",
                    "choices": ["contact", "register", "via", "record-route", "route"],
                },
                "incoming_calls_from": {"type": "str", "choices": ["registrar", "anyone"]},
                "limits": {
                    "type": "dict",
                    "options": {
                        "calls_per_session": {"type": "int"},
                        "calls_total": {"type": "int"},
                        "transactions_per_session": {"type": "int"},
                        "transactions_total": {"type": "int"},
                        "registrations_per_session": {"type": "int"},
                        "registrations_per_source": {"type": "int"},
                        "registrations_total": {"type": "int"},
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
    },
}
