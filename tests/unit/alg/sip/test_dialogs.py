"""A call is not ended, nor its media led elsewhere, by who knows its Call-ID and nothing more."""

from __future__ import annotations

from typing import Any

import pytest

from applianced.alg.actions import CloseGates, Note, OpenMedia
from applianced.alg.sip import DESCRIPTOR, Books, Datagrams, SipSettings
from applianced.model.tuples import ORIGINAL, REPLY, UDP, Direction, packed
from tests.support.dialog import DatagramPlayer, control_session

ALICE, BOB, MALLORY, PUBLIC = "10.0.0.2", "198.51.100.9", "198.51.100.66", "192.0.2.1"
SDP = "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} RTP/AVP 0\r\n"


class Scene:
    """Alice inside, who has called bob; mallory outside, who has a session with her too."""

    def __init__(self) -> None:
        self.books = Books()
        self.own = self.player(ALICE, BOB)
        self.other = self.player(MALLORY, ALICE)
        self.other.open, self.other.bound = self.own.open, self.own.bound

    def player(self, client: str, server: str) -> DatagramPlayer:
        session = control_session(client, server, 5060, 5060, UDP, ("trust", "untrust"))
        alg = Datagrams(SipSettings(), session, self.books)
        return DatagramPlayer(alg, DESCRIPTOR.events, {packed(ALICE): packed(PUBLIC)}, session=session)

    def call(self) -> None:
        """Answered; its gates are open."""
        self.own.feed(ORIGINAL, message("INVITE", media=ALICE))
        self.own.feed(REPLY, message("INVITE", 200, media=BOB, to="b1"))
        self.own.feed(ORIGINAL, message("ACK", to="b1"))
        assert asked(self.own, OpenMedia)

    @property
    def stands(self) -> bool:
        """Nothing of the call is closed, nor opened beside it, and it will not end soon."""
        closed = asked(self.own, CloseGates) + asked(self.other, CloseGates) + asked(self.other, OpenMedia)
        [call] = self.books.calls.values()
        return not closed and len(asked(self.own, OpenMedia)) == 1 and call.expires_s > 10000


