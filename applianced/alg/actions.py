"""What an ALG may ask of the engine; `contract` says how. Each is a tuple, since they are made by the thousand."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

from applianced.model.tuples import ESP, TCP, UDP, Direction, Endpoint


class Pass(NamedTuple):
    """Release this many octets from the front, unchanged."""

    octets: int


class Drop(NamedTuple):
    """Swallow this many octets from the front. A length change like any other: see Rewrite."""

    octets: int


class Rewrite(NamedTuple):
    """Release `replacement` in place of this many octets from the front.

    In a stream whose session is not translated by NAT the replacement must have the same length; the engine refuses
    and counts one that has not. A datagram may change its length anywhere.
    """

    octets: int
    replacement: bytes


class Bind(NamedTuple):
    """Which endpoint must the other party be told, so that it reaches `endpoint` of the speaker?

    protocol: of the session that it will reach it with; 0 for that of the control session. Of GRE the port of an
    endpoint is the call ID.
    Reply: the endpoint (equal to the one asked for where nothing translates the speaker), or None when refused
    (no port left, limit reached; the engine has counted it). For the speaker's own end of the control session it is
    what NAT has made of that: no port is taken. While the first datagram of a session is judged NAT has not decided how
    its sender is known, so nothing can be bound yet where it translates sources: None, counted as `bindings-unknown`.
    An ALG that cannot do without says so in its descriptor (`after_nat`).
    pair: an even port, and the next one with it (RTP and RTCP, RFC 3550 11); it is always held. held: stays bound until
    `Unbind`, or to the session's end, and is known to `Resolve`; otherwise a binding is given back unless the same
    judgement opens a gate for it (`OpenGate`, `OpenControl`). The same endpoint asked for again, held, by the same
    session has the same answer, and one `Unbind` ends it.
    An endpoint at another address than the speaker's own is of the speaker's side, and is known by the same outside
    address.
    """

    speaker: Direction
    endpoint: Endpoint
    protocol: int = 0
    pair: bool = False
    held: bool = False


class Unbind(NamedTuple):
    """A held binding is no longer needed; what was bound as a pair goes as one, by its even port. While a gate still
    leads to it, it is given back when that closes."""

    outside: Endpoint
    protocol: int


class Resolve(NamedTuple):
    """Which inside endpoint is known outside as this one?

    Reply: the endpoint that was bound to it and is held, by any session of this appliance, whichever worker reads it
    (media between two inside parties need not leave), the second of a pair too; for a party's end of this session as
    NAT shows it, that end; None when it stands for nobody.
    """

    outside: Endpoint
    protocol: int


class Now(NamedTuple):
    """What time is it? Reply: seconds, of the clock that `Timed.tick` is told."""


class OpenGate(NamedTuple):
    """Admit the data session that the other party will open to `inside` of the speaker.

    outside: what Bind answered. reason: the message that asks, for the state and the logs.
    any_port: every port of the speaker (only for sessions that can no longer be read).
    one_shot: a single connection. lasting: open until it is closed, or to the session's end.
    lifetime_s: how long a gate for every port stays open; others have `gate-timeout`.
    peer: packed address that the data session comes from, where the protocol says that it is not the other party's own
    (media of a proxied call); b"" for the other party.
    protocol: GRE admits packets and not sessions, one way, and is neither tracked nor touched by NAT: `Bind` has said
    how the speaker's call is known, and the packets get the addresses and the call ID that belong there.
    Reply: the gate's number, or None when refused (counted by the engine).
    """

    speaker: Direction
    inside: Endpoint
    outside: Endpoint
    reason: str
    protocol: int = TCP
    lifetime_s: float = 30.0
    one_shot: bool = True
    any_port: bool = False
    peer: bytes = b""
    lasting: bool = False


class Medium(NamedTuple):
    """One way of datagrams between the parties, both directions.

    own: by Direction, the endpoint at which that party takes them; None: not known yet, anybody may send from that side
    (counted: `gates-any-peer`). Senders are held to the address alone: who sends from another port is admitted.
    known: by Direction, what the other party was told, as Bind answered it, held; equal to `own` without translation.
    Of a side whose own endpoint is not known: None, or the endpoint that the other party was told to send to: then what
    comes from the unknown side seems to come from there, and answers sent there find it (hosted NAT traversal).
    """

    own: tuple[Endpoint | None, Endpoint | None]
    known: tuple[Endpoint | None, Endpoint | None]


class OpenMedia(NamedTuple):
    """Admit media both ways, for as long as they flow. All that a message asks for is one action, one transaction.

    Where `own` is translated, what its party sends from there leaves from `known`.
    idle_s: a medium ends when for so long no packet of it came (`Timed.gone` is told, up to half as much later).
    learn: the first packet from the side that is not known decides who it is. dscp: code point that the packets get,
    -1 leaves theirs.
    Reply: the numbers of the gates, one for each medium in order, or None when any is refused (counted by the engine):
    then none is open. Media that are open already may be opened again, before the older gates are closed: packets
    under way do not notice. `CloseGates` (or `CloseGate`) ends the media under way as well.
    """

    media: tuple[Medium, ...]
    reason: str
    idle_s: float
    protocol: int = UDP
    learn: bool = False
    dscp: int = -1


class OpenControl(NamedTuple):
    """Admit control sessions of this same ALG to `inside` of the speaker, which others know as `outside`.

    peer: packed address that they come from; b"" for the other party; None for anybody (counted).
    Reply: the gate's number, or None when refused (counted by the engine).
    """

    speaker: Direction
    inside: Endpoint
    outside: Endpoint
    reason: str
    lifetime_s: float
    peer: bytes | None = b""


class Keep(NamedTuple):
    """This session lives at least so many seconds from now without a packet, in the kernel too. 0: as others do."""

    seconds: float


class AwaitAnswer(NamedTuple):
    """Admit one session from any port of the server to the client's own end of the control session.

    Of a datagram that the client sends: NAT decides how the client is known outside when the first one leaves, so
    nothing can be bound before; the kernel itself opens the gate as the datagram goes. A session has one such gate.
    Asked for again, its time begins anew, and it admits once more.
    reason: as for OpenGate. Reply: the gate's number, or None when refused (counted by the engine).
    """

    reason: str


class AwaitKey(NamedTuple):
    """Show the ALG the first packet of each new key that the speaker sends to the other party: `Keyed.first`.

    Of a protocol without ports whose packets say nothing but a key that was never seen in the clear (ESP: the SPI).
    lifetime_s: how long; asked for again, the time begins anew. reason: as for OpenGate.
    Reply: the gate's number, or None when refused (counted by the engine) or it is not known yet how the two know
    each other.
    """

    speaker: Direction
    reason: str
    lifetime_s: float
    protocol: int = ESP


class OpenKey(NamedTuple):
    """Admit packets of a protocol without ports that the speaker sends to the other party under this key.

    They get the addresses that the control session's have. idle_s: until for so long no packet of it came
    (`Timed.gone` is told).
    Reply: the gate's number, or None when refused (counted by the engine).
    """

    speaker: Direction
    key: int
    reason: str
    idle_s: float
    protocol: int = ESP


class LeadKey(NamedTuple):
    """Datagrams that begin with this key, from the speaker to the address of `outside`, are for the control session
    whose client is known there as `outside`, whatever port they name.

    Of control sessions whose clients keep their source port behind one address. lifetime_s: how long.
    Reply: the gate's number, or None when refused (counted by the engine).
    """

    speaker: Direction
    key: bytes
    outside: Endpoint
    reason: str
    lifetime_s: float


class CloseGate(NamedTuple):
    """The data session of this gate is over, or will not come."""

    gate: int


class CloseGates(NamedTuple):
    """These gates are over, in one transaction, whichever session of this ALG opened them. Media under way end."""

    gates: tuple[int, ...]


class Note(NamedTuple):
    """A named, countable event; `event` is one of the descriptor's events.

    detail: short text for the trace, without payload beyond the command itself and without secrets.
    """

    event: str
    detail: str = ""


class HandOver(NamedTuple):
    """Stop reading this session, both directions, for good: it passes untouched from here (TLS)."""


class Refuse(NamedTuple):
    """What is being judged must not arrive: a datagram is dropped, whatever was asked for it before; the session of a
    stream is reset. A Note says why."""


class Wait(NamedTuple):
    """What is being judged waits, whatever was asked for it before: it is judged anew after each `Proceed` of this ALG,
    and about once a second. What has waited for too long, or finds too much waiting, is dropped and counted.
    Of datagrams, and of first packets of a key."""


class Proceed(NamedTuple):
    """What waits, of any session of this ALG in this worker, is judged anew."""


class Over(NamedTuple):
    """The session has done what it was for, and ends unless another datagram comes at once. Of datagrams alone."""


Action = (
    Pass | Drop | Rewrite | Bind | Unbind | Resolve | Now | OpenGate | OpenMedia | OpenControl | AwaitAnswer
    | AwaitKey | OpenKey | LeadKey | CloseGate | CloseGates | Keep | Note | HandOver | Refuse | Over | Wait | Proceed
)  # fmt: skip
Reply = Endpoint | int | float | tuple[int, ...] | None
Actions = Generator[Action, Reply, None]
