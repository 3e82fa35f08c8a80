"""SIP on other ports, kept off, shown, and over the end of a worker: with parties that are sockets of the test."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import pytest
from lxml import etree

from applianced.alg.sip.messages import parse
from applianced.tools.namespaces import IPV4, Topology
from applianced.tools.netconf_client import ALG
from tests.support.appliance import Appliance, appliance_on
from tests.support.netns import unique_topology
from tests.support.sip_messages import lines, request, response
from tests.support.sipp import media_of
from tests.support.sockets import datagrams_in
from tests.support.translations import permit
from tests.support.until import until

SIP = "urn:applianced:yang:alg-sip"
SECURITY = "urn:applianced:yang:security"
FILTER = f'<security xmlns="{SECURITY}"><alg xmlns="{ALG}"><sip xmlns="{SIP}"><{{}}/></sip></alg></security>'
PLAN = IPV4


class Route(NamedTuple):
    topology: Topology
    appliance: Appliance


@pytest.fixture(scope="module")
def route() -> Iterator[Route]:
    """The caller inside behind source NAT, who is called outside."""
    with unique_topology() as topology, appliance_on(topology) as appliance:
        appliance.netconf.push(
            """
            <applications xmlns="urn:applianced:yang:applications">
              <application><name>pbx</name><application-protocol>sip</application-protocol><protocol>udp</protocol>
                <destination-port>5070</destination-port></application>
              <application><name>by-term</name><term><name>t</name><alg>sip</alg>
                <protocol>udp</protocol><destination-port>5090</destination-port></term></application>
              <application><name>kept-off</name><application-protocol>ignore</application-protocol>
                <protocol>udp</protocol><destination-port>5060</destination-port></application>
            </applications>
            """
        )
        yield Route(topology, appliance)


class Ends(NamedTuple):
    """Both parties of a session, and where the one outside is called."""

    inside: socket.socket
    outside: socket.socket
    port: int

    def say(self, *headers: str, method: str = "INVITE", media: int = 40000, branch: str = "1") -> bytes:
        """A request from inside; as it arrives."""
        here = f"{PLAN.client}:{self.inside.getsockname()[1]}"
        octets = request(
            method, f"Via: SIP/2.0/UDP {here};branch=z9hG4bK{branch};rport", f"Call-ID: {self.port}@{PLAN.client}",
            f"Contact: <sip:alice@{here}>", *headers, body=described(PLAN.client, media) if media else b"",
        )  # fmt: skip
        self.inside.sendto(octets, (PLAN.server, self.port))
        return self.outside.recv(65536)

    def answer(self, asked: bytes, media: int = 30000) -> bytes:
        """200 to a request that has arrived; as it comes back."""
        read = parse(asked)
        known = self.known(asked)
        headers = [f"Via: {value.decode()}" for value in read.values(b"via")]
        headers += [f"{name}: {read.value(name.lower().encode()).decode()}" for name in ("From", "Call-ID", "CSeq")]
        headers.append(f"To: {read.value(b'to').decode()};tag=b")
        method = read.method.decode()
        if method == "REGISTER":
            headers.append(f"Contact: {read.value(b'contact').decode()};expires=600")
        body = described(PLAN.server, media) if media else b""
        self.outside.sendto(response(200, method, *headers, body=body), known)
        return self.inside.recv(65536)

    def known(self, asked: bytes) -> tuple[str, int]:
        """How the party inside is known outside."""
        via = parse(asked).top_via().sent_by
        return socket.inet_ntoa(via.address), via.port


def described(address: str, port: int) -> bytes:
    return lines(f"v=0\no=- 1 1 IN IP4 {address}\ns=-\nc=IN IP4 {address}\nt=0 0\nm=audio {port} RTP/AVP 0\n")


@contextmanager
def ends(topology: Topology, port: int) -> Iterator[Ends]:
    with (
        datagrams_in(topology.client, PLAN.client) as inside,
        datagrams_in(topology.server, PLAN.server, port=port) as outside,
    ):
        yield Ends(inside, outside, port)


@contextmanager
def media(topology: Topology) -> Iterator[tuple[socket.socket, socket.socket]]:
    with ExitStack() as stack:
        yield (
            stack.enter_context(datagrams_in(topology.client, PLAN.client, port=40000)),
            stack.enter_context(datagrams_in(topology.server, PLAN.server, port=30000)),
        )


def flows(invite: bytes, own: socket.socket, other: socket.socket) -> None:
    """Both ways, from and to what was announced."""
    told = media_of(parse(invite))[0]
    other.sendto(b"to inside", (socket.inet_ntoa(told.address), told.port))
    assert own.recv(100) == b"to inside"
    own.sendto(b"to outside", (PLAN.server, 30000))
    data, source = other.recvfrom(100)
    assert (data, source) == (b"to outside", (socket.inet_ntoa(told.address), told.port))


@pytest.mark.parametrize(("application", "port"), [("pbx", 5070), ("by-term", 5090)])
def test_another_port(route: Route, application: str, port: int) -> None:
    """By an application, or one of its terms."""
    route.appliance.push(permit("trust", "untrust", f"{application}-out", application))
    with ends(route.topology, port) as parties, media(route.topology) as (own, other):
        invite = parties.say()
        assert PLAN.client.encode() not in invite
        parties.answer(invite)
        flows(invite, own, other)
        parties.answer(parties.say("CSeq: 2 BYE", method="BYE", media=0, branch="2"), media=0)
    until(lambda: not entries(route.appliance, "calls"), what="the call is over")


def entries(appliance: Appliance, container: str) -> list[etree._Element]:
    """A list of the ALG's state."""
    found = appliance.netconf.get(FILTER.format(container))
    return list(found.iterfind(f".//{{{SIP}}}{container}/*"))


