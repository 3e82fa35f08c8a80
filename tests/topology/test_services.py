"""Which traffic each ALG reads: by well-known port, custom application, term; kept off by `ignore`, `none`, `disable`;
and policy by policy.

Another ALG is one line in SERVICES.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from applianced.model.tuples import PROTOCOL_NAMES, TCP, UDP
from applianced.tools.namespaces import IPV4, Topology
from applianced.tools.netconf_client import ALG, ALG_FTP, NETCONF
from tests.support.appliance import Appliance, appliance_on
from tests.support.dns_messages import message
from tests.support.ike import ALICE, setup
from tests.support.netns import unique_topology
from tests.support.sockets import connect_in, datagrams_in, listen_in

ALG_DNS = "urn:applianced:yang:alg-dns"
ALG_IKE = "urn:applianced:yang:alg-ike-esp-nat"
ALG_SIP = "urn:applianced:yang:alg-sip"
QUERY = message()
OPTIONS = (
    f"OPTIONS sip:{IPV4.server} SIP/2.0\r\nVia: SIP/2.0/{{}} {IPV4.server};branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
    f"To: <sip:{IPV4.server}>\r\nFrom: <sip:a@example.test>;tag=1\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
    "Content-Length: 0\r\n\r\n"
)
START = (b"\0\x9c\0\1\x1a\x2b\x3c\x4d\0\1\0\0" + b"\1\0\0\0" + b"\0\0\0\1\0\0\0\1" + b"\0\0\0\1").ljust(156, b"\0")
"""Start-Control-Connection-Request (RFC 2637 2.1)."""


class Service(NamedTuple):
    """What a client says first, to the ALG's well-known port, and the server before it. model: the namespace of its
    container. switch: the leaf in it that turns it off, or on where it is off by itself."""

    alg: str
    application: str
    protocol: int
    port: int
    says: bytes
    greeting: bytes = b""
    model: str = ALG
    switch: str = "disable"

    def switched(self, *, read: bool) -> str:
        """The ALG turned on or off."""
        there = "" if read == (self.switch == "enable") else ' nc:operation="remove"'
        inner = f'<{self.alg} xmlns="{self.model}"><{self.switch}{there}/></{self.alg}>'
        return f'<alg xmlns="{ALG}" xmlns:nc="{NETCONF}">{inner}</alg>'


SERVICES = (
    Service("ftp", "junos-ftp", TCP, 21, b"USER a\r\n", b"220 ready\r\n", ALG_FTP),
    Service("tftp", "junos-tftp", UDP, 69, b"\0\1name\0octet\0"),
    Service("dns", "junos-dns-udp", UDP, 53, QUERY, model=ALG_DNS),
    Service("dns", "junos-dns-tcp", TCP, 53, len(QUERY).to_bytes(2, "big") + QUERY, model=ALG_DNS),
    Service("sip", "junos-sip", UDP, 5060, OPTIONS.format("UDP").encode(), model=ALG_SIP),
    Service("sip", "junos-sip", TCP, 5060, OPTIONS.format("TCP").encode(), model=ALG_SIP),
    Service("pptp", "junos-pptp", TCP, 1723, START),
    Service("ike-esp-nat", "junos-ike", UDP, 500, setup(ALICE)[0], model=ALG_IKE, switch="enable"),
)
OTHER = 20_000
"""Added to a well-known port for another one."""
SECOND_CLIENT = "10.71.1.9"
APPLICATIONS = """
<applications xmlns="urn:applianced:yang:applications">
  <application><name>named</name><application-protocol>{alg}</application-protocol>
    <protocol>{protocol}</protocol><destination-port>{other}</destination-port></application>
  <application><name>silent</name><protocol>{protocol}</protocol><destination-port>{port}</destination-port></application>
  <application><name>silent-elsewhere</name>
    <protocol>{protocol}</protocol><destination-port>{other}</destination-port></application>
  <application><name>ignored</name><application-protocol>ignore</application-protocol>
    <protocol>{protocol}</protocol><destination-port>{port}</destination-port></application>
  <application><name>none</name><application-protocol>none</application-protocol>
    <protocol>{protocol}</protocol><destination-port>{port}</destination-port></application>
  <application><name>terms</name>
    <term><name>first</name><alg>ignore</alg>
      <protocol>{protocol}</protocol><destination-port>{port}</destination-port></term>
    <term><name>second</name><alg>{alg}</alg>
      <protocol>{protocol}</protocol><destination-port>{other}</destination-port></term></application>
