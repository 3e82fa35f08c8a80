"""A control session over UDP: each datagram is judged for itself, and nothing waits."""

from __future__ import annotations

from typing import Any

from applianced.alg.contract import DatagramAlg, Descriptor
from applianced.compiler.marks import OPENING, UNTOUCHED
from applianced.engine.checkpoint import Checkpoint
from applianced.engine.judge import Verdicts
from applianced.engine.sessions import Session, Surroundings
from applianced.errors import ProtocolError
from applianced.model.sessions import ControlSession
from applianced.model.tuples import Direction


class DatagramSession(Session):
    """One control session over UDP.

    ending: its ALG has said that it is over, with the datagram at hand. opening: the datagram at hand opens a gate as
    it leaves. waiting: the one at hand waits. proceeding: others need wait no longer.
    """

    __slots__ = ("_refused", "ending", "opening", "proceeding", "waiting")

    alg: DatagramAlg

    def __init__(
        self,
        control: ControlSession,
        descriptor: Descriptor,
        settings: Any,
        around: Surroundings,
        *,
        slot: int,
        base_mark: int,
        now: float,
    ) -> None:
        assert descriptor.datagrams is not None
        alg = around.alg(descriptor.datagrams, descriptor, settings, control)
        super().__init__(control, descriptor, alg, around, slot=slot, base_mark=base_mark, now=now)
        self.ending = self.opening = self.waiting = self.proceeding = False
        self._refused = False

    def judge(self, direction: Direction, data: bytes) -> bytes | None:
        """What leaves in place of a payload: `data` itself when that is unchanged, None when nothing does."""
        self.opening = False
        if self.untouched:
            return data
        plain = self.alg.plain(direction, data)
        if plain is not False:
            if plain is not True:
                self.ending = True
            return data
        verdicts: Verdicts = []
        self._refused = self.waiting = False
        try:
            self.drive(self.alg.datagram(direction, data), direction, data, verdicts)
        except ProtocolError as error:
            # Nobody vouches for it, nothing is opened for it; the next one may be read again.
            self.count(error.event if error.event in self.cells else "protocol-errors")
            self.reporter.noted(self, error.event, str(error))
            verdicts = []
        self.close_struck()
        if self.unused is not None:
            self.give_unused()
        if self._refused:
            self.count("packets-refused")
            return None
        return _applied(data, verdicts)

    def judge_first(self, speaker: Direction, key: int, octets: int) -> None:
        """Have the ALG decide about the first packet of a key: whether there is a gate for it afterwards."""
        self._refused = self.waiting = False
        self.first_octets = octets
        self.drive(self.alg.first(speaker, key), speaker, b"", [])  # type: ignore[attr-defined]
        self.close_struck()
        if self._refused:
            self.count("packets-refused")

    def wait(self) -> None:
        """Keep the datagram at hand."""
        self.waiting = True

    def proceed(self) -> None:
        """Judge those anew that wait, after this one."""
        self.proceeding = True

    def refuse(self) -> None:
        """Drop the datagram at hand."""
        self._refused = True

    def done(self) -> None:
        """End soon."""
        self.ending = True

    def open_awaited(self) -> None:
        """Mark the datagram at hand."""
        self.opening = True

    def save(self, checkpoint: Checkpoint) -> None:
        """Bring the checkpoint up to date; called before each verdict."""
        if self.over or not self.descriptor.kept:
            return
        if self.shared is not None:
            self.record_shared()
        alg = self.alg.snapshot()
        if alg != self.saved_alg or self.version != self.saved_version:
            self.saved_alg, self.saved_version = alg, self.version
            checkpoint.save_whole(self.slot, self.snapshot(), alg)

    @property
    def mark(self) -> int:
        """The ct mark that the next verdict sets."""
        if self.opening:
            return self.base_mark | OPENING
        return self.base_mark | UNTOUCHED if self.untouched else self.base_mark


def _applied(data: bytes, verdicts: Verdicts) -> bytes:
    if len(verdicts) == 1 and verdicts[0][0] == len(data):
        whole = verdicts[0][1]
        return data if whole is None else whole
    if all(replacement is None for _, replacement in verdicts):
        return data
    at, pieces = 0, []
    for octets, replacement in verdicts:
        pieces.append(data[at : at + octets] if replacement is None else replacement)
        at += octets
    pieces.append(data[at:])
    return b"".join(pieces)
