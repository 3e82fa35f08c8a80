"""Packets that connection tracking never sees: those of protocols without ports, which conntrack cannot tell apart.

A chain at prerouting -300, before conntrack, takes them out (`notrack`), translates what it must, and sets the packet's
mark: the only mark they have, since it is conntrack that keeps the others. Its bits are those of marks.py:

    bit 9      a control packet, to be read: ALG, queue and fail-open beside it say by whom
    bit 10     admitted by a gate: policy has been asked about the control session

What is marked so is accepted by policy (`ct state untracked` and bit 10), or goes to its worker (bit 9). Packets leave
for the outside through a chain at postrouting 120, where NAT has nothing to say about them.
"""

from __future__ import annotations

from applianced.compiler.marks import (
    CONTROL,
    DATA,
    FAIL_OPEN,
    LARGE_OCTETS,
    LARGE_QUEUES,
    QUEUE_MASK,
    QUEUE_SHIFT,
    QUEUES,
)
from applianced.compiler.ruleset import Do, Rule

CALLS_IN, CALLS_OUT = "calls_in", "calls_out"
"""Their rules are added by raw netlink, see dataplane.calls."""

_NOT_ENHANCED = "@th,0,32 & 0xef7fffff != 0x2001880b"
"""Other GRE than that with a key, version 1, and PPP in it; sequence and acknowledgement may be there (RFC 2637 4.1).
In a rule without `meta l4proto`: nft 1.0.6 aborts when it lists both."""

ADMITTED: Rule = (Do("ct state untracked"), Do(f"meta mark & {DATA:#x} == {DATA:#x}"), Do("counter"), Do("accept"))
"""The policy's rule for what a gate has admitted."""


def dispatch(key: str, kind: str, first: int = 0) -> str:
    """A verdict map from the queue in a mark to its chain. key: "ct mark" or "meta mark"; kind: "open" or "closed"."""
    elements = ", ".join(f"{queue << QUEUE_SHIFT:#x} : goto {kind}_{first + queue}" for queue in range(QUEUES))
    return f"{key} & {QUEUE_MASK:#x} vmap {{ {elements} }}"


def maps(version: int, size: int) -> str:
    """The maps of one family."""
    address = "ipv4_addr" if version == 4 else "ipv6_addr"
    key = f"type {address} . {address} . inet_service"
    return f"""\
  map calls{version} {{ {key} : {address}; flags timeout; size {size}; counter; }}
  map call_ids{version} {{ {key} : inet_service; flags timeout; size {size}; }}
  map call_sources{version} {{ {key} : {address}; flags timeout; size {size}; }}
"""


def chains() -> str:
    """The chains, before those that jump to `untracked_to_queue`."""
    return f"""\
  chain {CALLS_IN} {{
    {_NOT_ENHANCED} accept
  }}
  chain {CALLS_OUT} {{
    {_NOT_ENHANCED} accept
  }}
  chain untracked_in {{
    type filter hook prerouting priority -300; policy accept;
    meta l4proto 47 goto {CALLS_IN}
  }}
  chain untracked_out {{
    type filter hook postrouting priority 120; policy accept;
    ct state != untracked accept
    meta mark & {DATA:#x} != {DATA:#x} accept
    meta l4proto 47 goto {CALLS_OUT}
  }}
  chain untracked_to_queue {{
    meta mark & {CONTROL:#x} != {CONTROL:#x} accept
    meta length > {LARGE_OCTETS} goto untracked_to_large_queue
    meta mark & {FAIL_OPEN:#x} == {FAIL_OPEN:#x} {dispatch("meta mark", "open")}
    {dispatch("meta mark", "closed")}
  }}
  chain untracked_to_large_queue {{
    meta mark & {FAIL_OPEN:#x} == {FAIL_OPEN:#x} {dispatch("meta mark", "open", LARGE_QUEUES)}
    {dispatch("meta mark", "closed", LARGE_QUEUES)}
  }}
"""
