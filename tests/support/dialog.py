"""Plays dialogs through an ALG, with a binder and a gatekeeper that stand in for the engine.

A dialog is lines of `> octets` (from the client) and `< octets` (from the server), one segment or datagram each, in
order:

    < 220 ready
    > PORT 10,0,0,2,4,1
    > RETR \
    > file

A line ends in CR LF unless it ends in a backslash; escapes are Python's (\n, \xff, \\). `# ...` is a comment.
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
    Drop,
    HandOver,
    Note,
    OpenGate,
    Over,
    Pass,
    Refuse,
    Reply,
    Rewrite,
)
from applianced.alg.contract import DatagramAlg, Descriptor
from applianced.model.sessions import ControlSession
from applianced.model.tuples import ORIGINAL, REPLY, TCP, UDP, Direction, Endpoint, FlowTuple, packed

OWN_PORT = 1000
SIGNS = {ORIGINAL: ">", REPLY: "<"}
Step = tuple[Direction, bytes]


def parse(text: str) -> list[Step]:
    """The segments of a dialog."""
    steps = []
    for line in text.splitlines():
        if line.startswith(("> ", "< ")):
            steps.append((ORIGINAL if line[0] == ">" else REPLY, _octets(line[2:])))
    return steps


def render(steps: Iterable[Step]) -> str:
    """The dialog of these segments; parse() gives them back."""
    return "".join(f"{SIGNS[direction]} {_text(data)}\n" for direction, data in steps)


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
    open: dict[int, OpenGate] = field(default_factory=dict)
    numbers: int = 0
    session: ControlSession | None = None

    def handed_over(self) -> bool:
        """The ALG has said that it will not read on."""
        return any(isinstance(action, HandOver) for _, action, _ in self.log)

    def reset(self) -> bool:
        """The ALG has refused something: no segment arrives any more."""
        return any(isinstance(action, Refuse) for _, action, _ in self.log)

    def feed(self, direction: Direction, data: bytes) -> None:
        """A segment: offered with what was left of those before it."""
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
                self.log.append((direction, action, reply))
                if isinstance(action, Pass | Drop | Rewrite):
                    assert 0 < action.octets <= len(data) - consumed, f"{action} of {len(data) - consumed} octets"
                    self._emit(direction, _released(action, data[consumed : consumed + action.octets]))
                    consumed += action.octets
        except StopIteration:
            return consumed

    def _reply(self, action: Action) -> Reply:
        match action:
            case Bind(speaker, endpoint):
                return self._bind(speaker, endpoint)
            case AwaitAnswer(reason):
                return self._await(reason)
            case OpenGate():
                if self.gates == 0:
                    return None
                self.gates = None if self.gates is None else self.gates - 1
                self.numbers += 1
                self.open[self.numbers] = action
                return self.numbers
            case CloseGate(gate):
                del self.open[gate]
            case Note(event):
                assert event in self.events, f"{event} is not among the ALG's events"
        return None

    def _await(self, reason: str) -> int | None:
        """One gate at a time."""
        assert self.session is not None
        own = self.session.party(ORIGINAL)
        number = next((number for number, gate in self.open.items() if gate.inside == own), 0)
        asked = OpenGate(ORIGINAL, own, own, reason, protocol=UDP)
        if number:
            self.open[number] = asked
            return number
        return self._reply(asked)  # type: ignore[return-value]

    def _bind(self, speaker: Direction, endpoint: Endpoint) -> Endpoint | None:
        if self.binds == 0:
            return None
        self.binds = None if self.binds is None else self.binds - 1
        outside = self.translation.get(endpoint.address)
        if outside is None:
            return endpoint
        if self.session is not None and endpoint == self.session.party(speaker):
            return Endpoint(outside, endpoint.port + OWN_PORT)
        self.next_port += 1
        return Endpoint(outside, self.next_port - 1)

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
        plain = self.handed_over() or (self.plain and self.alg.plain(direction, data))
        if plain is not False:  # Over() has no fields, and counts as false
            self.out.append((direction, data))
            if isinstance(plain, Over):
                self.log.append((direction, plain, None))
            return
        before, begun = len(self.out), len(self.log)
        self.out.append((direction, b""))
        consumed = self._drive(self.alg.datagram(direction, data), direction, data)
        self._emit(direction, data[consumed:])
        if any(isinstance(action, Refuse) for _, action, _ in self.log[begun:]):
            del self.out[before:]

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
            return f"bind {endpoint} = {reply or 'refused'}"
        case OpenGate(_, inside, outside, reason):
            extra = " by UDP" if action.protocol == UDP else ""
            extra += "" if action.one_shot else f" every port, many times, {action.lifetime_s:.0f} s"
            return f"open {inside} as {outside}{extra} because {reason!r} = {reply or 'refused'}"
        case CloseGate(gate):
            return f"close {gate}"
        case Rewrite(octets, replacement):
            return f"rewrite {octets} to {len(replacement)}: {_text(replacement)}"
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
        return player(
            form(settings, session),
            descriptor.events,
            translation,
            binds=limits.get("binds"),
            gates=limits.get("gates"),
            session=session,
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
