"""What announcements of media do in the kernel: each kind, with both phones' sockets, over IPv4 and IPv6."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from applianced.alg.sdp.description import Medium
from applianced.alg.sdp.reading import read
from applianced.alg.sip.bodies import descriptions
from applianced.alg.sip.messages import CONTACT, Message
from applianced.model.tuples import Endpoint, packed, text
from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import IPV4, IPV6, PLANS, Plan
from tests.support.appliance import Appliance, appliance_on
from tests.support.netns import unique_topology
from tests.support.sip_messages import request, response
from tests.support.sip_phones import Pair, Phone, both_ways, configure, described, shut
from tests.support.sipp import flows, media_of
from tests.support.sockets import connect_in, datagrams_in, listen_in
from tests.support.translations import permit

pytestmark = pytest.mark.parametrize("plan", [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")])
OURS, THEIRS = 40000, 30000
AUDIO = "m=audio {} RTP/AVP 0\n"
BEHIND = {4: "192.168.7.7", 6: "fd99::7"}
"""What a phone outside says that is behind a NAT of its own."""
BESIDE = {4: "203.0.113.7", 6: "2001:db8:71::7"}
"""Another host outside."""
CODE_POINT = 46


def leaves(text: str) -> pytest.MarkDecorator:
    """The leaves of the ALG while a test runs."""
    return pytest.mark.parametrize("settings", [text], ids=["leaves"])


@pytest.fixture(scope="module")
def appliance() -> Iterator[Appliance]:
    with unique_topology() as topology, appliance_on(topology) as made:
        made.push(permit("trust", "untrust", "sip-out", "junos-sip"))
        for plan in PLANS.values():
            topology.add_address(topology.server, plan, BESIDE[plan.version])
        yield made


@pytest.fixture
def settings() -> str:
    return ""


@pytest.fixture
def pair(appliance: Appliance, plan: Plan, settings: str) -> Iterator[Pair]:
    """Nothing is left open when the call is over."""
    if settings:
        configure(appliance, settings)
    with ExitStack() as stack:
        made = Pair(appliance.topology, plan, stack)
        yield made
        made.answer(made.ask("BYE"), 200)
    assert not open_media(appliance)
    if settings:
        configure(appliance)


def open_media(appliance: Appliance) -> list[str]:
    """What the gates that are open say they are for."""
    return [leaf(gate, "reason") or "" for gate in appliance.gates() if not leaf(gate, "closed")]


def at(phone: Phone, media: str, session: str = "") -> bytes:
    return described(phone.address, media, session=session)


def audio(phone: Phone, port: int) -> bytes:
    return at(phone, AUDIO.format(port))


def medium(message: Message, number: int = 0) -> Medium:
    [body] = descriptions(message)
    return read(message.data, body.start, body.end).media[number]


def rtp(message: Message, number: int = 0) -> Endpoint:
    endpoint = medium(message, number).endpoint
    assert endpoint is not None
    return endpoint


def called(pair: Pair, offer: bytes = b"", answer: bytes = b"") -> tuple[Message, Message]:
    """A call that is answered: the INVITE as bob hears it, and the answer as alice does."""
    invite = pair.ask("INVITE", body=offer or audio(pair.alice, OURS))
    accepted = pair.answer(invite, 200, body=answer or audio(pair.bob, THEIRS))
    pair.ask("ACK")
    return invite, accepted


def elsewhere(pair: Pair) -> socket.socket:
    """Where another host outside takes media."""
    return datagrams_in(pair.bob.namespace, BESIDE[pair.version], port=THEIRS)


def test_early_media(pair: Pair) -> None:
    """183 with a description: the ring tone comes before anybody has answered."""
    invite = pair.ask("INVITE", body=audio(pair.alice, OURS))
    with pair.alice.open(OURS) as own, pair.bob.open(THEIRS) as other:
        early = pair.answer(invite, 183, body=audio(pair.bob, THEIRS))
        both_ways(own, rtp(invite), other, rtp(early))
        pair.answer(invite, 200, body=audio(pair.bob, THEIRS))
        pair.ask("ACK")
        both_ways(own, rtp(invite), other, rtp(early))


def test_nobody_is_heard_before_an_answer(pair: Pair) -> None:
    invite = pair.ask("INVITE", body=audio(pair.alice, OURS))
    with pair.alice.open(OURS) as own, pair.bob.open(THEIRS) as other:
        shut(other, rtp(invite), own)
    pair.answer(invite, 200)


@leaves("<early-media/>")
def test_who_sends_first_is_heard(pair: Pair) -> None:
    """With `early-media`, and nobody else; the answer decides anew."""
    invite = pair.ask("INVITE", body=audio(pair.alice, OURS))
    with pair.alice.open(OURS) as own, pair.bob.open(THEIRS) as other, elsewhere(pair) as third:
        flows(other, rtp(invite), own, b"the ring tone")
        shut(third, rtp(invite), own)
        answer = pair.answer(invite, 200, body=audio(pair.bob, THEIRS))
        pair.ask("ACK")
        both_ways(own, rtp(invite), other, rtp(answer))
        shut(third, rtp(invite), own)


@leaves("<hosted-nat-traversal/>")
def test_a_phone_behind_a_nat_of_its_own(pair: Pair, plan: Plan, appliance: Appliance) -> None:
    """Its Via says so: the address that it announces is not believed, its first packet decides the port."""
    before = appliance.counter("sip", "media-learned")
    pair.answer(pair.ask("OPTIONS"), 200)
    bob = pair.bob
    bob.call_id = f"hosted-{plan.version}"
    bob.number = 100
    private = BEHIND[plan.version]
    host = f"[{private}]" if plan.version == 6 else private
    via = f"Via: SIP/2.0/UDP {host}:5060;branch=z9hG4bKh{plan.version};rport"
    contact = f"Contact: <sip:bob@{host}:5062>"
    invite = pair.ask("INVITE", via, contact, who=bob, body=described(private, AUDIO.format(THEIRS)))
    [seen] = invite.addresses(CONTACT)
    assert seen.uri is not None
    assert seen.uri.host is not None
    assert (seen.uri.host.address, seen.uri.host.port) == (packed(bob.address), bob.port)
    pair.alice.target = invite.data[seen.uri.start : seen.uri.end].decode()
    asked = pair.ask("OPTIONS")
    assert asked.data.startswith(f"OPTIONS sip:bob@{host}:5062 ".encode()), "its own again"
    assert rtp(invite) == Endpoint(packed(bob.address), THEIRS), "where its messages come from"
    answer = pair.answer(invite, 200, body=audio(pair.alice, OURS), who=pair.alice)
    pair.ask("ACK", via, who=bob)
    with pair.alice.open(OURS) as own, bob.open(THEIRS + 77) as other:
        # Another port than it has announced: its NAT has chosen that.
        assert flows(other, rtp(answer), own, b"first") == (bob.address, THEIRS)
        both_ways(own, rtp(answer), other, Endpoint(packed(bob.address), THEIRS))
    assert appliance.counter("sip", "media-learned") == before + 1
    pair.answer(pair.ask("BYE", via, who=bob), 200, who=pair.alice)


@leaves(f"<dscp-rewrite><code-point>{CODE_POINT:06b}</code-point></dscp-rewrite>")
def test_the_code_point_of_media(pair: Pair, plan: Plan) -> None:
    """In both directions, and of nothing but media."""
    invite, answer = called(pair)
    with pair.alice.open(OURS) as own, pair.bob.open(THEIRS) as other:
        for one, to, receiver in ((own, rtp(answer), other), (other, rtp(invite), own)):
            kind, option = (socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS) if plan.version == 6 else (socket.SOL_IP, 13)
            receiver.setsockopt(kind, option, 1)  # 13: IP_RECVTOS
            one.sendto(b"media", (text(to.address), to.port))
            _, [(_, _, value)], *_ = receiver.recvmsg(100, 100)
            assert value[0] >> 2 == CODE_POINT


def test_a_call_becomes_a_fax(pair: Pair) -> None:
    """Re-INVITE with T.38: one port each, without RTCP; the audio is over."""
    invite, answer = called(pair)
    fax = "m=image {} udptl t38\na=T38FaxVersion:0\n"
    with pair.alice.open(OURS) as own, pair.bob.open(THEIRS) as other:
        both_ways(own, rtp(invite), other, rtp(answer))
        again = pair.ask("INVITE", who=pair.bob, body=at(pair.bob, fax.format(THEIRS + 100)))
        accepted = pair.answer(again, 200, body=at(pair.alice, fax.format(OURS + 100)), who=pair.alice)
        pair.ask("ACK", who=pair.bob)
        shut(other, rtp(invite), own)
    with pair.alice.open(OURS + 100) as own, pair.bob.open(THEIRS + 100) as other:
        both_ways(own, rtp(accepted), other, rtp(again))


@pytest.mark.parametrize("listens", ["alice", "bob"])
def test_messages_over_a_connection(pair: Pair, plan: Plan, listens: str) -> None:
    """MSRP (RFC 4975): who is passive is connected to, from the other party alone."""
    chat = "m=message {port} TCP/MSRP *\na=setup:{setup}\na=path:msrp://{host}:{port}/s;tcp\n"
    setups = {"alice": "passive", "bob": "active"} if listens == "alice" else {"alice": "active", "bob": "passive"}
    ports = {"alice": OURS, "bob": THEIRS}
    said = {
        phone.user: at(phone, chat.format(port=ports[phone.user], setup=setups[phone.user], host=phone.host))
        for phone in (pair.alice, pair.bob)
    }
    invite, answer = called(pair, said["alice"], said["bob"])
    told = medium(invite)
    assert told.paths[0].endpoint == rtp(invite)
    assert pair.alice.address.encode() not in invite.data
    listener, caller, to = (
        (pair.alice, pair.bob, rtp(invite)) if listens == "alice" else (pair.bob, pair.alice, rtp(answer))
    )
    with (
        listen_in(listener.namespace, listener.address, port=ports[listens]) as waiting,
        connect_in(caller.namespace, text(to.address), to.port, source=caller.address, timeout_s=3) as connection,
    ):
        accepted, _ = waiting.accept()
        with accepted:
            connection.sendall(b"MSRP 1 SEND\r\n")
            assert accepted.recv(100) == b"MSRP 1 SEND\r\n"


def test_an_offer_in_a_reliable_response(pair: Pair) -> None:
    """RFC 3262: the INVITE has none, 183 offers, PRACK answers; an UPDATE moves the media before the call is
    answered."""
    invite = pair.ask("INVITE", "Supported: 100rel")
    early = pair.answer(invite, 183, "Require: 100rel", "RSeq: 1", body=audio(pair.bob, THEIRS))
    rack = f"RAck: 1 {invite.cseq.number} INVITE"
    prack = pair.ask("PRACK", rack, body=audio(pair.alice, OURS))
    pair.answer(prack, 200)
    with pair.alice.open(OURS) as own, pair.bob.open(THEIRS) as other:
        both_ways(own, rtp(prack), other, rtp(early))
        update = pair.ask("UPDATE", body=audio(pair.alice, OURS + 20))
        agreed = pair.answer(update, 200, body=audio(pair.bob, THEIRS))
        shut(other, rtp(prack), own)
        with pair.alice.open(OURS + 20) as moved:
            both_ways(moved, rtp(update), other, rtp(agreed))
    pair.alice.number = invite.cseq.number
    pair.answer(invite, 200)
    pair.ask("ACK")
    pair.alice.number += 10


def test_an_update_moves_the_media(pair: Pair) -> None:
    """Of the party outside, within the call (RFC 3311), to a media server beside it."""
    invite, answer = called(pair)
    with pair.alice.open(OURS) as own, elsewhere(pair) as other, pair.bob.open(THEIRS) as former:
        both_ways(own, rtp(invite), former, rtp(answer))
        beside = described(BESIDE[pair.version], AUDIO.format(THEIRS))
        update = pair.ask("UPDATE", who=pair.bob, body=beside)
        agreed = pair.answer(update, 200, body=audio(pair.alice, OURS), who=pair.alice)
        assert rtp(agreed) == rtp(invite), "the same port stays bound"
        both_ways(own, rtp(agreed), other, rtp(update))
        shut(former, rtp(invite), own)


def test_a_bundle_on_one_port(pair: Pair, appliance: Appliance) -> None:
    """Audio and video on one port with their RTCP (RFC 8843, 5761): one gate."""
    session = "a=group:BUNDLE a v\n"
    media = "m=audio {0} RTP/AVP 0\na=mid:a\na=rtcp-mux\nm=video {0} RTP/AVP 96\na=mid:v\na=rtcp-mux\na=bundle-only\n"
    invite, answer = called(
        pair, at(pair.alice, media.format(OURS), session), at(pair.bob, media.format(THEIRS), session)
    )
    assert rtp(invite) == rtp(invite, 1)
    assert len(open_media(appliance)) == 1
    with pair.alice.open(OURS) as own, pair.bob.open(THEIRS) as other:
        both_ways(own, rtp(invite), other, rtp(answer))


def _candidates(phone: Phone, port: int) -> bytes:
    return at(
        phone,
        f"m=audio {port} RTP/AVP 0\na=ice-ufrag:u\na=ice-pwd:p\n"
        f"a=candidate:1 1 UDP 2130706431 {phone.address} {port} typ host\n"
        f"a=candidate:1 2 UDP 2130706430 {phone.address} {port + 1} typ host\n",
    )


@leaves("<ice-candidates>rewrite</ice-candidates>")
def test_candidates_that_are_translated(pair: Pair) -> None:
    """What they say is where media are taken; the controlling party names them back as it heard them."""
    invite, answer = called(pair, _candidates(pair.alice, OURS), _candidates(pair.bob, THEIRS))
    first, second = medium(invite).candidates
    assert first.written.endpoint == rtp(invite)
    assert second.written.endpoint == media_of(invite)[1]
    assert [each.written.endpoint for each in medium(answer).candidates] == list(media_of(answer))
    with pair.alice.open(OURS + 1) as own, pair.bob.open(THEIRS + 1) as other:
        assert first.written.endpoint is not None
        both_ways(own, media_of(invite)[1], other, media_of(answer)[1])


def test_candidates_that_are_taken_out(pair: Pair) -> None:
    """From both descriptions that have one end translated: then nobody waits for the other one's."""
    invite, _ = called(pair, _candidates(pair.alice, OURS), audio(pair.bob, THEIRS))
    assert b"candidate" not in invite.data
    assert b"a=ice-" not in invite.data


