"""Arithmetic in TCP's sequence space (RFC 9293 3.4)."""

from __future__ import annotations

MODULO = 0xFFFFFFFF


def distance(a: int, b: int) -> int:
    """a - b in sequence space, signed: negative when a is before b."""
    return ((a - b + 0x80000000) & MODULO) - 0x80000000


def advance(sequence: int, octets: int) -> int:
    """The sequence number that many octets later."""
    return (sequence + octets) & MODULO
