"""What an operator can choose about the DNS ALG, and the bounds that nobody can."""

from __future__ import annotations

from dataclasses import dataclass, field

from applianced.alg.contract import Limits
from applianced.alg.dns.doctoring import Row, Tables

LIMITS = Limits(silence_s=10.0)
UNANSWERED_LIMIT = 256
"""Queries of one session that are remembered; beyond, the oldest is forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsSettings:
    """Leaves of `security alg dns`, and what static NAT says.

    maximum_message_length: octets of a message that is inspected. oversize_message_drop: drop a longer one.
    doctoring_none: neither checks nor translation. doctoring_sanity_check: checks alone.
    doctoring_drop_signed: drop an answer that would have to be translated and is signed; else it is left as it is.
    static_nat: rows of doctoring.Row as plain values; no leaf, the compiler makes them of `nat static`.
    """

    maximum_message_length: int = 512
    oversize_message_drop: bool = False
    doctoring_none: bool = False
    doctoring_sanity_check: bool = False
    doctoring_drop_signed: bool = False
    static_nat: tuple[Row, ...] = ()
    tables: Tables = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rows = () if self.doctoring_none or self.doctoring_sanity_check else self.static_nat
        object.__setattr__(self, "tables", Tables(rows))