def test_two_phones_ring(pair: Pair, appliance: Appliance) -> None:
    """An INVITE forks: both dialogs have early media, one is answered, and BYE ends all of it."""
    invite = pair.ask("INVITE", body=audio(pair.alice, OURS))
    to = invite.value(b"to").decode()
    first = pair.answer(invite, 183, f"To: {to};tag=one", body=audio(pair.bob, THEIRS))
    second = pair.answer(invite, 183, f"To: {to};tag=two", body=audio(pair.bob, THEIRS + 10))
    assert len(open_media(appliance)) == 4, "RTP and RTCP of each"
    with pair.alice.open(OURS) as own, pair.bob.open(THEIRS) as one, pair.bob.open(THEIRS + 10) as two:
        both_ways(own, rtp(invite), one, rtp(first))
        both_ways(own, rtp(invite), two, rtp(second))
        answer = pair.answer(invite, 200, f"To: {to};tag=two", body=audio(pair.bob, THEIRS + 10))
        pair.ask("ACK")
        both_ways(own, rtp(invite), two, rtp(answer))


def test_two_calls_on_the_same_ports(pair: Pair) -> None:
    """As a conference server may have them: the end of the later one leaves the media of the first."""
    invite, answer = called(pair)
    alice, bob = pair.alice, pair.bob
    first = alice.call_id, alice.far, bob.call_id, bob.far, bob.own
    alice.call_id, alice.far, bob.call_id = f"again-{alice.call_id}", f"<sip:bob@{bob.host}>", ""
    second, _ = called(pair)
    assert rtp(second) == rtp(invite)
    with alice.open(OURS) as own, bob.open(THEIRS) as other:
        both_ways(own, rtp(invite), other, rtp(answer))
        pair.answer(pair.ask("BYE"), 200)
        both_ways(own, rtp(invite), other, rtp(answer))
    alice.call_id, alice.far, bob.call_id, bob.far, bob.own = first


