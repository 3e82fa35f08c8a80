"""SIP through the appliance: sipp's calls in every kind of translation, and their media both ways."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from applianced.alg.sip.framing import Framer, Kind
from applianced.alg.sip.messages import CONTACT, REFER_TO, Message, parse
from applianced.model.tuples import packed
from applianced.tools.namespaces import IPV4, IPV6, Plan, Topology
from tests.support import sipp_scenarios as scenarios
from tests.support.appliance import Appliance, appliance_on
from tests.support.netns import unique_topology
from tests.support.sip_messages import lines, request
from tests.support.sipp import MediaSockets, Party, Sipp, answered, both_ways, flows, media_of, media_sockets
from tests.support.sockets import connect_in, listen_in
from tests.support.translations import NO_NAT, permit, static_nat
from tests.support.until import until

BOTH = pytest.mark.parametrize("plan", [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")])
TRANSPORTS = pytest.mark.parametrize("transport", ["udp", "tcp"])
IN_CALL = ("-d", "1500")


class Route(NamedTuple):
    """hidden: inside addresses must not be seen outside."""

    topology: Topology
    appliance: Appliance
    hidden: bool


@pytest.fixture(scope="module", params=["source-nat", "routed"])
def route(request: pytest.FixtureRequest) -> Iterator[Route]:
    """Who calls is inside."""
    routed = request.param == "routed"
    with unique_topology(route_back=routed) as topology, appliance_on(topology) as appliance:
        if routed:
            appliance.push(NO_NAT)
        appliance.push(permit("trust", "untrust", "sip-out", "junos-sip"))
        yield Route(topology, appliance, not routed)


@pytest.fixture(scope="module")
def published() -> Iterator[Route]:
    """Who is called is inside, and known outside by an address of its own."""
    with unique_topology() as topology, appliance_on(topology) as appliance:
        topology.add_public_addresses()
        appliance.push(permit("untrust", "trust", "sip-in", "junos-sip"))
        for plan in (IPV4, IPV6):
            appliance.push(static_nat(plan))
        yield Route(topology, appliance, True)


class Call:
    """One sipp that calls another, through the appliance."""

    def __init__(
        self,
        topology: Topology,
        directory: Path,
        caller: Party,
        called: Party,
        scripts: tuple[str, str],
        *words: str,
        at: str = "",
    ) -> None:
        """scripts: of both. at: the address that the caller dials, when it is not the called party's own."""
        self.called = Sipp(topology, called, directory / "called", scripts[1], "-m", "1", *words)
        until(lambda: listens(topology, called), what="sipp takes calls")
        dialled = f"[{at}]" if ":" in at else at
        target = f"{dialled or called.host}:{called.port}"
        self.caller = Sipp(topology, caller, directory / "caller", scripts[0], target, "-m", "1", "-s", "bob", *words)

    def answered(self, number: int = 1) -> tuple[Message, Message]:
        return answered(self.caller, self.called, number=number)

    def finish(self) -> None:
        self.caller.finish()
        self.called.finish()


def listens(topology: Topology, party: Party) -> bool:
    return f":{party.port} " in topology.run(party.namespace, ["ss", "-Hlntu"]).stdout


def parties(route: Route, plan: Plan) -> tuple[Party, Party]:
    """Inside and outside."""
    return Party(route.topology.client, plan.client), Party(route.topology.server, plan.server, media_port=18000)


def transported(transport: str) -> tuple[str, ...]:
    return ("-t", "t1") if transport == "tcp" else ("-t", "u1")


def nothing_leaks(seen: Sipp, plan: Plan) -> None:
    """No message that was seen outside has the inside address in it."""
    for message in seen.messages("received"):
        assert plan.client.encode() not in message.data, message.data


def own_again(caller: Sipp) -> None:
    """What the caller gets back is what it wrote: its responses match, its Via is its own."""
    own = {
        message.top_via().branch: message.top_via().sent_by for message in caller.messages("sent") if not message.status
    }
    responses = [message for message in caller.messages("received") if message.status]
    assert responses
    for message in responses:
        [via] = message.vias()
        assert via.sent_by[2:] == own[via.branch][2:]


