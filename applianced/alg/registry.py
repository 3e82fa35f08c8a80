"""Every ALG that is built, by its YANG identity. The only list: a new ALG is one line here.

Rule: explicit imports and one tuple; nothing is found by searching.
"""

from __future__ import annotations

from applianced.alg import dns, ftp, ike_esp, pptp, sip, tftp
from applianced.alg.contract import Descriptor

DESCRIPTORS: tuple[Descriptor, ...] = (
    dns.DESCRIPTOR,
    ftp.DESCRIPTOR,
    ike_esp.DESCRIPTOR,
    pptp.DESCRIPTOR,
    sip.DESCRIPTOR,
    tftp.DESCRIPTOR,
)

REGISTRY: dict[str, Descriptor] = {descriptor.name: descriptor for descriptor in DESCRIPTORS}

NOT_BUILT: tuple[str, ...] = (
    "h323", "mgcp", "msrpc", "rsh", "rtsp", "sccp", "sql", "sunrpc", "talk",
    "twamp",
)  # fmt: skip
"""Identities that can be configured and are shown, with the state `not-implemented`; their traffic passes untouched."""