def message(
    method: str, status: int = 0, *, media: str = "", origin: str = "a1", to: str = "", branch: str = "1",
    call_id: str = "c1", port: int = 40000,
) -> bytes:  # fmt: skip
    first = f"SIP/2.0 {status} Said" if status else f"{method} sip:x@example.com SIP/2.0"
    number = 1 if method in ("INVITE", "ACK", "CANCEL") else 2
    tags = [f";tag={tag}" if tag else "" for tag in (origin, to)]
    body = SDP.format(media, port) if media else ""
    kind = "Content-Type: application/sdp\r\n" if media else ""
    return (
        f"{first}\r\nVia: SIP/2.0/UDP 203.0.113.99:5060;branch=z9hG4bK{method[0]}{branch};rport\r\n"
        f"From: <sip:a@example.com>{tags[0]}\r\nTo: <sip:b@example.com>{tags[1]}\r\nCall-ID: {call_id}\r\n"
        f"CSeq: {number} {method}\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def asked(player: DatagramPlayer, kind: type) -> list[Any]:
    return [action for _, action, _ in player.log if isinstance(action, kind)]


def unmatched(player: DatagramPlayer) -> int:
    return sum(note.event == "unmatched-dialog" for note in asked(player, Note))


Step = tuple[Direction, bytes]


@pytest.mark.parametrize(
    "steps",
    [
        [(ORIGINAL, message("BYE", origin="x", to="y")), (REPLY, message("BYE", 481, origin="x", to="y"))],
        [(ORIGINAL, message("BYE", origin="x", to="y")), (REPLY, message("BYE", 200, origin="x", to="y"))],
        [(ORIGINAL, message("INVITE", media=MALLORY, origin="x")),
         (REPLY, message("INVITE", 200, media=ALICE, origin="x", to="z"))],
        [(ORIGINAL, message("INVITE", origin="x")), (REPLY, message("INVITE", 603, origin="x", to="z"))],
        [(ORIGINAL, message("UPDATE", media=MALLORY, origin="x", to="y")),
         (REPLY, message("UPDATE", 200, media=ALICE, origin="x", to="y"))],
        [(ORIGINAL, message("INVITE", 200, media=MALLORY, origin="x", to="y"))],
        [(ORIGINAL, message("INVITE", 487, origin="x", to="y"))],
        [(ORIGINAL, message("BYE", 200, origin="x", to="y"))],
        [(ORIGINAL, message("ACK", media=MALLORY, origin="x", to="y"))],
    ],
    ids=["bye-unknown", "bye", "invite", "invite-refused", "update", "answer", "failure", "bye-answer", "ack"],
)  # fmt: skip
def test_a_stranger(steps: list[Step]) -> None:
    """No tag of the dialog: nothing happens to the call, and each is counted."""
    scene = Scene()
    scene.call()
    for direction, data in steps:
        scene.other.feed(direction, data)
    assert unmatched(scene.other) == 1
    assert scene.stands


@pytest.mark.parametrize("status", [0, 487])
def test_a_stranger_while_it_rings(status: int) -> None:
    scene = Scene()
    scene.own.feed(ORIGINAL, message("INVITE", media=ALICE))
    scene.own.feed(REPLY, message("INVITE", 180, to="b1"))
    scene.other.feed(ORIGINAL, message("INVITE" if status else "CANCEL", status, origin="x", to="y"))
    assert unmatched(scene.other) == 1
    [call] = scene.books.calls.values()
    assert call.state == "early"


def test_who_shows_a_tag() -> None:
    """The other party may speak of it over another session: its proxy has left the way."""
    scene = Scene()
    scene.call()
    scene.other.feed(ORIGINAL, message("BYE", origin="b1", to="a1"))
    scene.other.feed(REPLY, message("BYE", 200, origin="b1", to="a1"))
    assert unmatched(scene.other) == 0
    assert asked(scene.other, CloseGates)
    assert not scene.books.calls


def test_a_cancel_of_no_invite() -> None:
    """Of the right party, with another branch."""
    scene = Scene()
    scene.own.feed(ORIGINAL, message("INVITE", media=ALICE))
    scene.own.feed(ORIGINAL, message("CANCEL", branch="7"))
    assert unmatched(scene.own) == 1
    [call] = scene.books.calls.values()
    assert call.state == "setup"


def test_a_bye_of_no_dialog() -> None:
    """The inside party is believed, but the dialog that it names is none of the call's."""
    scene = Scene()
    scene.call()
    scene.own.feed(ORIGINAL, message("BYE", to="b7"))
    scene.own.feed(REPLY, message("BYE", 200, to="b7"))
    assert unmatched(scene.own) == 1
    assert scene.stands


def test_a_party_between_two_dialogs() -> None:
    """It calls on with the same Call-ID and a tag of its own: both are of the call; of many, the last ones."""
    scene = Scene()
    scene.call()
    for number in range(6):
        scene.own.feed(ORIGINAL, message("INVITE", media=ALICE, origin=f"p{number}", branch=f"p{number}"))
    [call] = scene.books.calls.values()
    assert call.tags == (b"p2", b"p3", b"p4", b"p5")
    assert unmatched(scene.own) == 0


@pytest.mark.parametrize("confirmed", [False, True])
def test_a_caller_outside_that_begins_again_under_another_tag(confirmed: bool) -> None:
    """As after a challenge; not when the call has been answered."""
    scene = Scene()
    scene.other.feed(ORIGINAL, message("INVITE", media=MALLORY))
    scene.other.feed(REPLY, message("INVITE", 200 if confirmed else 401, media=ALICE if confirmed else "", to="b1"))
    scene.other.feed(ORIGINAL, message("INVITE", media=MALLORY, origin="a2", branch="2"))
    [call] = scene.books.calls.values()
    assert call.tags == ((b"a1",) if confirmed else (b"a2",))
    assert unmatched(scene.other) == confirmed
