"""The fuzz targets of text protocols' readers, for a moment, from a fixed seed."""

from __future__ import annotations

import random
from pathlib import Path

from tests.fuzz import sip_messages
from tests.fuzz.test_targets import ROUNDS, mutate
from tests.support.sip_messages import CONTACT, lines, request, sdp
from tests.unit.alg.sdp.test_reading import HEAD, ICE

SEEDS = [
    *(path.read_bytes() for path in sorted((Path(__file__).parents[1] / "captures" / "sip").rglob("*.dat"))),
    request("INVITE", CONTACT, body=sdp("a=rtcp:50 IN IP4 10.0.0.2", "m=video 6000 RTP/AVP 31", "c=IN IP4 10.0.0.3")),
    request("INVITE", CONTACT, body=lines(HEAD + ICE)),
]


def test_sip_messages() -> None:
    chance = random.Random(3261)
    readable = sum(sip_messages.run(mutate(chance.choice(SEEDS), chance)) for _ in range(ROUNDS * 4))
    assert readable > ROUNDS // 4


def test_sip_streams() -> None:
    chance = random.Random(5626)
    for _ in range(ROUNDS):
        octets = b"\r\n".join(chance.choices(SEEDS, k=3))
        sip_messages.run_stream(mutate(octets, chance), chance.choice((1, 7, 1400)))
