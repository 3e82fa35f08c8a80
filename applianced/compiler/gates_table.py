"""The gates table: made once, replaced by no commit (see marks.py for the layout of ct mark).

Order of the hooks that meet a forwarded packet, ours in brackets:

    prerouting  -300 [untracked, see untracked.py] | -200 conntrack
                -150 [helper extension] | -101 [gates' DNAT] | -100 policy's DNAT
    forward      -10 [admit] | 0 policy | 40 [SYN of control sessions] | 50 [queue] | 51 [mark back]
    postrouting   99 [gates' SNAT] | 100 policy's SNAT | 110 [gates of awaited answers] | 120 [untracked]

Maps and sets are declared with `type`: nft 1.0.6 cannot load a rule a second time that names a map declared by
`typeof` with `th`. TCP gates are one-shot: the rule that admits deletes its own element. A gate for every port leaves
out those of control sessions: these are for the policy to admit and for an ALG to read.

Datagrams that the queue's reader would cut go to a second queue of their worker.
"""

from __future__ import annotations

from applianced.compiler import gates_media, keyed, untracked
from applianced.compiler.marks import (
    AFTER_NAT,
    CONTROL,
    CONTROL_PORTS,
    DATA,
    FAIL_OPEN,
    GATES_TABLE,
    LARGE_OCTETS,
    LARGE_QUEUES,
    OFFLOAD_LABEL,
    OPENING,
    OWN_ACKNOWLEDGEMENT,
    QUEUES,
    UNACKED,
    UNTOUCHED,
)

MSS = 1200
"""The SYN of a control session is clamped to this, so that a segment that grows still fits."""
SIZE = 131072
"""Elements per map: four times the gates that all workers may hold, since expired ones are collected late."""
HELPER_OBJECT = "sequence_offsets"
"""ct expectation object of size 0: attaches the extension without which the kernel shifts no sequence numbers."""
HELPER_CHAIN = "attach_extension"
ONCE_OFFLOAD = "once_offload"
"""One-shot gates whose sessions may be offloaded, see offload.py."""
AWAITED_CHAIN = "open_awaited"
"""Opens the gates of answers; its rules are added by raw netlink, see dataplane.extension."""


def _family(version: int) -> str:
    address, ip = ("ipv4_addr", "ip") if version == 4 else ("ipv6_addr", "ip6")
    tuple_ = f"inet_proto . {address} . {address} . inet_service"
    return f"""\
  map dnat{version} {{ type {tuple_} : {address} . inet_service; flags timeout, dynamic; size {SIZE}; }}
  map source{version} {{ type {tuple_} : {address}; flags timeout, dynamic; size {SIZE}; }}
  set once{version} {{ type {tuple_}; flags timeout, dynamic; size {SIZE}; }}
  set {ONCE_OFFLOAD}{version} {{ type {tuple_}; flags timeout, dynamic; size {SIZE}; }}
  set several{version} {{ type {tuple_}; flags timeout; size {SIZE}; }}
  set pair{version} {{ type inet_proto . {address} . {address}; flags timeout; size {SIZE}; }}
{untracked.maps(version, SIZE)}{keyed.maps(version, SIZE)}\
  chain gates_dnat {{
    dnat {ip} to meta l4proto . {ip} saddr . {ip} daddr . th dport map @dnat{version}
  }}
  chain gates_snat {{
    snat {ip} to meta l4proto . {ip} saddr . {ip} daddr . th dport map @source{version}
  }}
  chain admit {{
    meta l4proto . {ip} saddr . {ip} daddr . th dport @once{version} \
delete @once{version} {{ meta l4proto . {ip} saddr . {ip} daddr . th dport }} jump admitted
    meta l4proto . {ip} saddr . {ip} daddr . th dport @{ONCE_OFFLOAD}{version} \
delete @{ONCE_OFFLOAD}{version} {{ meta l4proto . {ip} saddr . {ip} daddr . th dport }} jump admitted_offload
    meta l4proto . {ip} saddr . {ip} daddr . th dport @several{version} jump admitted
    meta l4proto . {ip} saddr . {ip} daddr @pair{version} meta l4proto . th dport != @{CONTROL_PORTS} jump admitted
  }}
"""


