"""What nft's command line cannot write: the object that attaches the helper extension, and NFQUEUE without NFT_QUEUE.

The object is a ct expectation of size 0: the count of expectations is never below 0, so the statement attaches the
extension, creates no expectation, and ends its rule. nft refuses size 0. The extension must be there before NAT sets a
session up; without it the kernel acknowledges sequence offsets and ignores them.
"""

from __future__ import annotations

import os
from struct import pack

from applianced.compiler.gates_table import HELPER_CHAIN, HELPER_OBJECT
from applianced.compiler.marks import CONTROL_PORTS, GATES_TABLE, LARGE_QUEUES, QUEUES
from applianced.dataplane.netlink import APPEND, CREATE, Netlink, attribute, nested, nft_message, number, text
from applianced.errors import DataplaneError

_NEWRULE, _NEWOBJ = 6, 18
_CT_EXPECT = 9
_REG32_00, _REG32_01 = 8, 9
_META_L4PROTO = 16
_TRANSPORT_HEADER = 2


def _expression(name: str, *parts: bytes) -> bytes:
    return nested(1, attribute(1, text(name)), nested(2, *parts))


def _rule(chain: str, *expressions: bytes) -> bytes:
    body = attribute(1, text(GATES_TABLE)) + attribute(2, text(chain)) + nested(4, *expressions)
    return nft_message(_NEWRULE, CREATE | APPEND, body)


def _helper_object() -> bytes:
    data = nested(
        4,
        attribute(1, number(2, 2)),
        attribute(2, b"\x06"),
        attribute(3, number(1, 2)),
        attribute(4, pack("=I", 1)),
        attribute(5, b"\0"),
    )
    names = attribute(1, text(GATES_TABLE)) + attribute(2, text(HELPER_OBJECT))
    return nft_message(_NEWOBJ, CREATE, names + attribute(3, number(_CT_EXPECT)) + data)


def _helper_rule() -> bytes:
    """meta l4proto . th dport @control_ports, then the object."""
    return _rule(
        HELPER_CHAIN,
        _expression("meta", attribute(1, number(_REG32_00)), attribute(2, number(_META_L4PROTO))),
        _expression(
            "payload",
            attribute(1, number(_REG32_01)),
            attribute(2, number(_TRANSPORT_HEADER)),
            attribute(3, number(2)),
            attribute(4, number(2)),
        ),
        _expression("lookup", attribute(1, text(CONTROL_PORTS)), attribute(2, number(_REG32_00))),
        _expression("objref", attribute(1, number(_CT_EXPECT)), attribute(2, text(HELPER_OBJECT))),
    )


def _xt_queue_rules() -> list[bytes]:
    """xt NFQUEUE revision 3: number, total, flags (1: bypass)."""
    rules = []
    for queue in (*range(QUEUES), *range(LARGE_QUEUES, LARGE_QUEUES + QUEUES)):
        for chain, flags in ((f"closed_{queue}", 0), (f"open_{queue}", 1)):
            info = pack("=HHH", queue, 1, flags).ljust(8, b"\0")
            target = _expression("target", attribute(1, text("NFQUEUE")), attribute(2, number(3)), attribute(3, info))
            rules.append(_rule(chain, target))
    return rules


def complete(netlink: Netlink, *, queue_rules: bool) -> None:
    """Add to a freshly made gates table what its text could not say. Raises DataplaneError."""
    messages = [_helper_object(), _helper_rule()]
    if queue_rules:
        messages += _xt_queue_rules()
    code = netlink.transaction(messages)
    if code:
        raise DataplaneError("gates table: helper extension and queue rules", os.strerror(code))
