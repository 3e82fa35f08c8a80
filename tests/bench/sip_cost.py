"""Where the time of a SIP call goes inside a worker: processor time of each of its six messages, without the kernel.

    reading   the message and its description are found out of their octets
    ALG       all that the ALG does, asked for its actions by a driver that grants everything
    engine    a packet through the engine, the ALG included; the kernel and the ports are played

What a worker needs beyond is the kernel's: the queue, and a netlink transaction where a gate opens or closes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from applianced.alg.actions import Bind, Medium, Now, OpenMedia, Reply, Rewrite
from applianced.alg.sdp.reading import read
from applianced.alg.sip import DESCRIPTOR, Books, Datagrams, SipSettings
from applianced.alg.sip.bodies import descriptions
from applianced.alg.sip.messages import parse
from applianced.compiler.marks import ALG_NUMBERS, CONTROL
from applianced.engine.gatekeeper import GateLimits
from applianced.engine.kernel import Translation
from applianced.model.sessions import ControlSession
from applianced.model.tuples import ORIGINAL, REPLY, UDP, Direction, Endpoint, FlowTuple, packed
from tests.support.datagrams import octets
from tests.support.engine import Bench, FakeKernel, FakePorts, Packet

PHONE = Endpoint(packed("10.71.1.2"), 5062)
PUBLIC = Endpoint(packed("203.0.113.1"), 5062)
SERVER = Endpoint(packed("203.0.113.2"), 5060)
FLOW = FlowTuple(UDP, PHONE, SERVER)
STEPS = ("INVITE", "180", "200", "ACK", "BYE", "200 to BYE")
CALLS, WARM = 400, 40
_SDP = """v=0
o=load 1 1 IN IP4 {host}
s=-
c=IN IP4 {host}
t=0 0
m=audio {port} RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=sendrecv
"""
Ask = Callable[[Direction, bytes], bytes]
"""One message by a layer -> what leaves."""


def _lines(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def _request(method: str, number: int) -> bytes:
    body = _SDP.format(host="10.71.1.2", port=10000 + number % 10000 * 2) if method == "INVITE" else ""
    tag = "" if body else ";tag=b"
    kind = "Content-Type: application/sdp\n" if body else ""
    return _lines(
        f"""{method} sip:called@203.0.113.2:5060 SIP/2.0
Via: SIP/2.0/UDP 10.71.1.2:5062;branch=z9hG4bK{number}{method[0]};rport
From: <sip:load@10.71.1.2:5062>;tag=a{number}
To: <sip:called@203.0.113.2:5060>{tag}
Call-ID: {number}@10.71.1.2
CSeq: {2 if method == "BYE" else 1} {method}
Contact: <sip:load@10.71.1.2:5062>
Max-Forwards: 70
User-Agent: sip_load
{kind}Content-Length: {len(_lines(body))}

