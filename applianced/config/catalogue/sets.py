"""Predefined application sets: the control application that an ALG reads, with the data applications it may admit."""

from __future__ import annotations

from applianced.config.catalogue.rpc import PROGRAMS

_SUN_RPC = ("sun-rpc-tcp", "sun-rpc-udp")


def _pair(*names: str) -> tuple[str, ...]:
    return tuple(f"sun-rpc-{name}-{transport}" for name in names for transport in ("tcp", "udp"))


_MEMBERS = {
    "cifs": ("netbios-session", "smb-session"),
    "mgcp": ("mgcp-ca", "mgcp-ua"),
    "ms-rpc": ("ms-rpc-tcp", "ms-rpc-udp"),
    "ms-rpc-any": ("ms-rpc-tcp", "ms-rpc-udp", "ms-rpc-uuid-any-tcp", "ms-rpc-uuid-any-udp"),
    "ms-rpc-iis-com": ("ms-rpc-tcp", "ms-rpc-iis-com-1", "ms-rpc-iis-com-adminbase"),
    "ms-rpc-msexchange": (
        "ms-rpc-tcp",
        "ms-rpc-udp",
        "ms-rpc-epm",
        "ms-rpc-msexchange-directory-rfr",
        "ms-rpc-msexchange-info-store",
        "ms-rpc-msexchange-directory-nsp",
    ),
    "ms-rpc-wmic": (
        "ms-rpc-tcp",
        "ms-rpc-wmic-admin",
        "ms-rpc-wmic-admin2",
        "ms-rpc-wmic-webm-level1login",
        "ms-rpc-wmic-mgmt",
    ),
    "routing-inbound": ("bgp", "rip", "ldp-tcp", "ldp-udp"),
    "stun": ("stun-tcp", "stun-udp"),
    "sun-rpc": _SUN_RPC,
    "sun-rpc-portmap": _SUN_RPC + _pair("portmap"),
    "sun-rpc-any": _SUN_RPC + _pair("any"),
    "sun-rpc-nfs-access": _SUN_RPC + _pair("portmap", "nfs", "mountd"),
    **{f"sun-rpc-{name}": _SUN_RPC + _pair("portmap", name) for name in PROGRAMS if name not in ("portmap", "any")},
}

SETS = {f"junos-{name}": tuple(f"junos-{member}" for member in members) for name, members in sorted(_MEMBERS.items())}
"""Name -> members."""