@BOTH
@TRANSPORTS
def test_a_call(route: Route, plan: Plan, transport: str, tmp_path: Path) -> None:
    inside, outside = parties(route, plan)
    scripts = (scenarios.CALLS, scenarios.ANSWERS)
    with media_sockets(inside) as own, media_sockets(outside) as other:
        call = Call(route.topology, tmp_path, inside, outside, scripts, *transported(transport), *IN_CALL)
        invite, answer = call.answered()
        both_ways(invite, answer, own, other)
        call.finish()
        over(invite, answer, own, other)
    own_again(call.caller)
    if route.hidden:
        nothing_leaks(call.called, plan)
        offered, control = media_of(invite)
        assert offered.address == packed(plan.public)
        assert (offered.port % 2, control.port) == (0, offered.port + 1)


def over(invite: Message, answer: Message, inside: MediaSockets, outside: MediaSockets) -> None:
    """After the call nothing flows, in neither direction."""
    for sender, message, receiver in ((outside.rtp, invite, inside.rtp), (inside.rtp, answer, outside.rtp)):
        receiver.settimeout(0.3)
        with pytest.raises(TimeoutError):
            flows(sender, media_of(message)[0], receiver, b"too late")


@BOTH
@pytest.mark.parametrize("kind", scenarios.HOLDS)
def test_hold(route: Route, plan: Plan, kind: str, tmp_path: Path) -> None:
    """Two re-INVITEs: the call goes on hold, in each way that it is said, and back."""
    inside, outside = parties(route, plan)
    scripts = (scenarios.HOLDS[kind], scenarios.IS_HELD)
    with media_sockets(inside) as own, media_sockets(outside) as other:
        call = Call(route.topology, tmp_path, inside, outside, scripts, *IN_CALL)
        invite, _ = call.answered()
        invite_again, answer = call.answered(3)
        both_ways(invite_again, answer, own, other)
        call.finish()
    # A call that was put on hold without an address may come back at another port.
    assert kind == "zero" or media_of(invite_again) == media_of(invite)
    own_again(call.caller)
    if route.hidden:
        nothing_leaks(call.called, plan)


@BOTH
def test_a_transfer(route: Route, plan: Plan, tmp_path: Path) -> None:
    """REFER of the party outside, NOTIFY about it: the party inside is told the target as it was written."""
    inside, outside = parties(route, plan)
    call = Call(route.topology, tmp_path, inside, outside, (scenarios.IS_TRANSFERRED, scenarios.TRANSFERS), "-d", "200")
    call.finish()
    refer = call.caller.one("received", b"REFER")
    assert refer is not None
    [target] = refer.addresses(REFER_TO)
    assert target.uri is not None
    assert target.uri.host is not None
    assert (target.uri.host.address, target.uri.host.port) == (packed(plan.server), 5070)
    if route.hidden:
        nothing_leaks(call.called, plan)


@BOTH
def test_an_invite_over_the_mtu(route: Route, plan: Plan, tmp_path: Path) -> None:
    """2.6 KB in fragments: the kernel's helper drops it."""
    inside, outside = parties(route, plan)
    with media_sockets(inside) as own, media_sockets(outside) as other:
        call = Call(route.topology, tmp_path, inside, outside, (scenarios.LARGE, scenarios.ANSWERS), *IN_CALL)
        invite, answer = call.answered()
        assert len(invite.data) > 2500
        both_ways(invite, answer, own, other)
        call.finish()
    if route.hidden:
        nothing_leaks(call.called, plan)


@BOTH
@TRANSPORTS
def test_a_published_phone(published: Route, plan: Plan, transport: str, tmp_path: Path) -> None:
    """The call comes from outside."""
    inside, outside = parties(published, plan)
    scripts = (scenarios.CALLS, scenarios.ANSWERS)
    with media_sockets(inside) as own, media_sockets(outside) as other:
        words = (*transported(transport), *IN_CALL)
        call = Call(published.topology, tmp_path, outside, inside, scripts, *words, at=plan.extra_public)
        invite, answer = call.answered()
        both_ways(invite, answer, other, own)
        call.finish()
    own_again(call.caller)
    nothing_leaks(call.caller, plan)
    assert media_of(answer)[0].address == packed(plan.extra_public)


