# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.
"""The argument `config` of zones."""

from __future__ import annotations

CONFIG = {
    "type": "dict",
    "options": {
        "security_zone": {
            "type": "list",
            "elements": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "description": {"type": "str"},
                "host_inbound_traffic": {
                    "type": "dict",
                    "options": {
                        "system_services": {
                            "type": "list",
                            "elements": "dict",
                            "options": {
                                "name": {
                                    "type": "str",
                                    "choices": [
                                        "all",
                                        "dhcp",
                                        "dhcpv6",
                                        "dns",
                                        "ftp",
                                        "http",
                                        "https",
                                        "ike",
                                        "netconf",
                                        "ntp",
                                        "ping",
                                        "snmp",
                                        "ssh",
                                        "telnet",
                                        "tftp",
                                        "traceroute",
                                    ],
                                    "required": True,
                                },
                            },
                        },
                        "protocols": {
                            "type": "list",
                            "elements": "dict",
                            "options": {
                                "name": {
                                    "type": "str",
                                    "choices": [
                                        "all",
                                        "bfd",
                                        "bgp",
                                        "igmp",
                                        "ldp",
                                        "msdp",
                                        "ospf",
                                        "ospf3",
                                        "pim",
                                        "rip",
                                        "ripng",
                                        "rsvp",
                                        "vrrp",
                                    ],
                                    "required": True,
                                },
                            },
                        },
                    },
                },
                "interfaces": {
                    "type": "list",
                    "elements": "dict",
                    "options": {
                        "name": {"type": "str", "required": True},
                        "host_inbound_traffic": {
                            "type": "dict",
                            "options": {
                                "system_services": {
                                    "type": "list",
                                    "elements": "dict",
                                    "options": {
                                        "name": {
                                            "type": "str",
                                            "choices": [
                                                "all",
                                                "dhcp",
                                                "dhcpv6",
                                                "dns",
                                                "ftp",
                                                "http",
                                                "https",
                                                "ike",
                                                "netconf",
                                                "ntp",
                                                "ping",
                                                "snmp",
                                                "ssh",
                                                "telnet",
                                                "tftp",
                                                "traceroute",
                                            ],
                                            "required": True,
                                        },
                                    },
                                },
                                "protocols": {
                                    "type": "list",
                                    "elements": "dict",
                                    "options": {
                                        "name": {
                                            "type": "str",
                                            "choices": [
                                                "all",
                                                "bfd",
                                                "bgp",
                                                "igmp",
                                                "ldp",
                                                "msdp",
                                                "ospf",
                                                "ospf3",
                                                "pim",
                                                "rip",
                                                "ripng",
                                                "rsvp",
                                                "vrrp",
                                            ],
                                            "required": True,
                                        },
                                    },
                                },
                            },
                        },
                    },
                },
                "alg_policy": {"type": "str"},
            },
        },
        "functional_zone": {
            "type": "dict",
            "options": {
                "management": {
                    "type": "dict",
                    "options": {
                        "host_inbound_traffic": {
                            "type": "dict",
                            "options": {
                                "system_services": {
                                    "type": "list",
                                    "elements": "dict",
                                    "options": {
                                        "name": {
                                            "type": "str",
                                            "choices": [
                                                "all",
                                                "dhcp",
                                                "dhcpv6",
                                                "dns",
                                                "ftp",
                                                "http",
                                                "https",
                                                "ike",
                                                "netconf",
                                                "ntp",
                                                "ping",
                                                "snmp",
                                                "ssh",
                                                "telnet",
                                                "tftp",
                                                "traceroute",
                                            ],
                                            "required": True,
                                        },
                                    },
                                },
                                "protocols": {
                                    "type": "list",
                                    "elements": "dict",
                                    "options": {
                                        "name": {
                                            "type": "str",
                                            "choices": [
                                                "all",
                                                "bfd",
                                                "bgp",
                                                "igmp",
                                                "ldp",
                                                "msdp",
                                                "ospf",
                                                "ospf3",
                                                "pim",
                                                "rip",
                                                "ripng",
                                                "rsvp",
                                                "vrrp",
                                            ],
                                            "required": True,
                                        },
                                    },
                                },
                            },
                        },
                        "interfaces": {
                            "type": "list",
                            "elements": "dict",
                            "options": {
                                "name": {"type": "str", "required": True},
                                "host_inbound_traffic": {
                                    "type": "dict",
                                    "options": {
                                        "system_services": {
                                            "type": "list",
                                            "elements": "dict",
                                            "options": {
                                                "name": {
                                                    "type": "str",
                                                    "choices": [
                                                        "all",
                                                        "dhcp",
                                                        "dhcpv6",
                                                        "dns",
                                                        "ftp",
                                                        "http",
                                                        "https",
                                                        "ike",
                                                        "netconf",
                                                        "ntp",
                                                        "ping",
                                                        "snmp",
                                                        "ssh",
                                                        "telnet",
                                                        "tftp",
                                                        "traceroute",
                                                    ],
                                                    "required": True,
                                                },
                                            },
                                        },
                                        "protocols": {
                                            "type": "list",
                                            "elements": "dict",
                                            "options": {
                                                "name": {
                                                    "type": "str",
                                                    "choices": [
                                                        "all",
                                                        "bfd",
                                                        "bgp",
                                                        "igmp",
                                                        "ldp",
                                                        "msdp",
                                                        "ospf",
                                                        "ospf3",
                                                        "pim",
                                                        "rip",
                                                        "ripng",
                                                        "rsvp",
                                                        "vrrp",
                                                    ],
                                                    "required": True,
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
