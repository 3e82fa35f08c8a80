"""Lines whose beginning leaves before their end: the line is judged as if it had come whole."""

from __future__ import annotations

import pytest

from applianced.alg.actions import Bind, Drop, Note, OpenGate, Pass, Rewrite
from applianced.alg.ftp import Dialogue, FtpSettings
from applianced.alg.ftp.heads import continued, free
from applianced.model.tuples import ORIGINAL, REPLY, Direction, Endpoint, packed
from tests.support.dialog import control_session

OUTSIDE = Endpoint(packed("203.0.113.1"), 50001)


@pytest.mark.parametrize(
    ("direction", "line", "octets"),
    [
        (ORIGINAL, b"P", 1),
        (ORIGINAL, b"PORT", 4),
        (ORIGINAL, b"PORT 10,0", 5),
        (ORIGINAL, b"pasv\r", 4),
        (ORIGINAL, b"RETR a/long/na", 14),
        (ORIGINAL, b"\xff\xf4\xff\xf2AB", 6),
        (REPLY, b"22", 2),
        (REPLY, b"220 10 users", 12),
        (REPLY, b"227 Entering Passive Mode (198,", 27),
        (REPLY, b"227 Entering", 12),
        (REPLY, b"229 Extended (|||40", 17),
    ],
)
def test_what_may_leave(direction: Direction, line: bytes, octets: int) -> None:
    assert free(direction, line) == octets


class Driver:
    """Plays a dialogue whose lines come in pieces that are urged out, behind NAT."""

    def __init__(self) -> None:
        self.alg = Dialogue(FtpSettings(), control_session("10.0.0.2", "198.51.100.1"))
        self.left = {ORIGINAL: b"", REPLY: b""}
        self.out = b""
        self.events: list[str] = []

    def feed(self, direction: Direction, data: bytes, *, urge: bool = False) -> None:
        data = self.left[direction] + data
        plain = self.alg.plain(direction, data)
        self.out += data[:plain]
        data = data[plain:]
        actions = self.alg.octets(direction, data)
        reply: Endpoint | int | None = None
        at = 0
        while True:
            try:
                action = actions.send(reply)
            except StopIteration:
                break
            reply = None
            match action:
                case Pass(octets):
                    self.out += data[at : at + octets]
                    at += octets
                case Rewrite(octets, replacement):
                    self.out += replacement
                    at += octets
                case Bind():
                    reply = OUTSIDE
                case OpenGate():
                    reply = 7
                case Note(event):
                    self.events.append(event)
        rest = data[at:]
        spared = self.alg.urge(direction, rest) if urge and rest else 0
        self.out += rest[:spared]
        self.left[direction] = rest[spared:]


def test_an_announcement_in_pieces_is_translated() -> None:
    driver = Driver()
    for piece in (b"P", b"O", b"RT 10,", b"0,0,2,4,1\r"):
        driver.feed(ORIGINAL, piece, urge=True)
    assert driver.out == b"PORT "
    driver.feed(ORIGINAL, b"\nNOOP\r\n")
    assert driver.out == b"PORT 203,0,113,1,195,81\r\nNOOP\r\n"
    assert driver.events == ["port"]


def test_a_refusal_spoils_the_argument_when_the_verb_has_left() -> None:
    driver = Driver()
    driver.feed(ORIGINAL, b"PORT 1", urge=True)
    driver.feed(ORIGINAL, b"0,9,9,9,4,1\r\n")
    assert driver.out == b"PORT XX,X,X,X,X,X\r\n"
    assert "bounce" in driver.events


def test_a_refused_reply_whose_code_has_left_names_no_port() -> None:
    driver = Driver()
    driver.feed(ORIGINAL, b"PASV\r\n")
    driver.out = b""
    driver.feed(REPLY, b"227 Mode (", urge=True)
    driver.feed(REPLY, b"10,9,9,9,4,1)\r\n")
    assert driver.out.startswith(b"227 Mode (")
    assert len(driver.out) == len(b"227 Mode (10,9,9,9,4,1)\r\n")
    assert not any(chr(octet).isdigit() for octet in driver.out[4:])