@BOTH
def test_a_published_phone_transfers(published: Route, plan: Plan, tmp_path: Path) -> None:
    """Its REFER names itself as it is known outside."""
    inside, outside = parties(published, plan)
    scripts = (scenarios.IS_TRANSFERRED, scenarios.TRANSFERS)
    call = Call(published.topology, tmp_path, outside, inside, scripts, "-d", "200", at=plan.extra_public)
    call.finish()
    nothing_leaks(call.caller, plan)
    refer = call.caller.one("received", b"REFER")
    assert refer is not None
    [target] = refer.addresses(REFER_TO)
    assert target.uri is not None
    assert target.uri.host is not None
    assert target.uri.host.address == packed(plan.extra_public)


def read_messages(stream: socket.socket, count: int) -> list[Message]:
    """The next messages of a stream, keep-alives left out."""
    framer, waiting = Framer(), b""
    found: list[Message] = []
    stream.settimeout(5)
    while len(found) < count:
        frame = framer.frame(waiting)
        if frame.kind is Kind.PART:
            waiting += stream.recv(65536)
            continue
        if frame.kind is Kind.MESSAGE:
            found.append(parse(waiting[: frame.octets]))
        waiting = waiting[frame.octets :]
        framer.taken()
    return found


def invitation(plan: Plan, number: int, local: int) -> bytes:
    """An INVITE over TCP from inside. number: of the call; each has its own port of media."""
    host = f"[{plan.client}]" if plan.version == 6 else plan.client
    body = f"""v=0
o=- 1 1 IN IP{plan.version} {plan.client}
s=-
c=IN IP{plan.version} {plan.client}
t=0 0
m=audio {20000 + 2 * number} RTP/AVP 0
"""
    return request(
        "INVITE", f"Via: SIP/2.0/TCP {host}:{local};branch=z9hG4bK{number}", f"Contact: <sip:a@{host}:{local}>",
        f"Call-ID: {number}@{plan.client}", f"From: <sip:a@{host}>;tag={number}", body=lines(body),
    )  # fmt: skip


@BOTH
def test_several_messages_in_a_segment_and_one_over_many(route: Route, plan: Plan) -> None:
    """Each is changed for itself, however they were cut."""
    topology = route.topology
    with (
        listen_in(topology.server, plan.server, port=5060) as listener,
        connect_in(topology.client, plan.server, 5060, source=plan.client) as client,
    ):
        local = client.getsockname()[1]
        server, known = listener.accept()
        with server:
            messages = [invitation(plan, number, local) for number in range(6)]
            client.sendall(messages[0] + messages[1] + b"\r\n\r\n" + messages[2])
            for octets in messages[3:]:
                for start in range(0, len(octets), 97):
                    client.sendall(octets[start : start + 97])
            seen = read_messages(server, len(messages))
    address, port = packed(known[0]), known[1]
    assert [message.from_tag() for message in seen] == [b"%d" % number for number in range(6)]
    ports = set()
    for message in seen:
        [contact] = message.addresses(CONTACT)
        assert contact.uri is not None
        assert contact.uri.host is not None
        assert (contact.uri.host.address, contact.uri.host.port) == (address, port)
        assert message.top_via().sent_by[3:] == (port, address)
        media, _ = media_of(message)
        assert media.address == address
        ports.add(media.port)
        assert not route.hidden or plan.client.encode() not in message.data
    assert len(ports) == len(messages)


def test_tls_passes_untouched(route: Route) -> None:
    hello = b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + bytes(192)
    before = route.appliance.counter("sip", "tls")
    with (
        listen_in(route.topology.server, IPV4.server, port=5060) as listener,
        connect_in(route.topology.client, IPV4.server, 5060) as client,
    ):
        server, _ = listener.accept()
        with server:
            client.sendall(hello)
            server.settimeout(5)
            assert server.recv(1000) == hello
            server.sendall(hello[:9])
            assert client.recv(1000) == hello[:9]
    assert route.appliance.counter("sip", "tls") == before + 1
