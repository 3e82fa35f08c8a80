"""What holds for any stream: any split gives the same, nothing is lost, gates are bounded, a snapshot goes on."""

from __future__ import annotations

import marshal

from hypothesis import given, settings
from hypothesis import strategies as st

from applianced.alg.actions import CloseGate, OpenGate, Pass
from applianced.alg.ftp import DESCRIPTOR, Dialogue, FtpSettings
from applianced.alg.ftp.exchange import UNANSWERED_LIMIT
from applianced.alg.ftp.settings import REPLY_LIMIT
from applianced.model.tuples import ORIGINAL, REPLY, Direction, packed
from tests.alg.test_cases import FOLDERS
from tests.support.dialog import Case, Player, Step, control_session

CLIENT, SERVER, PUBLIC = "10.0.0.2", "198.51.100.1", "203.0.113.1"

COMMANDS = st.sampled_from(
    [b"USER u", b"PASS p", b"PORT 10,0,0,2,4,1", b"PORT 10,0,0,3,4,1", b"PORT 203,0,113,1,9,9", b"PORT x", b"PASV",
     b"EPRT |1|10.0.0.2|4000|", b"EPSV", b"EPSV ALL", b"LPRT 4,4,10,0,0,2,2,4,1", b"LPSV", b"RETR a", b"STOR b",
     b"ABOR", b"\xff\xf4\xff\xf2ABOR", b"AUTH TLS", b"CCC", b"FOO bar", b"", b"Host: x", b"LIST", b"EPSV 9"]
)  # fmt: skip
REPLIES = st.sampled_from(
    [b"220 x", b"200 ok", b"150 a", b"226 b", b"227 (198,51,100,1,100,1)", b"229 (|||4000|)", b"227 x", b"550 no",
     b"211-a", b"211 b", b" c", b"331 x", b"425 y", b"228 (4,4,198,51,100,1,2,100,1)", b"500 ?", b"421 bye",
     b"227 (10,9,9,9,100,1)", b"229-a", b"229 (|||5000|)", b"junk", b"200"]
)  # fmt: skip
ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n"])


@st.composite
def dialogs(draw: st.DrawFn) -> list[Step]:
    """Lines of both directions in any order, some of them absurdly long, now and then octets of any kind."""
    steps: list[Step] = []
    for _ in range(draw(st.integers(1, 25))):
        direction = draw(st.sampled_from((ORIGINAL, REPLY)))
        kind = draw(st.integers(0, 19))
        if kind == 0:
            line = draw(st.binary(max_size=30))
        elif kind == 1:
            line = draw(COMMANDS if direction is ORIGINAL else REPLIES) + b"z" * draw(st.integers(1000, 5000))
            line += draw(ENDS)
        else:
            line = draw(COMMANDS if direction is ORIGINAL else REPLIES) + draw(ENDS)
        steps.append((direction, line))
    return steps


CHOICES = st.builds(
    FtpSettings,
    ftps_extension=st.booleans(),
    line_break_extension=st.booleans(),
    allow_mismatch_ip_address=st.booleans(),
)


def player(choices: FtpSettings, alg: Dialogue | None = None) -> Player:
    alg = alg or Dialogue(choices, control_session(CLIENT, SERVER))
    return Player(alg, DESCRIPTOR.events, {packed(CLIENT): packed(PUBLIC)})


def play(choices: FtpSettings, steps: list[Step]) -> Player:
    played = player(choices)
    for direction, data in steps:
        played.feed(direction, data)
    played.finish()
    return played


def actions(played: Player) -> list[tuple[Direction, object]]:
    return [(direction, action) for direction, action, _ in played.log if not isinstance(action, Pass)]


@settings(deadline=None)
@given(CHOICES, dialogs(), st.data())
def test_any_split_gives_the_same(choices: FtpSettings, steps: list[Step], data: st.DataObject) -> None:
    whole = play(choices, steps)
    pieces: list[Step] = []
    for direction, octets in steps:
        while octets:
            size = data.draw(st.integers(1, len(octets)))
            pieces.append((direction, octets[:size]))
            octets = octets[size:]
    cut = play(choices, pieces)
    assert actions(cut) == actions(whole)
    assert cut.sent(ORIGINAL) == whole.sent(ORIGINAL)
    assert cut.sent(REPLY) == whole.sent(REPLY)