{body}"""
    )


def _response(status: str, asked: bytes) -> bytes:
    """To a request as it has arrived."""
    body = _SDP.format(host="203.0.113.2", port=6000) if status == "200 OK" and asked.startswith(b"INVITE") else ""
    copied = "\n".join(match.decode() for match in re.findall(rb"(?m)^(?:Via|From|To|Call-ID|CSeq):[^\r]*", asked))
    kind = "Content-Type: application/sdp\n" if body else ""
    copied = copied if ";tag=b" in copied else re.sub("(?m)^(To:.*)$", r"\1;tag=b", copied)
    return _lines(
        f"SIP/2.0 {status}\n{copied}\nContact: <sip:called@203.0.113.2:5060>\n{kind}"
        f"Content-Length: {len(_lines(body))}\n\n{body}"
    )


def _call(ask: Ask, number: int, spent_s: dict[str, float]) -> None:
    """The six messages of a call, one after the other."""

    def timed(step: str, direction: Direction, data: bytes) -> bytes:
        began = time.process_time()
        left = ask(direction, data)
        spent_s[step] = spent_s.get(step, 0.0) + time.process_time() - began
        return left

    invite = timed("INVITE", ORIGINAL, _request("INVITE", number))
    timed("180", REPLY, _response("180 Ringing", invite))
    timed("200", REPLY, _response("200 OK", invite))
    timed("ACK", ORIGINAL, _request("ACK", number))
    bye = timed("BYE", ORIGINAL, _request("BYE", number))
    timed("200 to BYE", REPLY, _response("200 OK", bye))


def reading() -> Ask:
    """What every message costs that is read at all."""

    def ask(direction: Direction, data: bytes) -> bytes:
        message = parse(data)
        message.vias()
        for body in descriptions(message):
            read(data, body.start, body.end)
        return data

    return ask


class _Granted:
    """Grants whatever an ALG asks for."""

    def __init__(self) -> None:
        self.alg = Datagrams(SipSettings(), ControlSession(FLOW), Books())
        self.ports = 50000
        self.gates = 0
        self.now = 1000.0

    def reply(self, action: Any) -> Reply:
        if isinstance(action, Now):
            return self.now
        if isinstance(action, Bind):
            if action.endpoint in (PHONE, SERVER):
                return PUBLIC if action.endpoint == PHONE else SERVER
            self.ports = 50000 + (self.ports - 50000 + 2) % 14000
            return Endpoint(PUBLIC.address, self.ports)
        if isinstance(action, OpenMedia):
            media: tuple[Medium, ...] = action.media
            self.gates += len(media)
            return tuple(range(self.gates - len(media) + 1, self.gates + 1))
        return None

    def ask(self, direction: Direction, data: bytes) -> bytes:
        self.now += 0.001
        actions, reply = self.alg.datagram(direction, data), None
        while True:
            try:
                action = actions.send(reply)
            except StopIteration:
                return data
            reply = self.reply(action)
            if isinstance(action, Rewrite):
                data = action.replacement


def alg() -> Ask:
    return _Granted().ask


class _Kernel(FakeKernel):
    def translation(self, flow: FlowTuple, mark: int) -> Translation:
        return Translation(FLOW, FlowTuple(UDP, SERVER, PUBLIC))


class _Ports(FakePorts):
    def take_pair(self, address: bytes, protocol: int) -> int:
        self.following = 50000 + (self.following - 50000 + 2) % 14000
        return self.following

    def give(self, address: bytes, protocol: int, port: int, *, over: bool) -> None:
        """Every port comes round again."""


def engine() -> Ask:
    bench = Bench(kernel=_Kernel(), ports=_Ports(), descriptor=DESCRIPTOR, slots=64)
    limits = replace(GateLimits(), per_session=65536, per_source=65536, total=65536)
    bench.engine.configure({"sip": SipSettings()}, limits, 65536, bench.now)
    mark = ALG_NUMBERS["sip"] | CONTROL

    def ask(direction: Direction, data: bytes) -> bytes:
        nonlocal mark
        bench.now += 0.001
        ends = (PHONE, SERVER) if direction is ORIGINAL else (SERVER, PHONE)
        packet = Packet(octets(*ends, data), mark)
        bench.engine.handle(packet, bench.now)
        mark = packet.mark
        assert packet.released is not None
        return packet.released[28:]

    return ask


LAYERS: dict[str, Callable[[], Ask]] = {"reading": reading, "ALG": alg, "engine": engine}


def costs(calls: int = CALLS, warm: int = WARM) -> dict[str, dict[str, float]]:
    """Layer -> step -> processor time, microseconds. warm: calls before those that count."""
    found = {}
    for name, layer in LAYERS.items():
        ask = layer()
        spent_s: dict[str, float] = {}
        for number in range(warm + calls):
            if number == warm:
                spent_s.clear()
            _call(ask, number, spent_s)
        found[name] = {step: spent_s[step] / calls * 1e6 for step in STEPS}
    return found


def table(found: dict[str, dict[str, float]]) -> str:
    """As Markdown, with the sum of a call."""
    lines = [f"| processor time, µs | {' | '.join(STEPS)} | call |", "| --- |" + " --- |" * (len(STEPS) + 1)]
    for name, times in found.items():
        cells = [*times.values(), sum(times.values())]
        lines.append(f"| {name} | " + " | ".join(f"{cell:.0f}" for cell in cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(costs()))
