"""The messages of RFC 4475: the table of docs/sip-torture.md says what becomes of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from applianced.alg.actions import Note
from applianced.alg.sip import DESCRIPTOR, Books, Datagrams, SipSettings
from applianced.alg.sip.edits import of_length, rewritten, shortest
from applianced.alg.sip.messages import parse
from applianced.errors import ProtocolError
from applianced.model.tuples import ORIGINAL, UDP, packed
from tests.fuzz.sip_messages import read_deeply
from tests.support.dialog import DatagramPlayer, control_session

ROOT = Path(__file__).parents[4]
MESSAGES = {path.stem: path.read_bytes() for path in (ROOT / "tests" / "captures" / "sip" / "rfc4475").glob("*.dat")}


ADDRESSES = dict.fromkeys(("ltgtruri", "quotbal", "regbadct"), "bad-address")
"""Messages in which an address cannot be read."""


def table() -> dict[str, str]:
    """Message -> verdict."""
    rows = [line.split("|")[1:-1] for line in (ROOT / "docs" / "sip-torture.md").read_text().splitlines()]
    return {cells[0].strip(): cells[2].strip() for cells in rows if len(cells) == 4 and cells[0].strip() in MESSAGES}


def test_all_are_in_the_table() -> None:
    assert len(MESSAGES) == 50
    assert table().keys() == MESSAGES.keys()


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_message(name: str) -> None:
    """Sent by a party that is translated."""
    session = control_session("192.0.2.2", "198.51.100.1", 5060, 5060, UDP)
    alg = Datagrams(SipSettings(), session, Books())
    outside = {packed("192.0.2.2"): packed("203.0.113.9")}
    player = DatagramPlayer(alg, DESCRIPTOR.events, session=session, translation=outside)
    player.feed(ORIGINAL, MESSAGES[name])
    verdict = table()[name]
    noted = [action.event for _, action, _ in player.log if isinstance(action, Note)]
    assert bool(player.out) is (verdict == "passes")
    assert verdict == "passes" or noted[-2:] == [verdict, "refused-message"]
    assert not player.open


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_what_every_address_in_it_says(name: str) -> None:
    """Also those that the ALG does not look at."""
    verdict = ADDRESSES.get(name, table()[name])
    if verdict in ("passes", "refused-response"):
        read_deeply(MESSAGES[name])
        return
    with pytest.raises(ProtocolError) as caught:
        read_deeply(MESSAGES[name])
    assert caught.value.event == verdict


@pytest.mark.parametrize(
    "name", sorted(name for name, verdict in table().items() if verdict == "passes" and name not in ADDRESSES)
)
def test_rewritten_it_is_the_same_message(name: str) -> None:
    message = parse(MESSAGES[name])
    assert rewritten(message, []) == message.data[: message.end]
    for again in (shortest(rewritten(message, [])), of_length(rewritten(message, []), message.end + 40)):
        assert again is not None
        other = parse(again)
        assert (other.method, other.status, other.cseq, other.call_id) == (
            message.method, message.status, message.cseq, message.call_id,
        )  # fmt: skip
        assert [via[2:3] for via in other.vias()] == [via[2:3] for via in message.vias()]
        assert other.data[other.body : other.end] == message.data[message.body : message.end]