@leaves("<incoming-calls-from>anyone</incoming-calls-from>")
def test_a_stranger_that_knows_the_call_id(pair: Pair, appliance: Appliance) -> None:
    """Another host outside, which reaches a registered phone, says BYE: whatever that answers, the call goes on."""
    alice, bob = pair.alice, pair.bob
    asked = pair.ask("REGISTER", "Call-ID: registers", f"From: {alice.own}", f"To: <sip:alice@{bob.host}>")
    contact = f"Contact: {asked.value(CONTACT).decode()};expires=60"
    pair.answer(asked, 200, contact)
    bob.call_id = ""
    invite, answer = called(pair)
    before = appliance.counter("sip", "unmatched-dialog")
    with alice.open(OURS) as own, bob.open(THEIRS) as other, elsewhere(pair) as stranger:
        bye = request("BYE", f"Call-ID: {invite.call_id.decode()}", "From: <sip:x@x.example>;tag=x",
                      "To: <sip:y@y.example>;tag=y", uri="sip:alice@x.example")  # fmt: skip
        stranger.sendto(bye, bob.to)
        known = alice.to
        heard = alice.hear()
        assert heard.method == b"BYE"
        alice.socket.sendto(said_again(heard), alice.to)
        assert stranger.recv(65536).startswith(b"SIP/2.0 200")
        alice.to = known
        both_ways(own, rtp(invite), other, rtp(answer))
    assert appliance.counter("sip", "unmatched-dialog") == before + 1
    pair.answer(pair.ask("REGISTER", "Call-ID: registers", "Contact: *", "Expires: 0"), 200)


def said_again(asked: Message) -> bytes:
    """200 to a request."""
    names = ("Via", "From", "To", "Call-ID", "CSeq")
    headers = [f"{name}: {asked.value(name.lower().encode()).decode()}" for name in names]
    return response(200, asked.method.decode(), *headers)
