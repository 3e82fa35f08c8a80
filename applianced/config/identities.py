"""Which ALG each application-protocol name asks for.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

APPLICATION_PROTOCOLS = {
    "bootp": "",
    "dce-rpc": "msrpc",
    "dce-rpc-portmap": "msrpc",
    "dns": "dns",
    "exec": "",
    "ftp": "ftp",
    "ftp-data": "",
    "gprs-gtp-c": "",
    "gprs-gtp-u": "",
    "gprs-gtp-v0": "",
    "gprs-sctp": "",
    "h323": "h323",
    "http": "",
    "https": "",
    "icmp": "",
    "icmpv6": "",
    "ignore": "",
    "iiop": "",
    "ike-esp-nat": "ike-esp-nat",
    "imap": "",
    "imaps": "",
    "ip": "",
    "login": "",
    "mgcp-ca": "mgcp",
    "mgcp-ua": "mgcp",
    "ms-rpc": "msrpc",
    "netbios": "",
    "netshow": "",
    "none": "",
    "pop3": "",
    "pop3s": "",
    "pptp": "pptp",
    "q931": "h323",
    "ras": "h323",
    "realaudio": "rtsp",
    "rpc": "sunrpc",
    "rpc-portmap": "sunrpc",
    "rsh": "rsh",
    "rtsp": "rtsp",
    "sccp": "sccp",
    "shell": "rsh",
    "sip": "sip",
    "smtp": "",
    "smtps": "",
    "snmp": "",
    "sqlnet": "sql",
    "sqlnet-v2": "sql",
    "ssh": "",
    "sun-rpc": "sunrpc",
    "talk": "talk",
    "telnet": "",
    "tftp": "tftp",
    "traceroute": "",
    "twamp": "twamp",
    "winframe": "",
}
"""Identities derived from applianced-types:application-protocol -> the ALG they derive from, "" for none."""

KEEP_OFF = frozenset(("ignore", "none"))
"""Names that keep every ALG off, also on a well-known port."""

TRANSPORTS = {
    "dns": frozenset((6, 17)),
    "ftp": frozenset((6,)),
    "h323": frozenset((6, 17)),
    "mgcp": frozenset((17,)),
    "msrpc": frozenset((6, 17)),
    "pptp": frozenset((6,)),
    "rsh": frozenset((6,)),
    "rtsp": frozenset((6,)),
    "sccp": frozenset((6,)),
    "sip": frozenset((6, 17)),
    "sql": frozenset((6,)),
    "sunrpc": frozenset((6, 17)),
    "talk": frozenset((6, 17)),
    "tftp": frozenset((17,)),
    "ike-esp-nat": frozenset((17,)),
    "twamp": frozenset((6,)),
}
"""ALG -> IP protocols (TCP 6, UDP 17) of its control sessions."""
