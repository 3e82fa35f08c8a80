"""Two phones in the hands of a test, which decides every message and sees what arrives: alice inside, bob outside."""

from __future__ import annotations

import itertools
import socket
from contextlib import ExitStack

import pytest

from applianced.alg.sip.messages import Message, parse
from applianced.model.tuples import Endpoint, packed
from applianced.tools.namespaces import Plan, Topology
from applianced.tools.netconf_client import ALG, NETCONF
from tests.support.appliance import Appliance
from tests.support.sip_messages import lines, request, response
from tests.support.sipp import flows
from tests.support.sockets import datagrams_in

SIP = "urn:applianced:yang:alg-sip"
PORT = 5060
_numbers = itertools.count(1)


def configure(appliance: Appliance, leaves: str = "") -> None:
    """Have these leaves of the SIP ALG and no others. Sessions that have begun keep theirs."""
    appliance.push(
        f'<alg xmlns="{ALG}"><sip xmlns="{SIP}" xmlns:nc="{NETCONF}" nc:operation="replace">{leaves}</sip></alg>'
    )


def described(address: str, *media: str, session: str = "") -> bytes:
    """A session description whose media are at one address. media: lines from m= on. session: lines before them."""
    family = "IP6" if ":" in address else "IP4"
    text = f"v=0\no=- 1 1 IN {family} {address}\ns=-\nc=IN {family} {address}\nt=0 0\n{session}"
    return lines(text + "".join(f"{line}\n" for line in media))


def both_ways(one: socket.socket, told: Endpoint, other: socket.socket, said: Endpoint) -> None:
    """Datagrams flow both ways, each from where the receiver was told. told: to the other one, of `one`; said: to that
    one, of the other."""
    for sender, to, receiver, known in ((one, said, other, told), (other, told, one, said)):
        source = flows(sender, to, receiver, b"a packet of media")
        assert Endpoint(packed(source[0]), source[1]) == known


def shut(sender: socket.socket, to: Endpoint, receiver: socket.socket) -> None:
    """A datagram does not arrive."""
    before = receiver.gettimeout()
    receiver.settimeout(0.2)
    with pytest.raises(TimeoutError):
        flows(sender, to, receiver, b"not to arrive")
    receiver.settimeout(before)


class Phone:
    """One of the two. to: where it sends. call_id, own, far: of the dialog, as it says them (From and To)."""

    def __init__(self, stack: ExitStack, namespace: str, address: str, user: str, port: int = 0) -> None:
        self._stack = stack
        self.namespace, self.address, self.user = namespace, address, user
        self.socket = stack.enter_context(datagrams_in(namespace, address, port=port))
        self.port: int = self.socket.getsockname()[1]
        self.host = f"[{address}]" if ":" in address else address
        self.contact = f"<sip:{user}@{self.host}:{self.port}>"
        self.own = f"<sip:{user}@{self.host}>;tag={user}"
        self.far = self.call_id = self.target = ""
        self.to = ("", 0)
        self.number = 0

    def open(self, port: int, *, timeout_s: float = 3) -> socket.socket:
        """A socket for datagrams on a port of the phone."""
        made = datagrams_in(self.namespace, self.address, port=port, timeout_s=timeout_s)
        return self._stack.enter_context(made)

    def hear(self) -> Message:
        """The next message."""
        octets, source = self.socket.recvfrom(1 << 17)
        self.to = source[:2]
        return parse(octets)


class Pair:
    """A session between alice and bob. Each asks and answers; what is returned is what the other one hears."""

    def __init__(self, topology: Topology, plan: Plan, stack: ExitStack, port: int = PORT) -> None:
        self.alice = Phone(stack, topology.client, plan.client, "alice")
        self.bob = Phone(stack, topology.server, plan.server, "bob", port)
        self.version = plan.version
        alice, bob = self.alice, self.bob
        alice.to = (bob.address, port)
        alice.far = f"<sip:bob@{bob.host}>"
        alice.target = f"sip:bob@{bob.host}"
        alice.call_id = f"call-{next(_numbers)}@{alice.address}"

    def other(self, who: Phone) -> Phone:
        return self.bob if who is self.alice else self.alice

    def ask(
        self, method: str, *headers: str, who: Phone | None = None, body: bytes = b"", kind: str = "application/sdp"
    ) -> Message:
        """A request, of alice unless said otherwise."""
        speaker = who or self.alice
        self.say(method, *headers, who=speaker, body=body, kind=kind)
        return self._heard(self.other(speaker))

    def say(
        self, method: str, *headers: str, who: Phone | None = None, body: bytes = b"", kind: str = "application/sdp"
    ) -> bytes:
        """The same; whether it arrives is the test's matter. Returns what was sent."""
        speaker = who or self.alice
        names = {header.partition(":")[0] for header in headers}
        if method not in ("ACK", "CANCEL"):
            speaker.number += 1
        own = [
            f"Via: SIP/2.0/UDP {speaker.host}:{speaker.port};branch=z9hG4bK{next(_numbers)};rport",
            f"From: {speaker.own}", f"To: {speaker.far}", f"Call-ID: {speaker.call_id}",
            f"CSeq: {speaker.number} {method}", f"Contact: {speaker.contact}",
        ]  # fmt: skip
        kept = [header for header in own if header.partition(":")[0] not in names]
        octets = request(method, *kept, *headers, body=body, kind=kind, uri=speaker.target)
        speaker.socket.sendto(octets, speaker.to)
        return octets

    def answer(
        self, asked: Message, status: int, *headers: str, body: bytes = b"", who: Phone | None = None
    ) -> Message:
        """A response to what was heard, of bob unless said otherwise. Its To has the speaker's tag."""
        speaker = who or self.bob
        names = {header.partition(":")[0] for header in headers}
        echoed = [f"{name}: {asked.value(name.lower().encode()).decode()}" for name in ("From", "Call-ID", "CSeq")]
        to = asked.value(b"to").decode()
        own = [*echoed, f"To: {to}" if ";tag=" in to else f"To: {to};tag={speaker.user}", f"Contact: {speaker.contact}"]
        kept = [header for header in own if header.partition(":")[0] not in names]
        vias = [f"Via: {value.decode()}" for value in asked.values(b"via")]
        speaker.socket.sendto(response(status, asked.method.decode(), *vias, *kept, *headers, body=body), speaker.to)
        return self._heard(self.other(speaker))

    def _heard(self, listener: Phone) -> Message:
        message = listener.hear()
        if message.status:
            listener.far = message.value(b"to").decode() if message.status > 100 else listener.far
        elif not listener.call_id:
            listener.call_id = message.call_id.decode()
            listener.far = message.value(b"from").decode()
            listener.own = f"{message.value(b'to').decode()};tag={listener.user}"
            listener.target = message.data[slice(*message.target)].decode()
            uri = message.addresses(b"contact")[0].uri if message.has(b"contact") else None
            if uri is not None:
                listener.target = message.data[uri.start : uri.end].decode()
        return message
