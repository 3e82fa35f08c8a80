"""What descriptions say about endpoints is found, or refused."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.alg.sdp.description import Description, Medium
from applianced.alg.sdp.reading import CANDIDATE_LIMIT, MEDIA_LIMIT, read
from applianced.errors import ProtocolError
from applianced.model.tuples import Endpoint, packed
from tests.support.sip_messages import lines, only, sdp

HEAD = "v=0\no=- 1 1 IN IP4 10.0.0.2\ns=-\nc=IN IP4 10.0.0.2\nt=0 0\n"
ICE = """a=ice-ufrag:8hhY
a=ice-pwd:asd88fgpdd777uzjYhagZg
m=audio 45664 RTP/AVP 0
a=candidate:1 1 UDP 2130706431 10.0.0.2 8998 typ host
a=candidate:2 2 udp 1694498815 192.0.2.3 45664 typ srflx raddr 10.0.0.2 rport 8998
a=candidate:3 1 tcp 1 2001:db8::7 9 typ host tcptype active
a=candidate:4 1 udp 1 a1b2.local 5000 typ host
a=candidate:nonsense
a=remote-candidates:1 198.51.100.7 4000 2 198.51.100.7 4001
a=end-of-candidates
a=alt:1 1 : abc def 10.0.0.2 8998
"""


def endpoint(text: str, port: int) -> Endpoint:
    return Endpoint(packed(text), port)


def one(*more: str, head: str = HEAD) -> Medium:
    [medium] = read(lines(head + "".join(f"{line}\n" for line in more))).media
    return medium


def refusal(data: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        read(data)
    assert caught.value.event == "bad-sdp"


def test_a_plain_description() -> None:
    data = sdp()
    description = read(data)
    [medium] = description.media
    assert description.origin is not None
    assert data[description.origin.start : description.origin.end] == b"IP4 10.0.0.2"
    assert description.connection is not None
    assert data[description.connection.start : description.connection.end] == b"IP4 10.0.0.2"
    assert description.closed
    assert (medium.kind, medium.transport, medium.ports, medium.direction) == (b"audio", b"RTP/AVP", 1, b"sendrecv")
    assert medium.endpoint == endpoint("10.0.0.2", 49170)
    assert medium.rtcp_endpoint == endpoint("10.0.0.2", 49171)
    assert data[medium.port_start : medium.port_end] == b"49170"
    assert data[medium.start :].startswith(b"m=audio")
    assert data[medium.inserted :].startswith(b"a=rtpmap:0")
    assert medium.end == description.end == len(data)
    assert medium.over_rtp
    assert not medium.over_tcp


def test_a_part_of_other_octets() -> None:
    around = b"X: y\r\n\r\n" + sdp() + b"--end\r\nm=audio x"
    description = read(around, 8, 8 + len(sdp()))
    assert (description.start, description.end) == (8, 8 + len(sdp()))
    [medium] = description.media
    assert around[medium.port_start : medium.port_end] == b"49170"


def test_line_feeds_alone_and_no_end() -> None:
    description = read(sdp().replace(b"\r\n", b"\n").rstrip())
    assert not description.closed
    assert description.media[0].direction == b"sendrecv"


def test_media_with_addresses_of_their_own() -> None:
    description = read(
        lines(
            HEAD + "m=audio 5000/2 RTP/SAVPF 0\ni=English\nc=IN IP6 2001:db8::5\nc=IN IP6 2001:db8::6\n"
            "m=video 6000 RTP/AVP 31\nc=IN IP4 phone.example\nm=audio 7000 RTP/AVP 0\nc=IN IP4 224.2.1.1/127/3\n"
            "m=text 0 RTP/AVP 98\n"
        )
    )
    audio, video, cast, text = description.media
    assert (audio.ports, audio.transport, audio.endpoint) == (2, b"RTP/SAVPF", endpoint("2001:db8::5", 5000))
    assert len(audio.connections) == 2
    assert description.media[0].inserted == audio.connections[0].start - 5
    assert video.endpoint is None
    assert video.place is not None
    assert (video.place.name, video.place.address, video.place.unspecified) == (b"phone.example", b"", False)
    assert cast.endpoint == endpoint("224.2.1.1", 7000)
    assert (text.endpoint, text.rtcp_endpoint) == (None, None)


def test_a_description_without_media() -> None:
    assert read(lines(HEAD)).media == ()
    assert read(b"v=0\r\n").origin is None
    assert read(b"v=0\r\nm=audio 5000 RTP/AVP 0\r\n").media[0].endpoint is None


@pytest.mark.parametrize(
    ("more", "rtcp"),
    [
        (["a=rtcp:53020"], ("10.0.0.2", 53020)),
        (["a=rtcp:53020 IN IP4 192.0.2.64"], ("192.0.2.64", 53020)),
        (
            ["a=rtcp:53020 IN IP6 2001:2345:6789:ABCD:EF01:2345:6789:ABCD"],
            ("2001:2345:6789:ABCD:EF01:2345:6789:ABCD", 53020),
        ),
        ([], ("10.0.0.2", 5001)),
    ],
)
def test_where_rtcp_is_taken(more: list[str], rtcp: tuple[str, int]) -> None:
    assert one("m=audio 5000 RTP/AVP 0", *more).rtcp_endpoint == endpoint(*rtcp)


def test_where_there_is_no_rtcp() -> None:
    assert one("m=image 5000 udptl t38").rtcp_endpoint is None
    assert one("m=audio 65535 RTP/AVP 0").rtcp_endpoint is None
    assert one("m=audio 5000 RTP/AVP 0", "a=rtcp:5001 IN IP4 name.example").rtcp_endpoint is None


def test_attributes() -> None:
    medium = one(
        "m=audio 0 RTP/AVP 0", "a=mid: a1", "a=rtcp-mux", "a=bundle-only", "a=setup:ActPass", "a=rtcp-fb:* nack"
    )
    assert (medium.mid, medium.mux, medium.bundle_only, medium.setup, medium.rtcp) == (
        b"a1",
        True,
        True,
        b"actpass",
        None,
    )
    assert one("m=audio 5 RTP/AVP 0", "a=rtcp-mux-only").mux
    assert read(lines(HEAD + "a=group:BUNDLE 0 1\na=group:LS 0 1\na=group\nm=audio 5 RTP/AVP 0\n")).bundles == (
        (b"0", b"1"),
    )


@pytest.mark.parametrize("direction", ["sendrecv", "sendonly", "recvonly", "inactive"])
def test_directions(direction: str) -> None:
    assert one(f"a={direction}", "m=audio 5 RTP/AVP 0").direction == direction.encode()
    assert one("a=inactive", "m=audio 5 RTP/AVP 0", f"a={direction}").direction == direction.encode()
    assert one("m=audio 5 RTP/AVP 0", f"a={direction}x").direction == b"sendrecv"


@pytest.mark.parametrize(
    "head", [HEAD.replace("c=IN IP4 10.0.0.2", "c=IN IP4 0.0.0.0"), HEAD.replace("c=IN IP4 10.0.0.2", "c=IN IP6 ::")]
)
def test_hold_of_the_old_form(head: str) -> None:
    medium = one("m=audio 5000 RTP/AVP 0", head=head)
    assert medium.endpoint is None
    assert medium.place is not None
    assert medium.place.unspecified


def test_candidates() -> None:
    data = lines(HEAD + ICE)
    description = read(data)
    [medium] = description.media
    host, reflexive, tcp, name = medium.candidates
    assert (host.component, host.transport, host.kind, host.related) == (1, b"udp", b"host", None)
    assert host.written.endpoint == endpoint("10.0.0.2", 8998)
    assert data[host.written.start : host.written.end] == b"10.0.0.2 8998"
    assert data[slice(*host.line)].startswith(b"a=candidate:1 ")
    assert data[slice(*host.line)].endswith(b"typ host\r\n")
    assert (reflexive.component, reflexive.kind) == (2, b"srflx")
    assert reflexive.related is not None
    assert reflexive.related.endpoint == endpoint("10.0.0.2", 8998)
    assert data[reflexive.related.start : reflexive.related.end] == b"10.0.0.2 rport 8998"
    assert (tcp.transport, tcp.written.endpoint) == (b"tcp", endpoint("2001:db8::7", 9))
    assert name.written.endpoint is None
    assert [written.endpoint for written in medium.remote] == [
        endpoint("198.51.100.7", 4000),
        endpoint("198.51.100.7", 4001),
    ]
    assert [data[slice(*line)].split(b":")[0].strip() for line in medium.ice] == [
        b"a=candidate",
        b"a=remote-candidates",
        b"a=end-of-candidates",
    ]
    assert [data[slice(*line)][:7] for line in medium.alternatives] == [b"a=alt:1"]
    assert len(description.ice) == 2


def test_candidates_of_the_session_are_lines_of_ice() -> None:
    description = read(lines(HEAD + "a=candidate:1 1 UDP 1 10.0.0.2 8998 typ host\na=alt:x\nm=audio 5 RTP/AVP 0\n"))
    assert len(description.ice) == 2


def test_paths_of_msrp() -> None:
    data = lines(
        HEAD + "m=message 7394 TCP/TLS/MSRP *\na=setup:active\n"
        "a=path:msrps://relay.example:2855/x;tcp msrp://bob@10.0.0.2:7394/2s93i9;tcp msrp://[2001:db8::1]:8/y;tcp msrp://10.0.0.2/z;tcp\n"
    )
    [medium] = read(data).media
    assert medium.over_tcp
    assert not medium.over_rtp
    assert [written.endpoint for written in medium.paths] == [
        None,
        endpoint("10.0.0.2", 7394),
        endpoint("2001:db8::1", 8),
        None,
    ]
    assert data[medium.paths[1].start : medium.paths[1].end] == b"10.0.0.2:7394"
    assert data[medium.paths[2].start : medium.paths[2].end] == b"[2001:db8::1]:8"


@pytest.mark.parametrize(
    "text",
    [
        "", "o=-\n", "v=1\n", HEAD + "m=audio\n", HEAD + "m=audio 65536 RTP/AVP 0\n", HEAD + "m=audio x RTP/AVP 0\n",
        HEAD + "m=audio 5/0 RTP/AVP 0\n", HEAD + "m=audio 5\n", HEAD + "m=audio 5 RTP/AVP 0\nc=IN IP4\n",
        "v=0\nc=ATM NSAP 1\n",
        "v=0\nc=IN IP6 10.0.0.2\n", "v=0\nc=IN IP4 2001:db8::1\n", HEAD + "m=audio 5 RTP/AVP 0\na=rtcp:\n",
        HEAD + "m=audio 5 RTP/AVP 0\na=rtcp:70000\n", HEAD + "m=audio 5 RTP/AVP 0\na=rtcp:5 IN IP4 ::\n",
        HEAD + "m=message 5 TCP/MSRP *\na=path:msrp://10.0.0.2:70000/x;tcp\n", "v=0\no=- 1 1 IN IP6 10.0.0.2\n",
        HEAD + "m=audio 5 RTP/AVP 0\n" * (MEDIA_LIMIT + 1), HEAD + "a=end-of-candidates\n" * (CANDIDATE_LIMIT + 1),
    ],
)  # fmt: skip
def test_what_is_refused(text: str) -> None:
    refusal(lines(text))


def test_an_origin_that_cannot_be_read_matters_to_nobody() -> None:
    assert read(lines("v=0\no=nothing\n")).origin is None
    origin = read(lines("v=0\no=Alice Smith 1 1 IN IP4 10.0.0.2\n")).origin
    assert origin is not None
    assert origin.address == packed("10.0.0.2")


pieces = st.sampled_from(
    [
        "v=0", "o=- 1 1 IN IP4 10.0.0.2", "c=IN IP4 10.0.0.2", "c=IN IP6 ::1", "c=IN IP4 0.0.0.0", "a=",
        "m=audio 5 RTP/AVP 0", "m=image 0 udptl t38", "m=audio 65535/2 RTP/AVP 0", "a=rtcp:5",
        "a=rtcp:5 IN IP4 1.1.1.1", "a=rtcp-mux", "i=x", "x", "", "a=candidate:1 1 udp 1 10.0.0.2 5 typ host",
        "a=candidate:x", "a=path:msrp://10.0.0.2:5/x;tcp", "a=alt:", "a=remote-candidates:1 1.1.1.1 5", "a=ice-lite",
        "m=", "c=", "a=group:BUNDLE a", "a=inactive",
    ]
)  # fmt: skip
descriptions = st.builds(
    lambda parts, end: b"v=0" + end + end.join(part.encode() for part in parts),
    st.lists(pieces, max_size=14), st.sampled_from([b"\r\n", b"\n"]),
)  # fmt: skip


def check(data: bytes, description: Description) -> None:
    at = description.start
    for medium in description.media:
        assert at <= medium.start < medium.inserted <= medium.end <= description.end
        assert int(data[medium.port_start : medium.port_end]) == medium.port
        assert medium.endpoint is None or medium.endpoint.port
        assert medium.rtcp_endpoint is None or medium.rtcp_endpoint.port <= 65535
        at = medium.end


@given(st.one_of(descriptions, st.binary(max_size=60).map(lambda octets: b"v=0\r\n" + octets)))
def test_any_octets(data: bytes) -> None:
    with only(["bad-sdp"]):
        check(data, read(data))


@pytest.mark.parametrize(
    "text",
    [
        b"m=" + b" " * 60000, b"c=IN" + b" " * 60000, b"o=" + b" IN" * 20000, b"o=" + b" IN IP4 1" * 7000,
        b"a=path:" + b"msrp://" + b"a" * 60000, b"a=rtcp:5" + b" " * 60000, b"a=candidate:" + b"1 " * 30000,
        b"\n" * 60000, b"a=path:" + b"msrp://" * 8000,
        b"a=remote-candidates:" + b"1 " * 30000, b"a=group:BUNDLE" + b" x" * 30000, b"a=candidate:" + b"a" * 60000,
    ],
    ids=lambda text: repr(text[:9]),
)  # fmt: skip
def test_hostile_lines_cost_little(text: bytes) -> None:
    began = time.process_time()
    for head in (b"v=0\r\nm=audio 5 RTP/AVP 0\r\n", b"v=0\r\n"):
        with only(["bad-sdp"]):
            read(head + text)
    assert time.process_time() - began < 0.5
