"""The layout of ct mark and ct label, and the names that both nft tables share.

Laid out here once; nobody else decides a bit. An ALG's number is its place in ALG_NUMBERS, which is part of the
kernel's state and therefore only ever grows at its end.

    bits 0-4    ALG                          bit 11  fail-open: its queue may be bypassed
    bits 5-8    queue                        bit 12  pass untouched (handed to TLS, or unknown after a restart)
    bit 9       control session              bit 13  a length change is unacknowledged: queue pure ACKs too
    bit 10      data session                 bits 14-31  slot of the control session in its worker's books

Of a data session, which has no slot:

    bit 13  it does not go between the two endpoints that were announced
    bits 14-19  code point (RFC 2474) that its packets get, when bit 20 is set

Of a session that is neither:

    bit 13  it may be offloaded, and bits 14-31 are its inactivity timeout in seconds, shorter than its protocol's
"""

from __future__ import annotations

ALG_MASK = 0x1F
QUEUE_SHIFT = 5
QUEUE_MASK = 0xF << QUEUE_SHIFT
QUEUES = 16
LARGE_QUEUES = 16
"""Number of the first worker's queue for large packets; those of the others follow."""
LARGE_OCTETS = 4000
"""Datagrams over this go to it."""
CONTROL = 0x200
DATA = 0x400
FAIL_OPEN = 0x800
UNTOUCHED = 0x1000
UNACKED = 0x2000
OPENING = 0x2000
"""The same bit of a datagram, in its packet's mark alone: the kernel opens the gate of its answer as it leaves."""
AFTER_NAT = OPENING | UNTOUCHED
"""Both, of a datagram's packet mark: it is to be judged once more, when source NAT has decided."""
PUBLISHED = DATA
"""The same bit of such a datagram's packet mark: destination NAT has treated it."""
UNEXPECTED = 0x2000
"""Of a data session: a party sends from another endpoint than it announced, or nobody knows who it is."""
OWN_TIME = 0x2000
OWN_TIME_SHIFT = 14
DSCP_SHIFT = 14
DSCP_MASK = 0x3F << DSCP_SHIFT
DSCP_SET = 1 << 20
AWAITED_S = 10.0
"""How long the kernel keeps such a gate: any server answers within, and each repeated request begins anew."""
SLOT_SHIFT = 14
SLOTS = 1 << 18

ALG_NUMBERS = {
    name: number
    for number, name in enumerate(
        (
            "dns", "ftp", "h323", "mgcp", "msrpc", "pptp", "rsh", "rtsp", "sccp", "sip", "sql", "sunrpc",
            "talk", "tftp", "ike-esp-nat", "twamp",
        ),
        start=1,
    )
}  # fmt: skip
ALG_NAMES = {number: name for name, number in ALG_NUMBERS.items()}

POLICY_LABEL_BITS = 16
"""ct label bits 0-15 carry the number of the policy that admitted a flow, in binary."""
OFFLOAD_LABEL = 16
"""This bit of ct label: the session was admitted under `services-offload`, see offload.py."""

HASH_SEED = 0x5EED
"""Seed of every jhash, in nft and in the ALGs' own computation of it."""

GATES_TABLE = "gates"
POLICY_TABLE = "rules"
OFFLOAD_TABLE = "fastpath"
CONTROL_PORTS = "control_ports"
"""Set in the gates table (inet_proto . inet_service, interval): ports, before and after DNAT, that an ALG may read."""

LOG_GROUP = 5
"""NFLOG group of the policy table's log statements."""

OWN_ACKNOWLEDGEMENT = 0xAC000000
"""Packet mark of acknowledgements that a worker makes itself; they are not tracked."""
