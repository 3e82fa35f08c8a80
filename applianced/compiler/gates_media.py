"""The part of the gates table for protocols of several parties: media both ways, further control sessions, and
datagrams that are judged behind source NAT.

    prerouting  -102 [media' DNAT]
    forward       -9 [admit media, and control sessions] | 52 [code points]
    postrouting   98 [media' SNAT] | 111 [queue again] | 120 [mark back]

A medium is an element per direction that can be sent to (`media`, whose data is the ct mark of its sessions) and, of an
end that is translated, one that leads to it (`dnat`) and one for what it sends (`leave`). Where a side is not known,
maps without the other party's address take their place (`media_any`, `dnat_any`, `leave_any`, `arrive_any`), or
`learn` and `first`, from which the first who comes takes the element. A party that was told to send to an unknown side
(`arrive_any`) is not let out (`unlearned`) before something came from there: its own session would stand in the way.

The marks have the bit for what nobody expects set: it is taken off where the way back leads to the same medium, so the
session goes between the two endpoints that were announced.
"""

from __future__ import annotations

from applianced.compiler.marks import (
    AFTER_NAT,
    CONTROL,
    DATA,
    DSCP_MASK,
    DSCP_SET,
    DSCP_SHIFT,
    LARGE_OCTETS,
    PUBLISHED,
    UNEXPECTED,
)

PUBLISHED_CHAIN = "published"
"""Remembers where a first datagram was sent to; its rules are added by raw netlink, see dataplane.extension."""
SENT_TO = "sent_to4", "sent_to6"
"""Protocol, source and destination as the inside sees them -> where it was sent to; a moment long."""
UNEXPECTED_COUNTER = "media_unexpected"
"""Counts sessions of media that have the bit."""
ATTACH_SETS = "attach4", "attach6"
"""Outside endpoints of control gates for TCP: their sessions need the helper extension, see gates_table."""


def family(version: int, size: int) -> str:
    """Maps, sets and rules for one IP version. size: elements of a map."""
    address, ip = ("ipv4_addr", "ip") if version == 4 else ("ipv6_addr", "ip6")
    end = f"inet_proto . {address} . inet_service"
    way = f"inet_proto . {address} . {address} . inet_service"
    leaving = f"inet_proto . {address} . inet_service . {address}"
    to = f"meta l4proto . {ip} daddr . th dport"
    sender_to = f"meta l4proto . {ip} saddr . {ip} daddr . th dport"
    back = f"meta l4proto . {ip} daddr . {ip} saddr . th sport"
    sent_by = f"meta l4proto . {ip} saddr . th sport"
    return f"""\
  map media{version} {{ type {way} : mark; flags timeout; size {size}; }}
  map media_any{version} {{ type {end} : mark; flags timeout; size {size}; }}
  map learn{version} {{ type {end} : mark; flags timeout; size {size}; }}
  set first{version} {{ type {end}; flags timeout, dynamic; size {size}; }}
  map control{version} {{ type {way} : mark; flags timeout; size {size}; }}
  map control_any{version} {{ type {end} : mark; flags timeout; size {size}; }}
  map dnat_any{version} {{ type {end} : {address} . inet_service; flags timeout; size {size}; }}
  map leave{version} {{ type {leaving} : {address} . inet_service; flags timeout; size {size}; }}
  map leave_any{version} {{ type {end} : {address} . inet_service; flags timeout; size {size}; }}
  map arrive_any{version} {{ type {end} : {address} . inet_service; flags timeout; size {size}; }}
  set unlearned{version} {{ type {way}; flags timeout; size {size}; }}
  map {SENT_TO[version == 6]} {{ type {way} : {address} . inet_service; flags timeout, dynamic; size {size}; }}
  set {ATTACH_SETS[version == 6]} {{ type {end}; flags timeout; size {size}; }}
  chain media_dnat {{
    dnat {ip} to {to} map @dnat_any{version}
  }}
  chain media_snat {{
    snat {ip} to {sent_by} . {ip} daddr map @leave{version}
    snat {ip} to {sent_by} map @leave_any{version}
    ct mark & {DATA:#x} == {DATA:#x} snat {ip} to {to} map @arrive_any{version}
  }}
  chain expected{version} {{
    ct mark set {back} map @media{version} ct mark set ct mark & {0xFFFFFFFF & ~UNEXPECTED:#x} \
counter name media accept
    counter name {UNEXPECTED_COUNTER} accept
  }}
  chain admit_media {{
    {sender_to} @unlearned{version} counter name media_unlearned drop
    ct mark set {sender_to} map @media{version} goto expected{version}
    ct mark set {to} map @media_any{version} counter name {UNEXPECTED_COUNTER} accept
    {to} @first{version} ct mark set {to} map @learn{version} delete @first{version} {{ {to} }} \
counter name {UNEXPECTED_COUNTER} accept
    ct mark set {sender_to} map @control{version} accept
    ct mark set {to} map @control_any{version} accept
  }}
"""


def chains(dispatch_open: str, dispatch_closed: str) -> str:
    """Base chains, and what belongs to no IP version; to stand before `family`. dispatch_*: rules that queue a packet
    which is not large."""
    both = DATA | DSCP_SET
    return f"""\
  counter media {{ }}
  counter media_unlearned {{ }}
  counter {UNEXPECTED_COUNTER} {{ }}
  chain media_dnat {{
    type nat hook prerouting priority -102; policy accept;
  }}
  chain media_snat {{
    type nat hook postrouting priority 98; policy accept;
  }}
  chain admit_media {{
    type filter hook forward priority -9; policy accept;
    ct state != new accept
    ct mark & {DATA | CONTROL:#x} != 0 accept
  }}
  chain media_dscp {{
    type filter hook forward priority 52; policy accept;
    ct mark & {both:#x} != {both:#x} accept
    ct mark & {DSCP_MASK:#x} vmap {{ {_points()} }}
  }}
{_marking()}\
  chain {PUBLISHED_CHAIN} {{
  }}
  chain judge_after_nat {{
    type filter hook postrouting priority 111; policy accept;
    meta l4proto != udp accept
    meta mark & {CONTROL | AFTER_NAT:#x} != {CONTROL | AFTER_NAT:#x} accept
    ct status & dnat == dnat meta mark set meta mark | {PUBLISHED:#x} jump {PUBLISHED_CHAIN}
    meta length > {LARGE_OCTETS} goto enqueue_large
    {dispatch_open}
    {dispatch_closed}
  }}
  chain mark_back_late {{
    type filter hook postrouting priority 120; policy accept;
    meta l4proto != udp accept
    meta mark & {CONTROL:#x} == {CONTROL:#x} ct mark set meta mark
  }}
"""


def _points() -> str:
    return ", ".join(f"{point << DSCP_SHIFT:#x} : goto dscp_{point}" for point in range(64))


def _marking() -> str:
    return "".join(
        f"  chain dscp_{point} {{ meta nfproto ipv4 ip dscp set {point}\n"
        f"    meta nfproto ipv6 ip6 dscp set {point}\n  }}\n"
        for point in range(64)
    )
