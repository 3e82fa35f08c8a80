"""SIP messages and session descriptions for tests, written by hand."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from applianced.errors import ProtocolError

SDP = """v=0
o=alice 2890844526 2890844526 IN IP4 10.0.0.2
s=-
c=IN IP4 10.0.0.2
t=0 0
m=audio 49170 RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=sendrecv
"""

VIA = "Via: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK776asdhds;rport"
FROM = "From: Alice <sip:alice@atlanta.example>;tag=1928301774"
TO = "To: Bob <sip:bob@biloxi.example>"
CALL_ID = "Call-ID: a84b4c76e66710@10.0.0.2"
CONTACT = "Contact: <sip:alice@10.0.0.2:5060;transport=udp>"


@contextmanager
def only(events: Collection[str]) -> Iterator[None]:
    """ProtocolError may come, of these events, and nothing else."""
    try:
        yield
    except ProtocolError as error:
        event = error.event
    else:
        return
    assert event in events


def lines(text: str) -> bytes:
    """Text with CRLF as its line ends."""
    return text.replace("\n", "\r\n").encode()


def sdp(*more: str, text: str = SDP) -> bytes:
    """A description, with further lines behind it."""
    return lines(text + "".join(f"{line}\n" for line in more))


def request(
    method: str = "OPTIONS",
    *headers: str,
    body: bytes = b"",
    kind: str = "application/sdp",
    length: bool = True,
    uri: str = "sip:bob@biloxi.example",
) -> bytes:
    """A request with the headers that every one has, and those named."""
    return _message(f"{method} {uri} SIP/2.0", method, headers, body, kind, length)


def response(
    status: int = 200,
    method: str = "INVITE",
    *headers: str,
    body: bytes = b"",
    kind: str = "application/sdp",
    length: bool = True,
) -> bytes:
    """A response, likewise."""
    return _message(f"SIP/2.0 {status} Said", method, headers, body, kind, length)


def _message(first: str, method: str, headers: tuple[str, ...], body: bytes, kind: str, length: bool) -> bytes:
    names = {header.split(":")[0].strip().lower() for header in headers}
    own = (VIA, FROM, TO, CALL_ID, f"CSeq: 314159 {method}", "Max-Forwards: 70")
    written = [first, *(header for header in own if header.split(":")[0].lower() not in names), *headers]
    if body:
        written.append(f"Content-Type: {kind}")
    if length:
        written.append(f"Content-Length: {len(body)}")
    return lines("\n".join(written) + "\n\n") + body
