"""How the C library keeps memory that was freed (mallopt(3))."""

from __future__ import annotations

import ctypes

LARGE_OCTETS = 4 << 20
"""Blocks from this size on are pages of their own: what holds 10,000 entries is mostly smaller, and quicker so."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def give_back_large_blocks() -> bool:
    """Have freed blocks of LARGE_OCTETS and more go back to the kernel at once; False where the C library cannot.

    By itself glibc raises the size with every such block that is freed, to 32 MiB. Blocks of large messages then lie
    between small ones, and hundreds of megabytes stay behind.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(option, LARGE_OCTETS) == 1 for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD))
