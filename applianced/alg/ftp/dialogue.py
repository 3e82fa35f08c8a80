"""One FTP control session, read line by line in both directions (RFC 959 5.3, 4.2; RFC 2428; RFC 1639; RFC 4217).

Lines are judged whole. Between calls only numbers and flags are kept: the octets themselves stay with the engine, at
most one line of them. A line over its limit is judged by its beginning and the rest of it passes.

Ordinary lines cost a table look-up and leave together; whatever else, also a known verb in an odd line, takes the
slow path, where nothing is assumed.

Rule: nothing here performs I/O, and no input raises.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from applianced.alg.actions import Actions, CloseGate, HandOver, Note, OpenGate, Pass, Rewrite
from applianced.alg.ftp import announcements as find
from applianced.alg.ftp.admission import Admission
from applianced.alg.ftp.exchange import UNANSWERED_LIMIT, Exchange
from applianced.alg.ftp.heads import continued, free
from applianced.alg.ftp.lines import EPSV_COMMAND, LF, NO_ARGUMENT, SPACE, find_verb, quote, refused_reply, release
from applianced.alg.ftp.settings import COMMAND_LIMIT, FTPS_LIFETIME_S, REPLY_LIMIT, REWRITE_LIMIT, FtpSettings
from applianced.alg.ftp.verbs import (
    ACTIVE,
    ACTIVE_COMMANDS,
    ANSWERS,
    DATA_PORT,
    KINDS,
    LAST_LINES,
    PASSIVE,
    PLAIN,
    Kind,
)
from applianced.model.sessions import ControlSession
from applianced.model.tuples import ORIGINAL, REPLY, Direction, Endpoint

_FINDERS: dict[Kind, Callable[[bytes], find.Announcement | None]] = {
    Kind.PORT: find.find_port,
    Kind.EPRT: find.find_eprt,
    Kind.LPRT: find.find_lprt,
    Kind.PASV: find.find_pasv,
    Kind.EPSV: find.find_epsv,
    Kind.LPSV: find.find_lpsv,
}


class Dialogue:
    """The FTP ALG of one control session; see `StreamAlg`."""

    __slots__ = (
        "_admission",
        "_blind",
        "_distrusted",
        "_epsv_only",
        "_exchange",
        "_heads",
        "_kept",
        "_long_command",
        "_long_reply",
        "_multi",
        "_session",
        "_settings",
        "_started",
    )

    def __init__(self, settings: FtpSettings, session: ControlSession) -> None:
        self._settings = settings
        self._session = session
        self._exchange = Exchange()
        self._admission = Admission(settings, session, self._exchange)
        self._heads = [b"", b""]  # what has left of a line whose end was not seen yet
        self._multi = b""  # how the last line of the multi-line reply under way begins
        self._started = False  # the client has said something
        self._long_command = False  # inside a line that is over its limit
        self._long_reply = False
        self._epsv_only = False
        self._distrusted = False  # it has carried something else than FTP
        self._blind = False  # handed over
        self._kept: tuple[Any, ...] | None = None  # what `snapshot` says of all this, while it holds

    def plain(self, direction: Direction, data: bytes) -> int:
        """The ordinary lines at the front of `data`."""
        if self._blind or self._heads[direction]:
            return 0
        return self._plain_commands(data, 0) if direction is ORIGINAL else self._plain_replies(data, 0)

    def octets(self, direction: Direction, data: bytes) -> Actions:
        """Judge the whole lines of `data`; an incomplete one is wanted again."""
        self._kept = None
        if self._blind:
            return self._untouched(data)
        head = self._heads[direction]
        if not head:
            return self._commands(data) if direction is ORIGINAL else self._replies(data)
        lines = head + data
        actions = self._commands(lines) if direction is ORIGINAL else self._replies(lines)
        refused = self._long_command if direction is ORIGINAL else self._long_reply
        over = partial(self._heads.__setitem__, direction, b"")
        return continued(direction, head, data, actions, over, spoil=refused)

    def urge(self, direction: Direction, data: bytes) -> int:
        """Let go what is never rewritten of a line that is not complete."""
        head = self._heads[direction]
        if self._blind or (not self._started and data == b"\x16"):
            return 0
        octets = free(direction, head + data) - len(head)
        if octets <= 0:
            return 0
        self._heads[direction] = head + data[:octets]
        self._kept = None
        return octets

    def _untouched(self, data: bytes) -> Actions:
        yield Pass(len(data))

    def end(self, direction: Direction, data: bytes) -> Actions:
        """What is left is part of a line: it is released unread, and announces nothing."""
        if data and not self._blind:
            yield Note("truncated", f"{len(data)} octets")

    def snapshot(self) -> tuple[Any, ...]:
        """Numbers, octets and flags, under 1 KiB."""
        if self._kept is None:
            flags = (
                self._started,
                self._long_command,
                self._long_reply,
                self._epsv_only,
                self._distrusted,
                self._blind,
            )
            self._kept = (self._multi, tuple(self._admission.public), tuple(self._heads), flags)
        return self._exchange.snapshot(), self._kept

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        """Take up what `snapshot` gave."""
        exchange, self._kept = snapshot
        self._multi, public, heads, flags = snapshot[1]
        self._heads = list(heads)
        self._exchange.restore(exchange)
        self._admission.public = list(public)
        self._started, self._long_command, self._long_reply = flags[:3]
        self._epsv_only, self._distrusted, self._blind = flags[3:]

    # Commands

    def _commands(self, data: bytes) -> Actions:
        if not self._started:
            if data == b"\x16":
                return
            self._started = True
            if data[:2] == b"\x16\x03":  # a TLS handshake record (RFC 8446 5.1)
                yield from self._hand_over("tls-implicit")
                return
        done = at = 0
        while at < len(data):
            if self._long_command:
                at = data.find(b"\n", at) + 1 or len(data)
                self._long_command = data[at - 1] != LF
                continue
            at = self._plain_commands(data, at)
            end = data.find(b"\n", at, at + COMMAND_LIMIT) + 1
            if not end and len(data) - at < COMMAND_LIMIT:
                break
            if at > done:
                yield Pass(at - done)
            line = data[at : end or at + COMMAND_LIMIT]
            active = ACTIVE_COMMANDS.get(line[:5])
            if active is not None and line[-2:] == b"\r\n" and not (self._distrusted or self._epsv_only):
                yield from self._active(active, line)  # spelt as usual: nothing of _command and _data_port applies
            else:
                yield from self._command(line) if end else self._long(line)
            done = at = at + len(line)
        if at > done:
            yield Pass(at - done)

    def _plain_commands(self, data: bytes, at: int) -> int:
        """Where the plain commands from `at` on end: a table look-up each."""
        if not self._started or self._long_command:
            return at
        unanswered = self._exchange.unanswered
        while len(unanswered) < UNANSWERED_LIMIT:
            kind = PLAIN.get(data[at : at + 4].upper())
            if kind is None:
                break
            end = data.find(b"\n", at, at + COMMAND_LIMIT) + 1
            if not end or data[end - 2 : end] != b"\r\n" or (data[at + 4] > SPACE and data[at + 3] > SPACE):
                break
            unanswered.append(kind)
            at = end
        return at

    def _command(self, line: bytes) -> Actions:
        """One command line that is not plain."""
        verb = find_verb(line)
        if verb is None:
            # HTTP, or whatever else a browser was lured into sending here: it gets no gates from now on.
            self._distrusted = self._distrusted or bool(line.strip())
            yield Note("bad-command")
            yield from self._expect(Kind.OTHER)
            yield Pass(len(line))
            return
        if verb.start():
            yield Note("telnet", verb[0].decode())
        kind = KINDS.get(verb[0].upper(), Kind.OTHER)
        if kind is Kind.CCC:
            yield Note("ccc")
        unbroken = line[-2:] == b"\r\n"
        if not unbroken:
            yield Note("bare-lf", verb[0].decode())
        if kind not in DATA_PORT:
            yield from self._expect(kind)
            yield Pass(len(line))
        elif not (unbroken or self._settings.line_break_extension):
            yield from self._refuse_command(line)
        else:
            yield from self._data_port(kind, line)

    def _data_port(self, kind: Kind, line: bytes) -> Actions:
        """A command that asks for a data session."""
        epsv = EPSV_COMMAND.fullmatch(line) if kind is Kind.EPSV else None
        fault = ""
        if self._distrusted:
            fault = "refused-not-ftp"
        elif self._epsv_only and kind is not Kind.EPSV:  # RFC 2428 4
            fault = "refused-epsv-only"
        elif kind in PASSIVE and not (epsv or (kind is not Kind.EPSV and NO_ARGUMENT.fullmatch(line))):
            fault = f"bad-{kind.name.lower()}"
        if fault:
            yield Note(fault, quote(line))
            yield from self._refuse_command(line)
        elif kind in ACTIVE:
            yield from self._active(kind, line)
        else:
            yield from self._expect(Kind.EPSV_ALL if epsv and epsv[1] else kind)
            yield Pass(len(line))

    def _active(self, kind: Kind, line: bytes) -> Actions:
        """PORT, EPRT, LPRT."""
        found = _FINDERS[kind](line)
        if found is None:
            yield Note(f"bad-{kind.name.lower()}", quote(line))
            released = None
        else:
            if not self._exchange.unanswered:  # nothing can use the one before (RFC 959 4.1.2: only the last counts)
                self._exchange.retire()
            gate, released = yield from self._admission.announce(ORIGINAL, kind, found, line)
        if released is None:
            yield from self._refuse_command(line)
            return
        yield from self._expect(kind, gate)
        yield release(line, released)

    def _refuse_command(self, line: bytes) -> Actions:
        """Its verb becomes one that no server knows: the client gets the server's 500."""
        verb = find_verb(line)
        start, end = verb.span() if verb else (0, min(4, len(line)))
        yield Note("refused-command", quote(line[start:end]))
        yield from self._expect(Kind.OTHER)
        whole = len(line) if len(line) <= REWRITE_LIMIT else end
        yield Rewrite(whole, line[:start] + b"X" * (end - start) + line[end:whole])
        if whole < len(line):
            yield Pass(len(line) - whole)

    def _long(self, line: bytes) -> Actions:
        """The beginning of a command line over the limit."""
        self._long_command = True
        yield Note("long-command")
        yield from self._refuse_command(line)

    def _expect(self, kind: Kind, gate: int = 0) -> Actions:
        if not self._exchange.expect(kind, gate):
            yield Note("pipeline")

    # Replies

    def _replies(self, data: bytes) -> Actions:
        done = at = 0
        while at < len(data):
            if self._long_reply:
                at = data.find(b"\n", at) + 1 or len(data)
                self._long_reply = data[at - 1] != LF
                continue
            at = self._plain_replies(data, at)
            end = data.find(b"\n", at, at + REPLY_LIMIT) + 1
            if not end and len(data) - at < REPLY_LIMIT:
                break
            if at > done:
                yield Pass(at - done)
            line = data[at : end or at + REPLY_LIMIT]
            done = at = at + len(line)
            yield from self._reply_line(line, whole=bool(end))
            if self._blind:
                return
        if at > done:
            yield Pass(at - done)

    def _plain_replies(self, data: bytes, at: int) -> int:
        """Where the plain replies from `at` on end: single lines that need no action."""
        if self._multi or self._long_reply:
            return at
        while (code := LAST_LINES.get(data[at : at + 4])) is not None:
            end = data.find(b"\n", at, at + REPLY_LIMIT) + 1
            if not end or data[end - 2 : end] != b"\r\n":
                break
            if code >= 200 and not self._exchange.plainly_answered(code):
                break
            at = end
        return at

    def _reply_line(self, line: bytes, *, whole: bool) -> Actions:
        """One line of a reply that is not plain, or the beginning of one that is over the limit (not `whole`)."""
        if not whole:
            self._long_reply = True
            yield Note("long-reply")
        elif line[-2:] != b"\r\n":
            yield Note("bare-lf", quote(line[:3]))
        last = line[:3] + b" " if line[3:4] in (b"\r", b"\n") else line[:4]  # a code may stand alone
        code = LAST_LINES.get(last, 0)
        if self._multi:
            if last == self._multi:
                self._multi = b""
                yield from self._reply(code, line, whole=whole, alone=False)
                return
        elif code:
            yield from self._reply(code, line, whole=whole, alone=True)
            return
        elif line[3:4] == b"-" and line[:3] + b" " in LAST_LINES:
            self._multi = line[:3] + b" "
        else:
            yield Note("bad-reply")
        yield Pass(len(line))

    def _reply(self, code: int, line: bytes, *, whole: bool, alone: bool) -> Actions:
        """The last line of a reply. alone: it is its only line."""
        if code < 200:
            yield Pass(len(line))
            return
        answer = self._exchange.answered(code)
        if not answer.in_turn and code != 421:  # which may come at any time (RFC 959 5.4)
            yield Note("reply-mismatch", str(code))
        if answer.kind in PASSIVE and code < 300:
            yield from self._passive(answer.kind, line, whole=whole, alone=alone)
            return
        unused = self._exchange.settle(answer, failed=code >= 400)
        if unused:
            yield CloseGate(unused)
        if answer.kind is Kind.AUTH and code in ANSWERS:
            yield from self._encrypted(line)
            return
        if answer.kind is Kind.EPSV_ALL and code < 300:
            self._epsv_only = True
            yield Note("epsv-all")
        yield Pass(len(line))

    def _passive(self, kind: Kind, line: bytes, *, whole: bool, alone: bool) -> Actions:
        """227, 228, 229, asked for."""
        found = _FINDERS[kind](line) if whole else None
        released = None
        if found is None:
            yield Note(f"bad-{line[:3].decode()}", quote(line))
        elif line[-2:] == b"\r\n" or self._settings.line_break_extension:
            self._exchange.retire()
            self._exchange.current, released = yield from self._admission.announce(REPLY, kind, found, line)
        if released is None:
            yield Note("refused-reply", quote(line))
            released = refused_reply(line, alone=alone)
        yield release(line, released)

    def _encrypted(self, line: bytes) -> Actions:
        """AUTH was accepted (RFC 4217 4): what follows cannot be read."""
        for gate in self._exchange.take_spent():
            yield CloseGate(gate)
        if self._settings.ftps_extension:
            server = Endpoint(self._session.party(REPLY).address, 0)
            opened = yield OpenGate(
                REPLY, server, server, "AUTH", lifetime_s=FTPS_LIFETIME_S, one_shot=False, any_port=True
            )
            yield Note("refused-gate" if opened is None else "ftps-gate", "AUTH")
        yield Pass(len(line))
        yield from self._hand_over("tls")

    def _hand_over(self, event: str) -> Actions:
        self._blind = True
        yield Note(event)
        yield HandOver()