def _queue_chains(queue_statement: bool) -> str:
    """A chain per queue, with and without bypass; without the nft statement their rules come by raw netlink."""
    chains = []
    for queue in (*range(QUEUES), *range(LARGE_QUEUES, LARGE_QUEUES + QUEUES)):
        closed = f"queue num {queue}" if queue_statement else ""
        opened = f"queue flags bypass to {queue}" if queue_statement else ""
        chains.append(f"  chain closed_{queue} {{ {closed}\n  }}\n  chain open_{queue} {{ {opened}\n  }}\n")
    return "".join(chains)


def _open_dispatch() -> str:
    return f"ct mark & {FAIL_OPEN:#x} == {FAIL_OPEN:#x} {untracked.dispatch('ct mark', 'open')}"


def gates_table(*, queue_statement: bool) -> str:
    """nft text that makes the table. queue_statement: the kernel has NFT_QUEUE."""
    return f"""\
table inet {GATES_TABLE} {{
  counter admitted {{ }}
  set {CONTROL_PORTS} {{ type inet_proto . inet_service; flags interval; }}
{_queue_chains(queue_statement)}\
  chain {HELPER_CHAIN} {{
    type filter hook prerouting priority -150; policy accept;
    ct state != new accept
  }}
  chain gates_dnat {{
    type nat hook prerouting priority -101; policy accept;
  }}
  chain gates_snat {{
    type nat hook postrouting priority 99; policy accept;
  }}
  chain admitted {{
    ct mark set {DATA:#x} counter name admitted accept
  }}
  chain admitted_offload {{
    ct label set {OFFLOAD_LABEL} goto admitted
  }}
{gates_media.chains(_open_dispatch(), untracked.dispatch("ct mark", "closed"))}\
  chain admit {{
    type filter hook forward priority -10; policy accept;
    ct state != new accept
    ct mark & {DATA:#x} == {DATA:#x} accept
  }}
{_family(4)}{_family(6)}{gates_media.family(4, SIZE)}{gates_media.family(6, SIZE)}\
{untracked.chains()}{keyed.chains()}\
  chain syn_of_control {{
    type filter hook forward priority 40; policy accept;
    ct mark & {CONTROL:#x} != {CONTROL:#x} accept
    tcp flags & syn != syn accept
    tcp option maxseg size > {MSS} tcp option maxseg size set {MSS}
    reset tcp option timestamp
  }}
  chain to_queue {{
    type filter hook forward priority 50; policy accept;
    ct state untracked goto untracked_to_queue
    ct mark & {CONTROL:#x} != {CONTROL:#x} accept
    ct mark & {UNTOUCHED:#x} == {UNTOUCHED:#x} accept
    ct mark & {UNACKED:#x} == {UNACKED:#x} goto enqueue
    meta l4proto != tcp goto enqueue
    tcp flags & (fin|syn|rst) != 0 goto enqueue
    @ih,0,8 >= 0 goto enqueue
  }}
  chain enqueue {{
    meta mark set ct mark
    meta l4proto udp jump datagram
    {_open_dispatch()}
    {untracked.dispatch("ct mark", "closed")}
  }}
  chain datagram {{
    meta mark set meta mark & {0xFFFFFFFF & ~OPENING:#x}
    meta length > {LARGE_OCTETS} goto enqueue_large
  }}
  chain {AWAITED_CHAIN} {{
    type filter hook postrouting priority 110; policy accept;
    meta l4proto != udp accept
    meta mark & {CONTROL | AFTER_NAT:#x} != {CONTROL | OPENING:#x} accept
  }}
  chain enqueue_large {{
    ct mark & {FAIL_OPEN:#x} == {FAIL_OPEN:#x} {untracked.dispatch("ct mark", "open", LARGE_QUEUES)}
    {untracked.dispatch("ct mark", "closed", LARGE_QUEUES)}
  }}
  chain own_acknowledgements {{
    type filter hook output priority -300; policy accept;
    meta mark {OWN_ACKNOWLEDGEMENT:#x} notrack
  }}
  chain mark_back {{
    type filter hook forward priority 51; policy accept;
    meta mark & {CONTROL:#x} == {CONTROL:#x} ct mark set meta mark
  }}
}}
"""
