"""NAT slipstreaming: a browser inside is lured into sending what looks like signalling, from a server that chose the
sizes of its segments and fragments. No gate opens, and what was announced stays out of reach.

Each attack names its victim's own address and a port on which the victim listens. A protocol whose ALG is there must
count it as a violation and log it with the session's tuple; one without passes as it is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from applianced.alg.registry import REGISTRY
from applianced.tools.namespaces import IPV4, Topology
from tests.support.appliance import Appliance, appliance_on
from tests.support.netns import unique_topology
from tests.support.segments import leaving
from tests.support.sockets import connect_in, datagrams_in, listen_in
from tests.support.syslog_receiver import Receiver
from tests.support.translations import permit

VICTIM_PORT = 8080
MSS = 536
BODY = 16_384
VICTIM = IPV4.client.encode()
FTP_PORT = b"PORT %s,%d,%d\r\n" % (VICTIM.replace(b".", b","), VICTIM_PORT >> 8, VICTIM_PORT & 255)
FTP_EPRT = b"EPRT |1|%s|%d|\r\n" % (VICTIM, VICTIM_PORT)
SERVER = IPV4.server.encode()
REGISTER = (
    b"REGISTER sip:%(server)s;transport=%(low)s SIP/2.0\r\n"
    b"Via: SIP/2.0/%(high)s %(victim)s:%(port)d;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
    b"To: <sip:u@%(server)s>\r\nFrom: <sip:u@%(server)s>;tag=1\r\nCall-ID: 1@%(victim)s\r\nCSeq: 1 REGISTER\r\n"
    b"Contact: <sip:u@%(victim)s:%(port)d;transport=%(low)s>\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n"
)


def register(transport: bytes) -> bytes:
    names = {b"server": SERVER, b"victim": VICTIM, b"port": VICTIM_PORT, b"low": transport, b"high": transport.upper()}
    return REGISTER % names


TRANSPORT_ADDRESS = bytes(map(int, VICTIM.split(b"."))) + VICTIM_PORT.to_bytes(2, "big")


def q931(user: bytes) -> bytes:
    """A Q.931 message in its TPKT (RFC 1006): call reference, SETUP, and user-user information."""
    message = (
        b"\x08\x02\0\x01\x05" + b"\x04\x03\x88\x93\xa5" + b"\x7e" + (len(user) + 1).to_bytes(2, "big") + b"\x05" + user
    )
    return b"\x03\0" + (len(message) + 4).to_bytes(2, "big") + message


SETUP = q931(b"\x20\xb8\x06\0\x08\x91\x4a\0\x04\x01\x11\0\xc0" + TRANSPORT_ADDRESS + bytes(16))


class Attack(NamedTuple):
    """application: what the policy lets out. alg: whose ALG reads it when it is there. event: by which it is refused;
    "" for any of its violations."""

    alg: str
    application: str
    port: int
    text: bytes
    event: str = ""


STREAMS = {
    "ftp-port": Attack("ftp", "junos-ftp", 21, FTP_PORT, "refused-not-ftp"),
    "ftp-eprt": Attack("ftp", "junos-ftp", 21, FTP_EPRT, "refused-not-ftp"),
    "sip": Attack("sip", "junos-sip", 5060, register(b"tcp")),
    "h323": Attack("h323", "junos-h323", 1720, SETUP),
}
DATAGRAMS = {
    "sip": Attack("sip", "junos-sip", 5060, register(b"udp")),
    "tftp": Attack("tftp", "junos-tftp", 69, b"\0\1name\0octet\0", "no-request"),
    "h323": Attack("h323", "junos-h323", 1719, SETUP),
}


class Stage(NamedTuple):
    topology: Topology
    appliance: Appliance
    receiver: Receiver


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """The victim inside, behind source NAT; the attacker's server outside."""
    applications = sorted({attack.application for attack in (*STREAMS.values(), *DATAGRAMS.values())})
    with unique_topology() as topology, appliance_on(topology) as appliance:
        receiver = Receiver(topology.server, IPV4.server)
        log = f"<log>{receiver.stream('s', format='sd-syslog', category='alg')}</log>"
        appliance.push(permit("trust", "untrust", "lured", *applications) + log)
        yield Stage(topology, appliance, receiver)
        receiver.close()


@contextmanager
def hostile_server(topology: Topology, port: int) -> Iterator[list[bytes]]:
    """Takes one request after the other, in small segments, and says that all is well; what it has heard."""
    heard: list[bytes] = []
    with listen_in(topology.server, IPV4.server, port=port) as listener:
        listener.setsockopt(6, 2, MSS)  # IPPROTO_TCP, TCP_MAXSEG: what its SYN-ACK asks for

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(20)
                    octets = b""
                    try:
                        while len(octets) < BODY or b"\r\n\r\n" not in octets:
                            piece = connection.recv(1 << 16)
                            if not piece:
                                break
                            octets += piece
                        connection.sendall(b"HTTP/1.1 200 PORT command successful\r\nContent-Length: 0\r\n\r\n")
                    except OSError:
                        pass
                heard.append(octets)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield heard
        finally:
            listener.shutdown(2)
            thread.join()


def post(topology: Topology, port: int, body: Path) -> None:
    """What a page can make a browser do."""
    words = ["curl", "--silent", "--http0.9", "--max-time", "8", "--header", "Expect:", "--header",
             "Content-Type: text/plain", "--data-binary", f"@{body}", f"http://{IPV4.server}:{port}/"]  # fmt: skip
    topology.run(topology.client, words, check=False)


