"""Other endpoints in descriptions: what is read again says what was asked for, and everything else is as it was."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.alg.sdp.reading import read
from applianced.alg.sdp.rewriting import (
    Place,
    Replacement,
    placed,
    with_candidates,
    with_origin,
    with_remote,
    with_session_address,
    without_ice,
)
from applianced.errors import ProtocolError
from applianced.model.tuples import Endpoint, packed
from tests.support.sip_messages import lines, sdp
from tests.unit.alg.sdp.test_reading import HEAD, ICE, descriptions, endpoint

OUT = endpoint("203.0.113.7", 50000)
OUT6 = endpoint("2001:db8:1::7", 50000)


def applied(data: bytes, replacements: list[Replacement]) -> bytes:
    ordered = sorted(replacements, key=lambda each: each[:2])
    assert all(one[1] <= other[0] for one, other in pairwise(ordered))
    for start, end, text in reversed(ordered):
        data = data[:start] + text + data[end:]
    return data


def moved(data: bytes, **places: Place) -> bytes:
    return applied(data, placed(read(data), {int(name[1:]): place for name, place in places.items()}))


def next_port(at: Endpoint) -> Endpoint:
    return Endpoint(at.address, at.port + 1)


def test_one_medium_moves_with_the_session() -> None:
    changed = moved(sdp(), m0=Place(OUT, next_port(OUT)))
    assert changed == sdp().replace(b"c=IN IP4 10.0.0.2", b"c=IN IP4 203.0.113.7").replace(b"49170", b"50000")


def test_another_family() -> None:
    changed = moved(sdp(), m0=Place(OUT6, next_port(OUT6)))
    assert b"c=IN IP6 2001:db8:1::7\r\n" in changed
    assert read(changed).media[0].endpoint == OUT6


def test_equal_endpoints_change_nothing() -> None:
    own = endpoint("10.0.0.2", 49170)
    assert moved(sdp(), m0=Place(own, next_port(own))) == sdp()


def test_an_address_of_its_own() -> None:
    data = lines(HEAD + "m=audio 5000 RTP/AVP 0\nc=IN IP4 10.0.0.2\nc=IN IP4 10.0.0.3\nm=video 6000 RTP/AVP 31\n")
    changed = moved(data, m0=Place(OUT, next_port(OUT)))
    audio, video = read(changed).media
    assert audio.endpoint == OUT
    assert b"10.0.0.3" not in changed
    assert video.endpoint == endpoint("10.0.0.2", 6000)


@pytest.mark.parametrize("rest", ["m=video 6000 RTP/AVP 31\n", "m=video 6000 RTP/AVP 31\nm=image 0 udptl t38\n"])
def test_media_of_one_session_address_that_part(rest: str) -> None:
    """The one that moves gets a line of its own, behind its title; the other keeps the session's."""
    data = lines(HEAD + "m=audio 5000 RTP/AVP 0\ni=English\na=ptime:20\n" + rest)
    changed = moved(data, m0=Place(OUT, next_port(OUT)))
    assert b"i=English\r\nc=IN IP4 203.0.113.7\r\na=ptime" in changed
    assert [medium.endpoint for medium in read(changed).media][:2] == [OUT, endpoint("10.0.0.2", 6000)]
    other = endpoint("203.0.113.8", 51000)
    changed = moved(data, m0=Place(OUT, next_port(OUT)), m1=Place(other, next_port(other)))
    assert [medium.endpoint for medium in read(changed).media][:2] == [OUT, other]
    changed = moved(data, m0=Place(OUT, next_port(OUT)), m1=Place(OUT, next_port(OUT)))
    assert changed.count(b"c=IN IP4 203.0.113.7") == 1


def test_the_session_address_where_nobody_rests_on_it() -> None:
    data = lines(HEAD + "m=audio 5000 RTP/AVP 0\nc=IN IP4 10.0.0.2\n")
    changed = applied(data, [*with_session_address(read(data), OUT.address), *with_origin(read(data), OUT.address)])
    assert changed.count(b"203.0.113.7") == 2
    assert with_session_address(read(b"v=0\r\n"), OUT.address) == []
    assert with_origin(read(b"v=0\r\n"), OUT.address) == []


def test_a_medium_without_any_address() -> None:
    changed = moved(b"v=0\r\nm=audio 5 RTP/AVP 0", m0=Place(OUT, Endpoint(OUT.address, 50009)))
    assert changed == b"v=0\r\nm=audio 50000 RTP/AVP 0\r\nc=IN IP4 203.0.113.7\r\na=rtcp:50009"


