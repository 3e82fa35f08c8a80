"""A program that accepts every packet of the control sessions unread: what the queue alone costs.

Run inside the gateway's namespace, after its table with the chain that has no rule yet; prints READY.
"""

from __future__ import annotations

import os
import sys
from struct import pack

from netfilterqueue import NetfilterQueue, Packet

from applianced.dataplane.netlink import APPEND, CREATE, Netlink, attribute, nested, nft_message, number, text

TABLE, CHAIN = "bench", "to_idle_queue"
QUEUE = 0
NEW_RULE = 6
BYPASS = 1


def add_queue_rule() -> None:
    """xt NFQUEUE revision 3 (queue, total, flags) by raw netlink: every kernel takes it, also without NFT_QUEUE."""
    target = attribute(1, text("NFQUEUE")) + attribute(2, number(3))
    target += attribute(3, pack("=HHH", QUEUE, 1, BYPASS).ljust(8, b"\0"))
    expression = nested(1, attribute(1, text("target")), nested(2, target))
    body = attribute(1, text(TABLE)) + attribute(2, text(CHAIN)) + nested(4, expression)
    netlink = Netlink()
    if code := netlink.transaction([nft_message(NEW_RULE, CREATE | APPEND, body)]):
        sys.exit(f"queue rule: {os.strerror(code)}")
    netlink.close()


def accept(packet: Packet) -> None:
    packet.accept()


def main() -> None:
    queue = NetfilterQueue()
    queue.bind(QUEUE, accept, max_len=65536, sock_len=1 << 25)
    add_queue_rule()
    print("READY", flush=True)
    queue.run()


if __name__ == "__main__":
    main()