@settings(deadline=None)
@given(CHOICES, dialogs())
def test_the_plain_path_changes_nothing(choices: FtpSettings, steps: list[Step]) -> None:
    slow = player(choices)
    slow.plain = False
    for direction, data in steps:
        slow.feed(direction, data)
    slow.finish()
    quick = play(choices, steps)
    assert actions(quick) == actions(slow)
    assert quick.out == slow.out
    assert quick.alg.snapshot() == slow.alg.snapshot()


@settings(deadline=None)
@given(CHOICES, dialogs())
def test_without_translation_every_octet_keeps_its_place(choices: FtpSettings, steps: list[Step]) -> None:
    played = player(choices)
    played.translation.clear()
    for direction, data in steps:
        played.feed(direction, data)
    played.finish()
    for direction in (ORIGINAL, REPLY):
        assert len(played.sent(direction)) == sum(len(data) for each, data in steps if each is direction)


@settings(deadline=None)
@given(CHOICES, st.lists(st.tuples(st.sampled_from((ORIGINAL, REPLY)), st.binary(max_size=300)), max_size=20))
def test_any_octets_do_no_harm(choices: FtpSettings, steps: list[Step]) -> None:
    played = play(choices, steps)
    assert not played.open
    if not any(isinstance(action, OpenGate) for _, action, _ in played.log):
        for direction in (ORIGINAL, REPLY):
            assert len(played.sent(direction)) == sum(len(data) for each, data in steps if each is direction)


@settings(deadline=None)
@given(CHOICES, dialogs())
def test_gates_are_closed_once_and_bounded(choices: FtpSettings, steps: list[Step]) -> None:
    played = player(choices)
    for direction, data in steps:
        played.feed(direction, data)
        assert len(played.open) <= UNANSWERED_LIMIT + 2
    opened = {reply for _, action, reply in played.log if isinstance(action, OpenGate)}
    closed = [action.gate for _, action, _ in played.log if isinstance(action, CloseGate)]
    assert len(closed) == len(set(closed))
    assert set(closed) | set(played.open) == opened


@settings(deadline=None)
@given(CHOICES, dialogs(), st.data())
def test_a_snapshot_goes_on(choices: FtpSettings, steps: list[Step], data: st.DataObject) -> None:
    whole = play(choices, steps)
    at = data.draw(st.integers(0, len(steps)))
    played = player(choices)
    for direction, octets in steps[:at]:
        played.feed(direction, octets)
    plain = marshal.dumps(played.alg.snapshot(), 2)
    assert len(plain) < 2048
    played.alg = Dialogue(choices, control_session(CLIENT, SERVER))
    played.alg.restore(marshal.loads(plain))
    for direction, octets in steps[at:]:
        played.feed(direction, octets)
    played.finish()
    assert actions(played) == actions(whole)
    assert played.out == whole.out


def test_what_is_kept_is_bounded() -> None:
    """However long a line or a pipeline is, little waits."""
    played = player(FtpSettings())
    for _ in range(300):
        played.feed(ORIGINAL, b"PORT 10,0,0,2,4,1\r\nRETR a\r\n")
        played.feed(REPLY, b"2" * 999)
        assert len(played.waiting[REPLY]) < REPLY_LIMIT
        assert len(marshal.dumps(played.alg.snapshot(), 2)) < 2048


def test_handed_over_stays_so() -> None:
    """Whatever is offered afterwards passes, also to a restarted worker."""
    first = player(FtpSettings())
    first.feed(ORIGINAL, b"\x16\x03")
    alg = Dialogue(FtpSettings(), control_session(CLIENT, SERVER))
    alg.restore(first.alg.snapshot())
    assert list(alg.octets(ORIGINAL, b"PORT 10,0,0,3,4,1\r\n")) == [Pass(19)]
    assert list(alg.octets(REPLY, b"\x16")) == [Pass(1)]
    assert list(alg.end(REPLY, b"\x16")) == []


def test_every_event_has_a_case() -> None:
    """The cases between them note every event that there is."""
    noted: set[str] = set()
    for folder in FOLDERS:
        if folder.parent.name == "ftp":
            log = Case.load(folder).play(DESCRIPTOR).log
            noted |= {action.event for _, action, _ in log if hasattr(action, "event")}
    assert noted == set(DESCRIPTOR.events)
