"""A call that is under way: what outlives the death of its worker, what the state shows of it, and what ends it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from lxml import etree

from applianced.alg.sip.messages import parse
from applianced.model.tuples import Endpoint, packed
from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import IPV4, IPV6, Plan, Topology
from tests.support.appliance import SECURITY_ELEMENT, Appliance, appliance_on
from tests.support.faults import kill, renewed
from tests.support.netns import unique_topology
from tests.support.sip_messages import lines
from tests.support.sipp import flows, media_of
from tests.support.sockets import datagrams_in
from tests.support.translations import permit
from tests.support.until import until

OPERATIONS = "urn:applianced:yang:operations"
ALG_SIP = "urn:applianced:yang:alg-sip"
SIP = f'<alg xmlns="urn:applianced:yang:alg"><sip xmlns="{ALG_SIP}">{{}}</sip></alg>'
INACTIVE = SIP.format("<inactive-media-timeout>10</inactive-media-timeout>")
BOTH = pytest.mark.parametrize("plan", [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")])
SDP = """v=0
o=- 1 1 IN IP{version} {host}
s=-
c=IN IP{version} {host}
t=0 0
m=audio {port} RTP/AVP 0
"""


@pytest.fixture(scope="module")
def appliance() -> Iterator[Appliance]:
    with unique_topology() as topology, appliance_on(topology) as made:
        made.push(permit("trust", "untrust", "sip-out", "junos-sip"))
        made.push(INACTIVE)
        yield made


class Phone:
    """A phone that says what the test wants, and has two sockets for media."""

    def __init__(self, stack: ExitStack, namespace: str, plan: Plan, address: str, media: int) -> None:
        self.plan, self.address, self.media = plan, address, media
        self.host = f"[{address}]" if plan.version == 6 else address
        self.socket, self.rtp, self.rtcp = (
            stack.enter_context(datagrams_in(namespace, address, port=port)) for port in (5060, media, media + 1)
        )

    def say(self, to: tuple[str, int], first: str, *headers: str, described: bool = False) -> None:
        text = SDP.format(version=self.plan.version, host=self.address, port=self.media) if described else ""
        kind = ["Content-Type: application/sdp"] if described else []
        body = lines(text)
        head = "\n".join([first, *headers, *kind, f"Content-Length: {len(body)}"]) + "\n\n"
        self.socket.sendto(lines(head) + body, to)

    def hear(self) -> tuple[bytes, tuple[str, int]]:
        octets, source = self.socket.recvfrom(8000)
        return octets, source[:2]


class Call:
    """Alice, inside, calls bob, outside."""

    def __init__(self, topology: Topology, plan: Plan, stack: ExitStack) -> None:
        self.name = f"call-{time.monotonic_ns()}"
        self.alice = Phone(stack, topology.client, plan, plan.client, 16000)
        self.bob = Phone(stack, topology.server, plan, plan.server, 18000)
        self.ask("INVITE", described=True)
        invite, self.known = self.bob.hear()
        self.offered = media_of(parse(invite))
        self._respond(invite, described=True)
        answer, _ = self.alice.hear()
        self.answered = media_of(parse(answer))

    def ask(self, method: str, name: str = "", *, described: bool = False) -> None:
        """name: of another call."""
        name = name or self.name
        alice, bob = self.alice, self.bob
        self.alice.say(
            (bob.address, 5060),
            f"{method} sip:bob@{bob.host} SIP/2.0",
            f"Via: SIP/2.0/UDP {alice.host}:5060;branch=z9hG4bK{method}{name};rport",
            f"From: <sip:alice@{alice.host}>;tag=a",
            f"To: <sip:bob@{bob.host}>" + (";tag=b" if method == "BYE" else ""),
            f"Call-ID: {name}@{alice.address}",
            f"CSeq: {2 if method == 'BYE' else 1} {method}",
            f"Contact: <sip:alice@{alice.host}:5060>",
            "Max-Forwards: 70",
            described=described,
        )

    def _respond(self, request: bytes, *, described: bool = False) -> None:
        head = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        kept = [line for line in head if line.startswith(("Via", "From", "Call-ID", "CSeq"))]
        to = f"To: <sip:bob@{self.bob.host}>;tag=b"
        contact = f"Contact: <sip:bob@{self.bob.host}:5060>"
        self.bob.say(self.known, "SIP/2.0 200 OK", *kept, to, contact, described=described)

    def hang_up(self) -> None:
        self.ask("BYE")
        self.answer_bye()

    def answer_bye(self) -> None:
        self._respond(self.bob.hear()[0])
        octets, _ = self.alice.hear()
        assert octets.startswith(b"SIP/2.0 200")

    def media_flow(self) -> None:
        """Both ways, both media."""
        for own, far, offered, answered in zip(
            (self.alice.rtp, self.alice.rtcp), (self.bob.rtp, self.bob.rtcp), self.offered, self.answered, strict=True
        ):
            assert seen(flows(own, answered, far, b"from alice")) == offered
            assert seen(flows(far, offered, own, b"from bob")) == answered

    def nothing_flows(self) -> None:
        for sender, to, receiver in (
            (self.bob.rtp, self.offered[0], self.alice.rtp),
            (self.alice.rtp, self.answered[0], self.bob.rtp),
        ):
            receiver.settimeout(0.3)
            with pytest.raises(TimeoutError):
                flows(sender, to, receiver, b"too late")


def seen(source: tuple[str, int]) -> Endpoint:
    return Endpoint(packed(source[0]), source[1])


@pytest.fixture
def call(appliance: Appliance, plan: Plan) -> Iterator[Call]:
    with ExitStack() as stack:
        yield Call(appliance.topology, plan, stack)
    until(lambda: not open_media(appliance), 15, what="no gate is left over")


def open_media(appliance: Appliance) -> list[etree._Element]:
    return [gate for gate in appliance.gates() if leaf(gate, "kind") == "media" and not leaf(gate, "closed")]


@BOTH
def test_a_call_goes_on_when_its_worker_dies(appliance: Appliance, call: Call) -> None:
    """Also what the next worker learns of it: its BYE ends the media."""
    call.media_flow()
    before = appliance.workers()
    kill(before)
    renewed(appliance, before)
    call.media_flow()
    call.hang_up()
    call.nothing_flows()
    assert not open_media(appliance)


@BOTH
def test_a_worker_that_is_behind_ends_calls_before_it_begins_others(appliance: Appliance, call: Call) -> None:
    topology, begun = appliance.topology, [f"new-{number}-{call.name}" for number in range(20)]
    workers = appliance.workers()
    kill(workers, signal.SIGSTOP)
    try:
        for name in begun:
            call.ask("INVITE", name)
        call.ask("BYE")
        until(lambda: waiting(topology) == len(begun) + 1, what="all wait for the worker")
    finally:
        kill(workers, signal.SIGCONT)
    call.answer_bye()
    heard = [parse(call.bob.hear()[0]) for _ in begun]
    assert [message.call_id.partition(b"@")[0].decode() for message in heard] == begun


def waiting(topology: Topology) -> int:
    """Packets that wait for a worker."""
    queues = topology.run(topology.gateway, ["cat", "/proc/net/netfilter/nfnetlink_queue"]).stdout
    return sum(int(queue.split()[2]) for queue in queues.splitlines())


@BOTH
def test_the_state_shows_a_call_and_its_media(appliance: Appliance, plan: Plan, call: Call) -> None:
    call.media_flow()
    gates = open_media(appliance)
    rtp = gates[0]
    assert len(gates) == 2
    assert leaf(rtp, "peer-address") == plan.server
    assert (leaf(rtp, "inside-port"), leaf(rtp, "far-port"), leaf(rtp, "far-address")) == (
        "16000",
        "18000",
        plan.server,
    )
    assert leaf(rtp, "outside-port") == str(call.offered[0].port)
    assert (leaf(rtp, "packets"), leaf(rtp, "data-sessions")) == ("2", "1")
    assert leaf(rtp, "idle-timeout") == "10"
    through = [data for data in appliance.flow("data-sessions") if leaf(data, "gate") == leaf(rtp, "number")]
    assert len(through) == 1
    assert [name for name in calls_shown(appliance) if call.name in name]
    call.hang_up()
    assert not [name for name in calls_shown(appliance) if call.name in name]


def calls_shown(appliance: Appliance) -> list[str]:
    names = {"sip": ALG_SIP}
    state = appliance.netconf.get(SECURITY_ELEMENT.format(SIP.format("")))
    return [
        entry.findtext("sip:call-id", default="", namespaces=names) for entry in state.iterfind(".//sip:call", names)
    ]


@BOTH
def test_a_gate_that_is_cleared_ends_its_medium(appliance: Appliance, call: Call) -> None:
    call.media_flow()
    rtp = open_media(appliance)[0]
    asked = f'<clear-gate xmlns="{OPERATIONS}"><number>{leaf(rtp, "number")}</number></clear-gate>'
    appliance.netconf.session.dispatch(etree.fromstring(asked))
    call.nothing_flows()
    call.hang_up()


@BOTH
def test_an_ended_session_ends_its_media(appliance: Appliance, call: Call) -> None:
    call.media_flow()
    appliance.netconf.session.dispatch(
        etree.fromstring(f'<clear-alg-sessions xmlns="{OPERATIONS}"><alg>sip</alg></clear-alg-sessions>')
    )
    call.nothing_flows()
    assert not open_media(appliance)
    assert not [name for name in calls_shown(appliance) if call.name in name]


@BOTH
def test_media_that_fall_silent_end(appliance: Appliance, call: Call) -> None:
    call.media_flow()
    before = appliance.counter("sip", "gates-silent")
    until(lambda: appliance.counter("sip", "gates-silent") > before, 20, what="the media are silent for too long")
    call.nothing_flows()