</applications>
"""
BOOK = f"""
<address-book><name>global</name>
  <address><name>second</name><ip-prefix>{SECOND_CLIENT}/32</ip-prefix></address></address-book>
"""


class Stage(NamedTuple):
    topology: Topology
    appliance: Appliance
    service: Service

    @property
    def other(self) -> int:
        return self.service.port + OTHER


@pytest.fixture(scope="module", params=SERVICES, ids=lambda each: f"{each.alg}-{PROTOCOL_NAMES[each.protocol]}")
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    service = request.param
    with unique_topology() as topology, appliance_on(topology) as appliance:
        topology.add_address(topology.client, IPV4, SECOND_CLIENT)
        names = {"alg": service.alg, "protocol": PROTOCOL_NAMES[service.protocol]}
        appliance.netconf.edit(APPLICATIONS.format(**names, port=service.port, other=service.port + OTHER))
        appliance.push(BOOK + service.switched(read=True))
        yield Stage(topology, appliance, service)


def policies(*rules: tuple[str, str]) -> str:
    """In place of what was there: policies for (source address, application), in order."""
    listed = "".join(
        f"""
        <policy><name>rule-{number}</name>
          <match><source-address>{source}</source-address><destination-address>any</destination-address>
            <application>{application}</application></match>
          <then><permit/></then></policy>
        """
        for number, (source, application) in enumerate(rules)
    )
    return f"""
    <policies xmlns:nc="{NETCONF}"><policy nc:operation="replace">
      <from-zone-name>trust</from-zone-name><to-zone-name>untrust</to-zone-name>{listed}</policy></policies>
    """


def arrives(stage: Stage, port: int, source: str = IPV4.client) -> None:
    """The client says what it has to say to this port, and the server hears it."""
    topology, service = stage.topology, stage.service
    if service.protocol == UDP:
        with (
            datagrams_in(topology.client, source) as client,
            datagrams_in(topology.server, IPV4.server, port=port) as server,
        ):
            client.sendto(service.says, (IPV4.server, port))
            assert server.recvfrom(2000)[0] == service.says
        return
    with (
        listen_in(topology.server, IPV4.server, port=port) as listener,
        connect_in(topology.client, IPV4.server, port, source=source, timeout_s=5) as client,
    ):
        server, _ = listener.accept()
        with server:
            server.settimeout(5)
            server.sendall(service.greeting)
            assert client.recv(100) == service.greeting if service.greeting else True
            client.sendall(service.says)
            assert server.recv(2000) == service.says


def read(stage: Stage, port: int, source: str = IPV4.client) -> bool:
    """Whether the ALG reads what is said to this port."""
    before = stage.appliance.counter(stage.service.alg, "sessions")
    arrives(stage, port, source)
    return stage.appliance.counter(stage.service.alg, "sessions") == before + 1


@pytest.mark.parametrize(
    ("application", "elsewhere", "wanted"),
    [
        ("predefined", False, True),
        ("named", True, True),
        ("silent", False, True),
        ("silent-elsewhere", True, False),
        ("ignored", False, False),
        ("none", False, False),
        ("terms", False, False),
        ("terms", True, True),
        ("any", False, True),
        ("any", True, False),
    ],
)
def test_what_an_application_says(stage: Stage, application: str, elsewhere: bool, wanted: bool) -> None:
    name = stage.service.application if application == "predefined" else application
    stage.appliance.push(policies(("any", name)))
    assert read(stage, stage.other if elsewhere else stage.service.port) is wanted


def test_policy_by_policy(stage: Stage) -> None:
    """The same port, read of one host and not of another."""
    stage.appliance.push(policies(("second", "ignored"), ("any", stage.service.application)))
    assert not read(stage, stage.service.port, SECOND_CLIENT)
    assert read(stage, stage.service.port)
    stage.appliance.push(policies(("second", "terms"), ("any", "silent-elsewhere")))
    assert read(stage, stage.other, SECOND_CLIENT)
    assert not read(stage, stage.other)


def test_disabled(stage: Stage) -> None:
    """Nothing is read, whatever an application says; everything passes."""
    service = stage.service
    stage.appliance.push(policies(("any", service.application), ("any", "named")) + service.switched(read=False))
    assert not read(stage, service.port)
    assert not read(stage, stage.other)
    stage.appliance.push(service.switched(read=True))
    assert read(stage, service.port)
    assert read(stage, stage.other)
