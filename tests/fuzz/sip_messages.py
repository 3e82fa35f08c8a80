"""Fuzz target of reading SIP and SDP: `python -m tests.fuzz.sip_messages FILE...`; run() takes any octets."""

from __future__ import annotations

import sys
from pathlib import Path

from applianced.alg.sdp.description import Description
from applianced.alg.sdp.reading import read as read_sdp
from applianced.alg.sdp.rewriting import Place, placed, with_candidates, with_origin, without_ice
from applianced.alg.sip.bodies import descriptions
from applianced.alg.sip.edits import of_length, rewritten, shortest
from applianced.alg.sip.faults import FAULTS
from applianced.alg.sip.framing import Framer, Kind, datagram
from applianced.alg.sip.messages import CONTACT, FROM, RECORD_ROUTE, REFER_TO, ROUTE, TO, Message, parse
from applianced.model.tuples import Endpoint, packed
from tests.support.sip_messages import only

_ELSEWHERE = Endpoint(packed("2001:db8::7"), 50000)
_BESIDE = Endpoint(packed("2001:db8::7"), 50007)


def read_deeply(data: bytes) -> tuple[Message, list[Description]]:
    """Everything of a datagram that an ALG may look at. Raises ProtocolError."""
    datagram(data)
    message = parse(data)
    message.vias()
    if not message.status:
        message.uri()
    for name in (FROM, TO, CONTACT, ROUTE, RECORD_ROUTE, REFER_TO):
        message.addresses(name)
    return message, [read_sdp(data, body.start, body.end) for body in descriptions(message)]


def run(octets: bytes) -> bool:
    """Whether they are a message that can be read; what is rewritten then can be read again."""
    read: list[tuple[Message, list[Description]]] = []
    with only(FAULTS):
        read.append(read_deeply(octets))
    if not read:
        return False
    [(message, found)] = read
    edits = []
    for description in found:
        places = {at: Place(_ELSEWHERE, _BESIDE) for at, medium in enumerate(description.media) if medium.port}
        edits += placed(description, places) + with_origin(description, _ELSEWHERE.address)
        edits += without_ice(description) or with_candidates(description, lambda *_: _ELSEWHERE)
    written = rewritten(message, edits)
    for text in (written, shortest(written), of_length(written, len(written) + 9) or written):
        again, moved = read_deeply(text)
        assert again.end == len(text)
        assert (again.call_id, again.cseq, len(again.vias())) == (message.call_id, message.cseq, len(message.vias()))
        endpoints = {medium.endpoint for description in moved for medium in description.media if medium.port}
        assert endpoints <= {_ELSEWHERE}
    return True


def run_stream(octets: bytes, size: int) -> int:
    """How many messages come out of a stream in pieces of a size; it ends where it is no SIP."""
    framer, waiting, messages = Framer(4096), b"", 0
    with only(FAULTS):
        for at in range(0, len(octets), size):
            waiting += octets[at : at + size]
            while (frame := framer.frame(waiting)).octets:
                messages += frame.kind is Kind.MESSAGE
                waiting = waiting[frame.octets :]
                framer.taken()
    return messages


if __name__ == "__main__":
    for name in sys.argv[1:]:
        run(Path(name).read_bytes())
