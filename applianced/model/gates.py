"""A gate: permission for one announced data session (RFC 2663's ALG; Junos' flow gate)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from applianced.model.tuples import TCP, UDP, Endpoint


@dataclass(slots=True, kw_only=True)
class Gate:
    """One gate as the books know it. Times are seconds of the wall clock.

    inside: where the data session arrives after translation (the listener's own endpoint).
    outside: the endpoint that was announced to the peer; equal to `inside` without translation.
    peer: packed address that may open the data session; b"" admits any (a wildcard, counted apart).
    port: the listener's port is `inside.port`; 0 admits every port of the listener (ftps-extension only). Of a protocol
    without ports it is what stands for them (the call ID of GRE), and 0 is one like any other.
    one_shot: admits a single connection.
    source: packed address that the peer's packets leave with, when the gate must set it; b"" leaves it alone.
    reason: the message that asked for it, as text, without secrets.
    awaited: the kernel opened it itself, as the request left; `outside` and `source` are as conntrack says, once asked.
    lasting: it is renewed before it expires, as long as its session is there.
    account: packed address of the host whose share of gates it takes from; b"" for that of `inside`.
    packets, octets: what went through, as far as the gate itself counts it (a lasting one does).
    quiet_s: a lasting one ends when for so long no packet of it came; 0: with its session.
    awaits: packet mark of what goes to its worker, where that is to see what nobody has announced: the gate has no SPI.
    key: what datagrams begin with that are for the control session known as `outside`, whatever port they name.
    offload: the kernel may forward its session past the rules.
    bound: `outside` has a port of the range that NAT leaves to the ALGs, taken for this gate.
    Others than one for data sessions: see model.media.
    """

    media: ClassVar[bool] = False
    """A MediaGate."""
    apart: ClassVar[bool] = False
    """Kept apart from its session's own record."""

    number: int
    alg: str
    session: int
    protocol: int
    peer: bytes
    inside: Endpoint
    outside: Endpoint
    one_shot: bool
    source: bytes
    reason: str
    created_s: float
    expires_s: float
    used_s: float = 0.0
    packets: int = 0
    octets: int = 0
    closed_s: float = 0.0
    bound: bool = False
    awaited: bool = False
    lasting: bool = False
    account: bytes = b""
    quiet_s: float = 0.0
    awaits: int = 0
    key: bytes = b""
    offload: bool = False

    @property
    def every_port(self) -> bool:
        """Whether it admits to every port of its listener."""
        return not self.inside.port and self.protocol in (TCP, UDP)

    @property
    def host(self) -> bytes:
        """The address of the host that it counts against."""
        return self.account or self.inside.address

    @property
    def ways(self) -> tuple[tuple[bytes, Endpoint, Endpoint], ...]:
        """Where data sessions may go: address of who opens them (b"" for anybody), where to as it says, and where they
        arrive."""
        return ((self.peer, self.outside, self.inside),)

    def ends_s(self, now: float) -> float:
        """When the kernel lets go of it by itself, when it is told now."""
        return self.expires_s

    @property
    def plain(self) -> tuple[Any, ...]:
        """What outlives a worker, as numbers, strings and octets; `of` turns it back."""
        return self.common()

    def common(self) -> tuple[Any, ...]:
        """The part of `plain` that gates of every kind have."""
        return (
            self.number,
            self.alg,
            self.session,
            self.protocol,
            self.peer,
            tuple(self.inside),
            tuple(self.outside),
            self.one_shot,
            self.source,
            self.reason,
            self.created_s,
            self.expires_s,
            self.bound,
            self.awaited,
            self.lasting,
            self.account,
            self.quiet_s,
            self.awaits,
            self.key,
            self.offload,
        )

    @classmethod
    def of(cls, plain: tuple[Any, ...]) -> Gate:
        """The gate that gave `plain`."""
        return cls(**cls.values(plain))

    @staticmethod
    def values(plain: tuple[Any, ...]) -> dict[str, Any]:
        """What `plain` has, by the names of the fields."""
        number, alg, session, protocol, peer, inside, outside, *rest = plain
        one_shot, source, reason, created_s, expires_s, bound, awaited, lasting, account, quiet_s, awaits, *rest = rest
        key, offload = rest
        return {
            "number": number,
            "alg": alg,
            "session": session,
            "protocol": protocol,
            "peer": peer,
            "inside": Endpoint(*inside),
            "outside": Endpoint(*outside),
            "one_shot": one_shot,
            "source": source,
            "reason": reason,
            "created_s": created_s,
            "expires_s": expires_s,
            "bound": bound,
            "awaited": awaited,
            "lasting": lasting,
            "account": account,
            "quiet_s": quiet_s,
            "awaits": awaits,
            "key": key,
            "offload": offload,
        }
