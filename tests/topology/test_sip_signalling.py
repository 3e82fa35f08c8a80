"""What headers, sizes and rates of SIP messages do: with phones whose every message the test writes."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime

import pytest

from applianced.alg.sip.edits import shortest
from applianced.alg.sip.messages import CONTACT, PATH, RECORD_ROUTE, ROUTE, SERVICE_ROUTE, Message
from applianced.model.tuples import Endpoint, packed, text
from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import IPV4, IPV6, Plan
from applianced.tools.netconf_client import ALG
from tests.support.appliance import SECURITY_ELEMENT, Appliance, appliance_on
from tests.support.netns import SECOND_INSIDE, unique_topology
from tests.support.sip_messages import request
from tests.support.sip_phones import SIP, Pair, Phone, configure, described, shut
from tests.support.sockets import connect_in, datagrams_in, listen_in
from tests.support.syslog_receiver import Receiver
from tests.support.translations import permit
from tests.support.until import until

BOTH = pytest.mark.parametrize("plan", [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")])
GATES = {"contact": CONTACT, "record-route": RECORD_ROUTE, "route": PATH, "via": b"via"}
"""The leaf, and the header that it is about."""
TRANSACTIONS = SECURITY_ELEMENT.format(f'<alg xmlns="{ALG}"><sip xmlns="{SIP}"><transactions/></sip></alg>')
MOST = 65531
"""Octets of an IP packet that a queue shows whole."""
ROOM_V6 = 1200
"""Octets of a message that fit into a packet of the least MTU, as the ALG has it."""


@pytest.fixture(scope="module")
def appliance() -> Iterator[Appliance]:
    with unique_topology() as topology, appliance_on(topology) as made:
        made.push(permit("trust", "untrust", "sip-out", "junos-sip"))
        yield made


@pytest.fixture
def plan() -> Plan:
    return IPV4


@pytest.fixture
def pair(appliance: Appliance, plan: Plan) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(appliance.topology, plan, stack)


def announced(message: Message, leaf_name: str) -> Endpoint:
    """Where a header says that alice is reached."""
    if leaf_name != "via":
        return endpoint_in(message, GATES[leaf_name])
    host = message.top_via().sent_by
    return Endpoint(host.address, host.port)


def announce(pair: Pair, leaf_name: str, port: int) -> Message:
    """A request of alice that says another port of hers in one header."""
    here = f"{pair.alice.host}:{port}"
    headers = {
        "contact": f"Contact: <sip:alice@{here}>", "record-route": f"Record-Route: <sip:{here};lr>",
        "route": f"Path: <sip:{here};lr>", "via": f"Via: SIP/2.0/UDP {here};branch=z9hG4bKv{port}",
    }  # fmt: skip
    method = "REGISTER" if leaf_name == "route" else "SUBSCRIBE"
    return pair.ask(method, headers[leaf_name])


@BOTH
@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("chosen", [True, False], ids=["chosen", "not"])
def test_which_header_admits_requests(pair: Pair, appliance: Appliance, name: str, chosen: bool) -> None:
    """`control-gate`: from another port of the party that read the header."""
    others = "".join(f"<control-gate>{each}</control-gate>" for each in ("register", *GATES) if each != name)
    configure(appliance, f"<control-gate>{name}</control-gate>" if chosen else others)
    with ExitStack() as stack:
        again = Phone(stack, pair.alice.namespace, pair.alice.address, "alice")
        heard = announce(pair, name, again.port)
        known = announced(heard, name)
        assert known.address != packed(pair.alice.address), "it is translated in either case"
        asking = stack.enter_context(datagrams_in(pair.bob.namespace, pair.bob.address, timeout_s=3))
        if not chosen:
            shut(asking, known, again.socket)
            return
        via = f"Via: SIP/2.0/UDP {pair.bob.host}:{asking.getsockname()[1]};branch=z9hG4bKa{again.port}"
        asking.sendto(request("OPTIONS", via, uri=f"sip:alice@{pair.bob.host}"), (text(known.address), known.port))
        assert again.hear().method == b"OPTIONS"


@pytest.mark.parametrize(
    ("screen", "method"),
    [("message", "invite"), ("message", "other"), ("source", "register"), ("source", "subscribe")],
)
def test_requests_over_the_rate(pair: Pair, appliance: Appliance, screen: str, method: str) -> None:
    """Of one method, while the others pass."""
    configure(
        appliance, f"<application-screen><{screen}-rate><{method}>1</{method}></{screen}-rate></application-screen>"
    )
    event = {"message": "rate-method", "source": "rate-source"}[screen]
    before = appliance.counter("sip", event)
    said = "FROBNICATE" if method == "other" else method.upper()
    for _ in range(4):
        pair.say(said)
    pair.say("OPTIONS")
    heard: list[bytes] = []
    while not heard or heard[-1] != b"OPTIONS":
        heard.append(pair.bob.hear().method)
    passed = heard.count(said.encode())
    # They may have come in two seconds.
    assert 1 <= passed <= 2
    assert appliance.counter("sip", event) == before + 4 - passed
    configure(appliance)


def test_messages_up_to_64_kib_on_a_stream(appliance: Appliance) -> None:
    """A body that is no description is not waited for. One octet more is refused at its header: the session ends, and
    none of it has arrived."""
    topology, before = appliance.topology, appliance.counter("sip", "oversize")
    with listen_in(topology.server, IPV4.server, port=5060) as listener:
        client = connect_in(topology.client, IPV4.server, 5060, source=IPV4.client, timeout_s=5)
        server, _ = listener.accept()
        with client, server:
            server.settimeout(5)
            for octets in (9000, 65536):
                message = message_of(octets)
                client.sendall(message)
                assert exactly(server, octets) == message
            client.sendall(message_of(65537))
            with pytest.raises(OSError, match=r"reset|Broken"):
                until(lambda: client.send(b"more") == 0, what="the session is reset")
            server.settimeout(0.3)
            with pytest.raises((TimeoutError, ConnectionResetError)):
                server.recv(1 << 17)
    assert appliance.counter("sip", "oversize") == before + 1


def exactly(stream: socket.socket, octets: int) -> bytes:
    """So many octets of a stream."""
    found = b""
    while len(found) < octets:
        found += stream.recv(octets - len(found))
    return found


def message_of(octets: int) -> bytes:
    """A MESSAGE of exactly so many, in which nothing is to be translated."""
    headers = ["Via: SIP/2.0/TCP phone.example;branch=z9hG4bK1", "Call-ID: long", "From: <sip:a@a.example>;tag=1"]
    empty = request("MESSAGE", *headers, body=b"x" * 1000, kind="text/plain")
    length = 1000 + octets - len(empty)
    return request("MESSAGE", *headers, body=b"x" * (length - len(str(length)) + 4), kind="text/plain")


def test_the_largest_datagram(pair: Pair, appliance: Appliance) -> None:
    """What a queue carries at most, in fragments: it arrives. One that would grow beyond is refused and counted; one
    that is larger, and one whose Content-Length promises more, too."""
    before = appliance.counters()
    said = len(pair.say("MESSAGE", body=b"x" * 60000, kind="text/plain"))
    grown = len(pair.bob.hear().data) - said
    room = MOST - 28 - said
    assert grown > 0
    for octets in (room, room - grown + 1):
        pair.say("MESSAGE", body=b"x" * (60000 + octets), kind="text/plain")
    assert counted(appliance, before, "growth-refused", 2)
    heard = pair.ask("MESSAGE", body=b"x" * (60000 + room - grown), kind="text/plain")
    assert len(heard.data) == MOST - 28
    pair.say("MESSAGE", body=b"x" * (60000 + room + 1), kind="text/plain")
    assert counted(appliance, before, "malformed-packet", 1)
    cut = request("MESSAGE", "Call-ID: cut", "Content-Length: 70000", length=False) + b"x" * 60000
    pair.alice.socket.sendto(cut, pair.alice.to)
    assert counted(appliance, before, "bad-length", 1)


def counted(appliance: Appliance, before: dict[str, int], event: str, times: int) -> bool:
    """Whether it has come so often since."""
    since = before.get(f"sip {event}", 0)
    return until(lambda: appliance.counter("sip", event) - since == times, 3, what=event)


@pytest.mark.parametrize("plan", [pytest.param(IPV6, id="ipv6")])
def test_growth_over_ipv6(pair: Pair, appliance: Appliance) -> None:
    """The outside address is longer: what would not fit into a packet of every path is written in compact form; what
    cannot arrive even so is refused. Both are counted."""
    before = appliance.counters()
    empty = len(pair.say("MESSAGE", body=b"x" * 100, kind="text/plain"))
    assert len(pair.bob.hear().data) > empty
    said = pair.say("MESSAGE", body=b"x" * (100 + ROOM_V6 - empty), kind="text/plain")
    assert len(said) == ROOM_V6
    heard = pair.bob.hear()
    assert len(heard.data) <= ROOM_V6
    assert b"\r\nv:SIP/2.0/UDP" in heard.data
    assert counted(appliance, before, "compacted", 1)
    close = shortest(pair.say("MESSAGE", body=b"x" * 1000, kind="text/plain"))
    pair.bob.hear()
    padding = 1500 - 48 - len(close)
    pair.alice.socket.sendto(
        close.replace(b"l:1000\r\n\r\n", b"l:%d\r\n\r\n" % (1000 + padding)) + b"x" * padding, pair.alice.to
    )
    assert counted(appliance, before, "growth-refused", 1)


@BOTH
def test_a_phone_that_offers_another_host(pair: Pair, appliance: Appliance, plan: Plan) -> None:
    """A bounce: its offer names another inside host. The message passes, nothing is opened, and it is counted and
    logged with who said it."""
    receiver = Receiver(pair.bob.namespace, IPV4.server)
    appliance.push(f"<log>{receiver.stream('s', format='sd-syslog', category='alg')}</log>")
    before = appliance.counter("sip", "refused-address")
    invite = pair.ask("INVITE", body=described(SECOND_INSIDE[plan.version], "m=audio 40000 RTP/AVP 0\n"))
    answer = pair.answer(invite, 200, body=described(pair.bob.address, "m=audio 30000 RTP/AVP 0\n"))
    assert answer.status == 200
    assert appliance.counter("sip", "refused-address") == before + 1
    assert not [gate for gate in appliance.gates() if leaf(gate, "kind") == "media" and not leaf(gate, "closed")]
    logged = receiver.wait("RT_ALG_VIOLATION", event="refused-address", source_port=pair.alice.port)
    assert (logged["source-address"], logged["destination-address"]) == (pair.alice.address, pair.bob.address)
    pair.answer(pair.ask("BYE"), 200)
    receiver.close()


@pytest.mark.parametrize("seconds", [5, 10])
def test_how_long_a_transaction_is_remembered(pair: Pair, appliance: Appliance, seconds: int) -> None:
    """`t4-interval` after its final response."""
    configure(appliance, f"<t4-interval>{seconds}</t4-interval>")
    asked = pair.ask("OPTIONS")
    pair.answer(asked, 200)
    branch = asked.top_via().branch.decode()
    entries = appliance.netconf.get(TRANSACTIONS).iterfind(f".//{{{SIP}}}transaction")
    [entry] = [entry for entry in entries if entry.findtext(f"{{{SIP}}}branch") == branch]
    assert entry.findtext(f"{{{SIP}}}state") == "completed"
    left = datetime.fromisoformat(entry.findtext(f"{{{SIP}}}expires") or "").timestamp() - time.time()
    assert seconds - 3 < left <= seconds


@BOTH
def test_routes_of_a_registration(pair: Pair, plan: Plan) -> None:
    """Path and Service-Route (RFC 3327, 3608): an inside proxy is known by its outside endpoint, and gets its own back;
    what is the registrar's is left."""
    alice, bob = pair.alice, pair.bob
    path, service = f"Path: <sip:{alice.host}:{alice.port};lr>", f"Service-Route: <sip:{bob.host};lr>"
    asked = pair.ask("REGISTER", path)
    known = endpoint_in(asked, PATH)
    assert known == Endpoint(packed(plan.public), bob.to[1])
    echoed = f"Path: {asked.value(PATH).decode()}"
    answer = pair.answer(
        asked, 200, echoed, service, f"{asked.value(CONTACT).decode().join(('Contact: ', ''))};expires=60"
    )
    assert endpoint_in(answer, PATH) == Endpoint(packed(alice.address), alice.port)
    assert endpoint_in(answer, SERVICE_ROUTE).address == packed(bob.address)
    assert endpoint_in(pair.ask("OPTIONS", f"Route: <sip:{bob.host};lr>"), ROUTE).address == packed(bob.address)


@BOTH
def test_routes_of_a_registrar_inside(pair: Pair, plan: Plan) -> None:
    """It says its own endpoint in Service-Route, and gets that back in Route."""
    alice, bob = pair.alice, pair.bob
    pair.answer(pair.ask("OPTIONS"), 200)
    bob.call_id = f"registers-{plan.version}"
    bob.target, bob.far = f"sip:{bob.host}", f"<sip:bob@{bob.host}>"
    asked = pair.ask("REGISTER", who=bob)
    answer = pair.answer(asked, 200, f"Service-Route: <sip:{alice.host}:{alice.port};lr>", who=alice)
    route = endpoint_in(answer, SERVICE_ROUTE)
    assert route == Endpoint(packed(plan.public), bob.to[1])
    said = f"Route: {answer.value(SERVICE_ROUTE).decode()}"
    again = pair.ask("OPTIONS", said, who=bob)
    assert endpoint_in(again, ROUTE) == Endpoint(packed(alice.address), alice.port)


def endpoint_in(message: Message, name: bytes) -> Endpoint:
    uri = message.addresses(name)[0].uri
    assert uri is not None
    assert uri.host is not None
    return Endpoint(uri.host.address, uri.host.port)
