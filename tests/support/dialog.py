"""Plays dialogs through an ALG, with a binder and a gatekeeper that stand in for the engine.

A dialog is lines of `> octets` (from the client) and `< octets` (from the server), one segment or datagram each, in
order:

    < 220 ready
    > PORT 10,0,0,2,4,1
    > RETR \
    > file

A line ends in CR LF unless it ends in a backslash; escapes are Python's (\n, \xff, \\). `# ...` is a comment.

A message of several lines goes on in lines that are indented by two spaces; {length} in it is the number of octets
behind its empty line:

    > MESSAGE sip:192.0.2.9 SIP/2.0
      Content-Length: {length}
      ...

`@ 30` lets 30 seconds go by; `@ gone 3` ends gate 3, as silence does.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from applianced.alg.actions import (
    Action,
    Actions,
    AwaitAnswer,
    Bind,
    CloseGate,
    CloseGates,
    Drop,
    HandOver,
    Keep,
    Medium,
    Note,
    Now,
    OpenControl,
    OpenGate,
    OpenMedia,
    Over,
    Pass,
    Refuse,
    Reply,
    Resolve,
    Rewrite,
    Unbind,
)
from applianced.alg.contract import DatagramAlg, Descriptor
from applianced.model.sessions import ControlSession
from applianced.model.tuples import GRE, ORIGINAL, REPLY, TCP, UDP, Direction, Endpoint, FlowTuple, packed, text

OWN_PORT = 1000
SIGNS = {ORIGINAL: ">", REPLY: "<"}
Step = tuple[Direction, bytes]


class Meanwhile(bytes):
    """A step that is no octets: seconds that go by, or `gone` and the number of a gate."""


def parse(dialog: str) -> list[Step]:
    """The segments of a dialog."""
    steps: list[Step] = []
    for line in dialog.splitlines():
        if line.startswith(("> ", "< ")):
            steps.append((ORIGINAL if line[0] == ">" else REPLY, _octets(line[2:])))
        elif line.startswith("  "):
            direction, data = steps.pop()
            steps.append((direction, data + _octets(line[2:])))
        elif line.startswith("@ "):
            steps.append((ORIGINAL, Meanwhile(line[2:].encode())))
    return [(direction, _measured(data)) for direction, data in steps]


def _measured(data: bytes) -> bytes:
    head, empty, body = data.partition(b"\r\n\r\n")
    if b"{length}" not in head:
        return data
    # A message may follow another one.
    return head.replace(b"{length}", b"%d" % len(body)) + empty + body


def render(steps: Iterable[Step]) -> str:
    """The dialog of these segments; parse() gives them back."""
    return "".join(f"{SIGNS[direction]} {_written(data)}\n" for direction, data in steps)


def _written(data: bytes) -> str:
    """In lines of their own, when it is a text of several."""
    *lines, last = data.split(b"\r\n")
    if b"SIP/2.0" not in data[:256] or not all(line.isascii() for line in lines):
        return _text(data)
    shown = [_text(line + b"\r\n") for line in lines] + ([_text(last)] if last else [])
    return "\n  ".join(shown)


def _octets(text: str) -> bytes:
    cut = re.search(r"(?<!\\)(?:\\\\)*\\$", text) is not None
    octets = (text[:-1] if cut else text).encode("latin-1").decode("unicode_escape").encode("latin-1")
    return octets if cut else octets + b"\r\n"


def _text(data: bytes) -> str:
    cut = not data.endswith(b"\r\n")
    text = (data if cut else data[:-2]).decode("latin-1").encode("unicode_escape").decode()
    return text + "\\" * cut


@dataclass
class Player:
    """One session: the ALG, what it asked for, and what came out.

    translation: packed own address -> packed outside address; the ports of the session itself grow by OWN_PORT.
    binds, gates: how many are granted (None: all). plain: offer the octets to the plain path first, as the engine does.
    bound: what is held, by what was told. outside: what others have bound -> where it is. now: seconds.
    """

    alg: Any
    events: dict[str, str]
    translation: dict[bytes, bytes] = field(default_factory=dict)
    binds: int | None = None
    gates: int | None = None
    next_port: int = 50001
    plain: bool = True
    log: list[tuple[Direction, Action, Reply]] = field(default_factory=list)
    out: list[Step] = field(default_factory=list)
    waiting: dict[Direction, bytes] = field(default_factory=lambda: {ORIGINAL: b"", REPLY: b""})
    open: dict[int, OpenGate | OpenControl | Medium] = field(default_factory=dict)
    numbers: int = 0
    session: ControlSession | None = None
    bound: dict[tuple[Endpoint, int], Bind] = field(default_factory=dict)
    outside: dict[Endpoint, Endpoint] = field(default_factory=dict)
    now: float = 1000.0

    def handed_over(self) -> bool:
        """The ALG has said that it will not read on."""
        return any(isinstance(action, HandOver) for _, action, _ in self.log)

    def reset(self) -> bool:
        """The ALG has refused something: no segment arrives any more."""
        return any(isinstance(action, Refuse) for _, action, _ in self.log)

    def feed(self, direction: Direction, data: bytes) -> None:
        """A segment: offered with what was left of those before it."""
        if isinstance(data, Meanwhile):
            return self.meanwhile(data.decode())
        data = self.waiting[direction] + data
        if self.reset():
            return None
        if self.handed_over():
            return self._emit(direction, data)
        data = data[self._plain(direction, data) :]
        consumed = self._drive(self.alg.octets(direction, data), direction, data)
        self.waiting[direction] = data[consumed:]
        if self.handed_over():
            for each in (ORIGINAL, REPLY):
                self._emit(each, self.waiting[each])
                self.waiting[each] = b""
        return None

    def meanwhile(self, what: str) -> None:
        """Time goes by, second by second; or a gate ends by itself."""
        if what.startswith("gone "):
            gate = int(what[5:])
            del self.open[gate]
            self._drive(self.alg.gone(gate), ORIGINAL, b"")
            return
        for _ in range(int(what)):
            self.now += 1
            self._drive(self.alg.tick(self.now), ORIGINAL, b"")

    def _plain(self, direction: Direction, data: bytes) -> int:
        """What the ALG passes without being asked for actions."""
        octets = self.alg.plain(direction, data) if self.plain else 0
        assert 0 <= octets <= len(data)
        if octets:
            self.log.append((direction, Pass(octets), None))
            self._emit(direction, data[:octets])
        return octets

    def finish(self) -> None:
        """Both speakers close, then the session ends: the engine closes its gates."""
        for direction in (ORIGINAL, REPLY):
            if not self.handed_over() and not self.reset() and self.waiting[direction]:
                rest = self.waiting[direction]
                consumed = self._drive(self.alg.end(direction, rest), direction, rest)
                self._emit(direction, rest[consumed:])
        self.open.clear()

    def _drive(self, actions: Actions, direction: Direction, data: bytes) -> int:
        consumed, reply = 0, None
        try:
            while True:
                action = actions.send(reply)
                reply = self._reply(action)
                if not isinstance(action, Now):
                    self.log.append((direction, action, reply))
                if isinstance(action, Pass | Drop | Rewrite):
                    assert 0 < action.octets <= len(data) - consumed, f"{action} of {len(data) - consumed} octets"
                    self._emit(direction, _released(action, data[consumed : consumed + action.octets]))
                    consumed += action.octets
        except StopIteration:
            return consumed

    def _reply(self, action: Action) -> Reply:
        match action:
            case Now():
                return self.now
            case Bind():
                return self._bind(action)
            case Unbind(outside, protocol):
                del self.bound[outside, protocol]
            case Resolve(outside):
                return self._resolve(action)
            case AwaitAnswer(reason):
                return self._await(reason)
            case OpenGate() | OpenControl():
                return self._opened(action)
            case OpenMedia(media):
                numbers = tuple(self._opened(each) for each in media)
                return None if None in numbers else numbers  # type: ignore[return-value]
            case CloseGate(gate):
                del self.open[gate]
            case CloseGates(gates):
                for gate in gates:
                    del self.open[gate]
            case Note(event):
                assert event in self.events, f"{event} is not among the ALG's events"
        return None

    def _await(self, reason: str) -> int | None:
        """One gate at a time."""
        assert self.session is not None
        own = self.session.party(ORIGINAL)
        number = next((number for number, gate in self.open.items() if getattr(gate, "inside", None) == own), 0)
        asked = OpenGate(ORIGINAL, own, own, reason, protocol=UDP)
        if number:
            self.open[number] = asked
            return number
        return self._reply(asked)  # type: ignore[return-value]

    def _opened(self, asked: OpenGate | OpenControl | Medium) -> int | None:
        if self.gates == 0:
            return None
        self.gates = None if self.gates is None else self.gates - 1
        self.numbers += 1
        self.open[self.numbers] = asked
        return self.numbers

    def _bind(self, asked: Bind) -> Endpoint | None:
        speaker, endpoint = asked.speaker, asked.endpoint
        if self.binds == 0:
            return None
        self.binds = None if self.binds is None else self.binds - 1
        assert self.session is not None or not asked.held
        own = None if self.session is None else self.session.party(speaker)
        outside = self.translation.get(endpoint.address if own is None else own.address)
        protocol = asked.protocol or (UDP if own is None else self.session.tuple.protocol)  # type: ignore[union-attr]
        itself = endpoint == own and self.session is not None and protocol == self.session.tuple.protocol
        if itself or outside is None:
            return endpoint if outside is None else Endpoint(outside, endpoint.port + OWN_PORT)
        for (told, by), held in self.bound.items():
            if (held.speaker, held.endpoint, by) == (speaker, endpoint, protocol):
                return told
        self.next_port += self.next_port % 2 if asked.pair else 0
        told = Endpoint(outside, self.next_port)
        self.next_port += 2 if asked.pair else 1
        if asked.held:
            self.bound[told, protocol] = asked
        return told

    def _resolve(self, asked: Resolve) -> Endpoint | None:
        if asked.outside in self.outside:
            return self.outside[asked.outside]
        for (told, protocol), held in self.bound.items():
            if protocol == asked.protocol and asked.outside in (told, Endpoint(told.address, told.port + held.pair)):
                above = asked.outside.port - told.port
                return Endpoint(held.endpoint.address, held.endpoint.port + above)
        return None

    def _emit(self, direction: Direction, data: bytes) -> None:
        if not data:
            return
        if self.out and self.out[-1][0] is direction:
            self.out[-1] = (direction, self.out[-1][1] + data)
        else:
            self.out.append((direction, data))

    def sent(self, direction: Direction) -> bytes:
        """All octets that left in a direction."""
        return b"".join(data for each, data in self.out if each is direction)

    def summary(self) -> list[str]:
        """What was asked, in words; neighbouring Passes are one, whatever the segments were."""
        lines: list[str] = []
        passed: dict[Direction, int] = {ORIGINAL: 0, REPLY: 0}
        for direction, action, reply in self.log:
            if isinstance(action, Pass):
                passed[direction] += action.octets
                continue
            if passed[direction]:
                lines.append(f"{SIGNS[direction]} pass {passed[direction]}")
                passed[direction] = 0
            lines.append(f"{SIGNS[direction]} {describe(action, reply)}")
        return lines + [f"{SIGNS[each]} pass {octets}" for each, octets in passed.items() if octets]


class DatagramPlayer(Player):
    """One session of datagrams."""

    alg: DatagramAlg

    def feed(self, direction: Direction, data: bytes) -> None:
        """A datagram: what is left of it passes with it, unless it is refused."""
        if isinstance(data, Meanwhile):
            return self.meanwhile(data.decode())
        plain = self.handed_over() or (self.plain and self.alg.plain(direction, data))
        if plain is not False:  # Over() has no fields, and counts as false
            self.out.append((direction, data))
            if isinstance(plain, Over):
                self.log.append((direction, plain, None))
            return None
        before, begun = len(self.out), len(self.log)
        self.out.append((direction, b""))
        consumed = self._drive(self.alg.datagram(direction, data), direction, data)
        self._emit(direction, data[consumed:])
        if any(isinstance(action, Refuse) for _, action, _ in self.log[begun:]):
            del self.out[before:]
        return None

    def finish(self) -> None:
        """The session ends, and its gates with it."""
        self.open.clear()


def _released(action: Pass | Drop | Rewrite, octets: bytes) -> bytes:
    match action:
        case Pass():
            return octets
        case Rewrite(_, replacement):
            return replacement
        case Drop():
            return b""


def describe(action: Action, reply: Reply) -> str:
    """One action and its reply, in words."""
    match action:
        case Bind(_, endpoint):
            what = "a pair for " if action.pair else ""
            return f"bind {what}{endpoint} = {reply or 'refused'}"
        case Unbind(outside):
            return f"unbind {outside}"
        case Resolve(outside):
            return f"resolve {outside} = {reply or 'nobody'}"
        case OpenMedia(media, reason, idle):
            extra = (" learning" if action.learn else "") + (f" dscp {action.dscp}" if action.dscp >= 0 else "")
            ways = " and ".join(map(_way, media))
            return f"open media {ways} for {idle:.0f} s{extra} because {reason!r} = {reply or 'refused'}"
        case OpenControl(_, inside, outside, reason, lifetime):
            extra = f"{' to anybody' if action.peer is None else ''} for {lifetime:.0f} s"
            return f"open control {inside} as {outside}{extra} because {reason!r} = {reply or 'refused'}"
        case CloseGates(gates):
            return f"close {', '.join(map(str, gates))}"
        case Keep(seconds):
            return f"keep {seconds:.0f} s"
        case OpenGate(_, inside, outside, reason):
            extra = {UDP: " by UDP", GRE: " by GRE"}.get(action.protocol, "")
            extra += f" from {text(action.peer)}" if action.peer else ""
            extra += "" if action.one_shot or action.lasting else f" every port, many times, {action.lifetime_s:.0f} s"
            return f"open {inside} as {outside}{extra} because {reason!r} = {reply or 'refused'}"
        case CloseGate(gate):
            return f"close {gate}"
        case Rewrite(octets, replacement):
            shown = replacement.partition(b"\r\n")[0] if b"SIP/2.0" in replacement[:256] else replacement
            return f"rewrite {octets} to {len(replacement)}: {_text(shown)}"
        case Drop(octets):
            return f"drop {octets}"
        case Note(event, detail):
            return f"note {event}" + (f" {detail!r}" if detail else "")
        case HandOver():
            return "hand over"
        case AwaitAnswer(reason):
            return f"await an answer because {reason!r} = {reply or 'refused'}"
        case Refuse():
            return "refuse"
        case Over():
            return "over"
    raise AssertionError(action)


def _way(medium: Medium) -> str:
    ends = []
    for own, known in zip(medium.own, medium.known, strict=True):
        ends.append(f"{own or 'anybody'}" + (f" as {known}" if known not in (None, own) else ""))
    return " - ".join(ends)


@dataclass(frozen=True)
class Case:
    """A folder of tests/alg/<alg>/: case.toml and one input."""

    folder: Path
    about: dict[str, Any]

    @classmethod
    def load(cls, folder: Path) -> Case:
        return cls(folder, tomllib.loads((folder / "case.toml").read_text()))

    @property
    def datagrams(self) -> bool:
        """Whether each line is a datagram."""
        return bool(self.about["session"].get("protocol", TCP) == UDP)

    def player(self, descriptor: Descriptor) -> Player:
        """A session as case.toml describes it."""
        settings = descriptor.settings(**self.about.get("settings", {}))
        session = control_session(**self.about["session"])
        form, player = (descriptor.datagrams, DatagramPlayer) if self.datagrams else (descriptor.streams, Player)
        assert form is not None
        translation = {packed(own): packed(outside) for own, outside in self.about.get("translation", {}).items()}
        limits = self.about.get("limits", {})
        given = (settings, session) if descriptor.shared is None else (settings, session, descriptor.shared())
        return player(
            form(*given),
            descriptor.events,
            translation,
            binds=limits.get("binds"),
            gates=limits.get("gates"),
            session=session,
            outside={_endpoint(told): _endpoint(inside) for told, inside in self.about.get("outside", {}).items()},
        )

    def steps(self) -> list[Step]:
        return parse((self.folder / "01-input.dialog").read_text())

    def play(self, descriptor: Descriptor) -> Player:
        """From the first segment to the end of the session."""
        player = self.player(descriptor)
        for direction, data in self.steps():
            player.feed(direction, data)
        player.finish()
        return player


def _endpoint(written: str) -> Endpoint:
    host, _, port = written.rpartition(":")
    return Endpoint(packed(host.strip("[]")), int(port))


def control_session(
    client: str,
    server: str,
    client_port: int = 40000,
    server_port: int = 21,
    protocol: int = TCP,
    zones: tuple[str, str] = ("", ""),
) -> ControlSession:
    """A session by its addresses in text, from one zone to another."""
    flow = FlowTuple(protocol, Endpoint(packed(client), client_port), Endpoint(packed(server), server_port))
    return ControlSession(flow, *zones)