def leaf(entry: etree._Element, name: str) -> str:
    return entry.findtext(f"{{{SIP}}}{name}") or ""


def test_calls_and_registrations_are_shown(route: Route) -> None:
    appliance = route.appliance
    appliance.push(permit("trust", "untrust", "pbx-out", "pbx"))
    with ends(route.topology, 5070) as parties:
        registering = parties.say("CSeq: 1 REGISTER", method="REGISTER", media=0, branch="r")
        parties.answer(registering, media=0)
        invite = parties.say(branch="i")
        parties.answer(invite)
        [call] = entries(appliance, "calls")
        assert leaf(call, "call-id") == f"5070@{PLAN.client}"
        assert (leaf(call, "party"), leaf(call, "state"), leaf(call, "gates")) == (PLAN.client, "established", "2")
        [registration] = entries(appliance, "registrations")
        inside = parties.inside.getsockname()
        assert leaf(registration, "contact") == f"{inside[0]}:{inside[1]}"
        assert leaf(registration, "outside") == "{}:{}".format(*parties.known(registering))
        assert {leaf(each, "method") for each in entries(appliance, "transactions")} >= {"INVITE", "REGISTER"}
        assert appliance.counter("sip", "request-register") >= 1
        parties.answer(parties.say("CSeq: 2 BYE", method="BYE", media=0, branch="b"), media=0)
    until(lambda: not entries(appliance, "calls"), what="the call is over")


def test_a_call_outlives_its_worker(route: Route) -> None:
    """Killed while two speak: media go on, BYE is understood, and nothing stays open."""
    appliance = route.appliance
    appliance.push(permit("trust", "untrust", "pbx-out", "pbx"))
    with ends(route.topology, 5070) as parties, media(route.topology) as (own, other):
        invite = parties.say(branch="k1")
        parties.answer(invite)
        before = appliance.workers()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(appliance.workers()) == len(before) and not set(before) & set(appliance.workers()), 10)
        flows(invite, own, other)
        [call] = entries(appliance, "calls")
        assert leaf(call, "state") == "established"
        parties.answer(parties.say("CSeq: 2 BYE", method="BYE", media=0, branch="k2"), media=0)
        until(lambda: not entries(appliance, "calls"), what="the call is over")
        told = media_of(parse(invite))[0]
        own.settimeout(0.3)
        other.sendto(b"too late", (socket.inet_ntoa(told.address), told.port))
        with pytest.raises(TimeoutError):
            own.recv(100)


def test_ignored(route: Route) -> None:
    """`application-protocol ignore`: what leaves is what was said, also on the well-known port."""
    route.appliance.push(permit("trust", "untrust", "kept-off-out", "kept-off"))
    with ends(route.topology, 5060) as parties:
        assert PLAN.client.encode() in parties.say(branch="x1")


def test_disabled_and_enabled_again(route: Route) -> None:
    appliance = route.appliance
    appliance.push(permit("trust", "untrust", "pbx-out", "pbx"))
    appliance.push(f'<alg xmlns="{ALG}"><sip xmlns="{SIP}"><disable/></sip></alg>')
    with ends(route.topology, 5070) as parties:
        assert PLAN.client.encode() in parties.say(branch="d1")
    appliance.push(
        f'<alg xmlns="{ALG}"><sip xmlns="{SIP}"><disable xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" '
        'nc:operation="delete"/></sip></alg>'
    )
    with ends(route.topology, 5070) as parties:
        assert PLAN.client.encode() not in parties.say(branch="d2")