def crafted(starts: list[int], text: bytes) -> bytes:
    """A body in which the text stands wherever a segment begins. starts: offsets into the body."""
    body = bytearray(b"x" * BODY)
    for start in starts:
        if 2 <= start <= BODY - len(text):
            body[start : start + len(text)] = text
            body[start - 2 : start] = b"\r\n"  # it is a line of its own as well
    return bytes(body)


def segment_starts(payloads: list[bytes]) -> list[int]:
    """Where the segments of a request begin in its body."""
    header = b"".join(payloads).index(b"\r\n\r\n") + 4
    starts, at = [], -header
    for payload in payloads:
        if at >= 0:
            starts.append(at)
        at += len(payload)
    return starts


def out_of_reach(stage: Stage) -> None:
    """Nobody outside comes to the victim's port."""
    with listen_in(stage.topology.client, IPV4.client, port=VICTIM_PORT), pytest.raises(OSError):
        connect_in(stage.topology.server, IPV4.public, VICTIM_PORT, timeout_s=0.5).close()


def refusals(appliance: Appliance, attack: Attack) -> int:
    """How often such an attack was refused so far."""
    if attack.alg not in REGISTRY:
        return 0
    events = [attack.event] if attack.event else sorted(REGISTRY[attack.alg].violations)
    return sum(appliance.counter(attack.alg, event) for event in events)


@pytest.mark.parametrize("attack", STREAMS.values(), ids=STREAMS)
def test_a_post_whose_segments_begin_like_signalling(stage: Stage, attack: Attack, tmp_path: Path) -> None:
    topology, appliance, receiver = stage
    read = attack.alg in REGISTRY
    before = refusals(appliance, attack)
    gates = len(appliance.gates())
    body = tmp_path / "body"
    with hostile_server(topology, attack.port) as heard:
        body.write_bytes(b"x" * BODY)
        with leaving(topology.client) as sniffer:
            post(topology, attack.port, body)
            payloads = [payload for payload in sniffer.payloads() if payload]
        starts = segment_starts(payloads)
        assert len(starts) > 5, "the request came in many segments"
        body.write_bytes(crafted(starts, attack.text))
        with leaving(topology.client) as sniffer:
            post(topology, attack.port, body)
            cut = sniffer.payloads()
        assert any(payload.startswith(attack.text) for payload in cut), "a segment begins as the attack wants it"
    assert len(appliance.gates()) == gates
    out_of_reach(stage)
    assert not any(IPV4.public.replace(".", ",").encode() in octets for octets in heard)
    if read:
        assert refusals(appliance, attack) > before
        logged = receiver.wait("RT_ALG_VIOLATION", alg=attack.alg, source_address=IPV4.client)
        assert (logged["destination-address"], logged["destination-port"]) == (IPV4.server, str(attack.port))
    else:
        assert heard[-1].endswith(body.read_bytes()[-100:]), "nobody reads it: it arrives as it is"


@pytest.mark.parametrize("attack", DATAGRAMS.values(), ids=DATAGRAMS)
def test_a_fragment_that_begins_like_signalling(stage: Stage, attack: Attack) -> None:
    """A datagram whose second IP fragment would be a request, if somebody read packets."""
    topology, appliance, receiver = stage
    read = attack.alg in REGISTRY
    before = refusals(appliance, attack)
    gates = len(appliance.gates())
    first = 1480 - 8
    data = b"x" * first + attack.text + b"x" * 200
    with (
        leaving(topology.client) as sniffer,
        datagrams_in(topology.server, IPV4.server, port=attack.port, timeout_s=1) as server,
        datagrams_in(topology.client, IPV4.client, port=VICTIM_PORT) as victim,
    ):
        victim.sendto(data, (IPV4.server, attack.port))
        if read:
            with pytest.raises(TimeoutError):
                server.recvfrom(1 << 16)
        else:
            assert server.recvfrom(1 << 16)[0] == data
        assert any(payload.startswith(attack.text) for payload in sniffer.payloads())
    assert len(appliance.gates()) == gates
    out_of_reach(stage)
    if read:
        assert refusals(appliance, attack) > before
        logged = receiver.wait("RT_ALG_VIOLATION", alg=attack.alg, source_port=VICTIM_PORT)
        assert (logged["destination-address"], logged["destination-port"]) == (IPV4.server, str(attack.port))


def test_a_bounced_announcement(stage: Stage) -> None:
    """A client of the attacker's own making announces another host: refused, counted, logged."""
    topology, appliance, receiver = stage
    before = appliance.counter("ftp", "bounce")
    with (
        listen_in(topology.server, IPV4.server, port=21) as listener,
        connect_in(topology.client, IPV4.server, 21) as client,
    ):
        server, _ = listener.accept()
        with server:
            server.sendall(b"220 ready\r\n")
            assert client.recv(100) == b"220 ready\r\n"
            client.sendall(b"PORT 10,71,1,77,31,144\r\n")
            assert server.recv(100) == b"XXXX 10,71,1,77,31,144\r\n"
            source = client.getsockname()[1]
    assert appliance.counter("ftp", "bounce") == before + 1
    logged = receiver.wait("RT_ALG_VIOLATION", event="bounce", source_port=source)
    assert (logged["source-address"], logged["destination-address"]) == (IPV4.client, IPV4.server)