def test_a_whole_line_that_left_early_is_only_ended() -> None:
    driver = Driver()
    driver.feed(ORIGINAL, b"RETR file", urge=True)
    assert driver.out == b"RETR file"
    driver.feed(ORIGINAL, b"\r\n")
    assert driver.out == b"RETR file\r\n"


def test_nothing_to_spare() -> None:
    alg = Dialogue(FtpSettings(), control_session("10.0.0.2", "198.51.100.1"))
    assert alg.urge(ORIGINAL, b"\x16") == 0
    assert alg.urge(ORIGINAL, b"PORT 10") == 5
    assert alg.urge(ORIGINAL, b"10") == 0
    restored = Dialogue(FtpSettings(), control_session("10.0.0.2", "198.51.100.1"))
    restored.restore(alg.snapshot())
    assert restored.snapshot() == alg.snapshot()


def test_what_left_is_not_consumed_again() -> None:
    over: list[bool] = []

    def actions():  # type: ignore[no-untyped-def]
        yield Pass(3)
        yield Drop(2)

    def judged() -> None:
        over.append(True)

    assert list(continued(ORIGINAL, b"abc", b"d\n", actions(), judged, spoil=False)) == [Drop(2)]
    assert over == [True]


@pytest.mark.parametrize("head", [b"PORT", b"PORT ", b"PORT  "])
@pytest.mark.parametrize("padding", [900, 1100, 2040, 2100, 5000])
@pytest.mark.parametrize("pieces", [1, 3, 700])
def test_a_refusal_of_a_long_line_spoils_all_that_is_left(head: bytes, padding: int, pieces: int) -> None:
    """Wherever the address stands in the line, and however the line is cut."""
    for argument in (b"10,0,0,3,4,1" + b" " * padding, b" " * padding + b"10,0,0,3,4,1", b"9" * padding):
        driver = Driver()
        driver.feed(ORIGINAL, head, urge=True)
        rest = b" " * (not head.endswith(b" ")) + argument + b"\r\n"
        for start in range(0, len(rest), max(1, len(rest) // pieces)):
            driver.feed(ORIGINAL, rest[start : start + max(1, len(rest) // pieces)])
        driver.feed(ORIGINAL, b"STOR 7\r\n")
        line, following = driver.out[: len(head) + len(rest)], driver.out[len(head) + len(rest) :]
        assert line.startswith(head)
        assert line.endswith(b"\r\n")
        assert not any(chr(octet).isdigit() for octet in line)
        assert following == b"STOR 7\r\n", "the next line is judged for itself"


def test_a_refused_long_reply_spoils_all_that_is_left() -> None:
    driver = Driver()
    driver.feed(ORIGINAL, b"PASV\r\n")
    driver.feed(REPLY, b"227 Mode (", urge=True)
    driver.out = b""
    driver.feed(REPLY, b" " * 1100)
    driver.feed(REPLY, b"10,9,9,9,4,1)\r\n220 2\r\n")
    assert driver.out.endswith(b")\r\n220 2\r\n")
    assert not any(chr(octet).isdigit() for octet in driver.out[:-7])


def test_a_line_behind_a_refused_long_one_is_whole() -> None:
    driver = Driver()
    driver.feed(ORIGINAL, b"PORT ", urge=True)
    driver.feed(ORIGINAL, b"9" * 3000)
    driver.feed(ORIGINAL, b"9\r\nSTOR 7\r\n")
    assert driver.out == b"PORT " + b"X" * 3001 + b"\r\nSTOR 7\r\n"


def test_a_long_reply_that_is_not_refused_passes() -> None:
    driver = Driver()
    driver.feed(ORIGINAL, b"NOOP\r\n")
    driver.out = b""
    driver.feed(REPLY, b"200 Entering (", urge=True)
    reply = b"1" * 2000
    driver.feed(REPLY, reply)
    driver.feed(REPLY, b"1)\r\n")
    assert driver.out == b"200 Entering (" + reply + b"1)\r\n"