@pytest.mark.parametrize(
    ("written", "wanted", "said"),
    [
        ([], endpoint("203.0.113.7", 50001), b""),
        ([], endpoint("203.0.113.7", 50007), b"a=rtcp:50007\r\n"),
        ([], endpoint("203.0.113.8", 50001), b"a=rtcp:50001 IN IP4 203.0.113.8\r\n"),
        ([], None, b""),
        (["a=rtcp:5009"], endpoint("203.0.113.7", 50001), b"a=rtcp:50001\r\n"),
        (["a=rtcp:5009 IN IP4 10.0.0.2"], endpoint("203.0.113.7", 50007), b"a=rtcp:50007 IN IP4 203.0.113.7\r\n"),
        (["a=rtcp:5009"], endpoint("2001:db8::9", 50007), b"a=rtcp:50007 IN IP6 2001:db8::9\r\n"),
        (["a=rtcp:5009"], None, b""),
    ],
)
def test_rtcp(written: list[str], wanted: Endpoint | None, said: bytes) -> None:
    data = lines(HEAD + "m=audio 5000 RTP/AVP 0\n" + "".join(f"{line}\n" for line in written) + "m=image 0 udptl t38\n")
    changed = moved(data, m0=Place(OUT, wanted))
    assert (
        changed
        == lines(HEAD.replace("c=IN IP4 10.0.0.2", "c=IN IP4 203.0.113.7") + "m=audio 50000 RTP/AVP 0\n")
        + said
        + b"m=image 0 udptl t38\r\n"
    )


def test_paths() -> None:
    data = lines(HEAD + "m=message 7394 TCP/MSRP *\na=path:msrp://10.0.0.2:7394/2s;tcp msrp://10.0.0.2:1/x;tcp\n")
    assert b"a=path:msrp://203.0.113.7:50000/2s;tcp msrp://10.0.0.2:1/x" in moved(data, m0=Place(OUT))
    own = endpoint("10.0.0.2", 7394)
    assert moved(data, m0=Place(own)) == data


def test_without_ice() -> None:
    data = lines(HEAD + ICE)
    assert applied(data, without_ice(read(data))) == lines(HEAD + "m=audio 45664 RTP/AVP 0\n")


def test_candidates_translated() -> None:
    data = lines(HEAD + ICE)
    outside = {
        (endpoint("10.0.0.2", 8998), b"udp"): OUT,
        (endpoint("192.0.2.3", 45664), b"udp"): endpoint("192.0.2.3", 45664),
    }
    changed = applied(data, with_candidates(read(data), lambda at, transport: outside.get((at, transport))))
    host, reflexive, name = read(changed).media[0].candidates
    assert host.written.endpoint == OUT
    assert reflexive.written.endpoint == endpoint("192.0.2.3", 45664)
    assert reflexive.related is not None
    assert reflexive.related.endpoint == OUT
    assert name.written.endpoint is None
    assert b"a=alt" not in changed
    assert b"10.0.0.2 rport" not in changed


def test_a_related_address_that_stays_hidden() -> None:
    data = lines(HEAD + "m=audio 5 RTP/AVP 0\na=candidate:2 1 udp 1 192.0.2.3 5 typ srflx raddr 10.0.0.2 rport 8998\n")
    changed = applied(
        data, with_candidates(read(data), lambda at, _: at if at.address == packed("192.0.2.3") else None)
    )
    assert changed == data.replace(b"10.0.0.2 rport 8998", b"0.0.0.0 rport 9")


def test_candidates_of_the_other_party() -> None:
    data = lines(HEAD + ICE)
    back = {endpoint("198.51.100.7", 4000): OUT}
    changed = applied(data, with_remote(read(data), lambda at, _: back.get(at)))
    assert b"a=remote-candidates:1 203.0.113.7 50000 2 198.51.100.7 4001\r\n" in changed


ends = st.builds(
    endpoint, st.sampled_from(["203.0.113.7", "203.0.113.8", "2001:db8::9"]), st.sampled_from([50000, 50002])
)


@given(
    descriptions,
    st.lists(st.builds(Place, ends, st.one_of(st.none(), ends)), min_size=14, max_size=14),
    st.sets(st.integers(0, 13)),
)
def test_what_is_read_again(data: bytes, chosen: list[Place], which: set[int]) -> None:
    """Every medium that moved is where it was sent; the others are where they were."""
    try:
        before = read(data)
    except ProtocolError:
        return
    places = {index: chosen[index] for index, medium in enumerate(before.media) if medium.port and index in which}
    after = read(applied(data, placed(before, places)))
    assert len(after.media) == len(before.media)
    for index, (old, new) in enumerate(zip(before.media, after.media, strict=True)):
        place = places.get(index)
        if place is None:
            assert not old.port or (old.endpoint, old.rtcp_endpoint) == (new.endpoint, new.rtcp_endpoint)
            continue
        assert new.endpoint == place.endpoint
        if place.rtcp is not None and new.over_rtp:
            assert new.rtcp_endpoint == place.rtcp
    assert not read(applied(data, without_ice(before))).ice
