"""sipp for the tests: calls in namespaces, what it sent and received, and media sockets beside it."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import STDOUT

from applianced.alg.sdp.reading import read
from applianced.alg.sip.bodies import descriptions
from applianced.alg.sip.messages import Message, parse
from applianced.errors import ProtocolError
from applianced.model.tuples import Endpoint, text
from applianced.tools.namespaces import Topology
from tests.support.sockets import datagrams_in
from tests.support.until import until

_LOGGED = re.compile(
    rb"-{20,}[^\n]*\n(?:UDP|TCP|TLS) message (sent|received) ?\(?\[?(\d+)\]? bytes\)? ?:?\n\n", re.DOTALL
)
PORT = 5060


@dataclass(frozen=True, slots=True)
class Party:
    """A place where sipp runs: namespace, address, and the first of its two media ports."""

    namespace: str
    address: str
    port: int = PORT
    media_port: int = 16000

    @property
    def host(self) -> str:
        return f"[{self.address}]" if ":" in self.address else self.address


class Sipp:
    """One sipp that runs. directory: where its scenario and logs are."""

    def __init__(
        self, topology: Topology, party: Party, directory: Path, scenario: str, *words: str, timeout_s: int = 40
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.party = party
        self.directory = directory
        (directory / "scenario.xml").write_text(scenario)
        nowhere = "::" if ":" in party.address else "0.0.0.0"
        argv = [
            "sipp", *words, "-sf", str(directory / "scenario.xml"), "-i", party.address, "-p", str(party.port),
            "-mi", party.address, "-key", "audio", str(party.media_port), "-key", "nowhere", nowhere, "-nostdin",
            "-nd", "-trace_msg", "-message_file", str(directory / "messages.log"), "-message_overwrite", "true",
            "-trace_err", "-error_file", str(directory / "errors.log"), "-recv_timeout", "8000",
            "-timeout", str(timeout_s),
        ]  # fmt: skip
        with (directory / "screen.log").open("w") as screen:
            self.process = topology.popen(party.namespace, argv, stdout=screen, stderr=STDOUT)

    def messages(self, which: str) -> list[Message]:
        """All messages that were `sent` or `received` so far, in order."""
        path = self.directory / "messages.log"
        log = path.read_bytes() if path.exists() else b""
        found = []
        for match in _LOGGED.finditer(log):
            octets = log[match.end() : match.end() + int(match[2])]
            if match[1].decode() == which and len(octets) == int(match[2]):
                try:
                    found.append(parse(octets))
                except ProtocolError as error:
                    raise AssertionError(f"{error}: {octets!r}") from None
        return found

    def one(self, which: str, method: bytes, status: int = 0, *, number: int = 0) -> Message | None:
        """The message of this method and status that was last sent or received; number: of its CSeq, 0 for any."""
        for message in reversed(self.messages(which)):
            if (message.method, message.status) == (method, status) and number in (0, message.cseq.number):
                return message
        return None

    def finish(self, timeout_s: float = 30) -> None:
        """Wait until all its calls are over; every one must have gone as the scenario says."""
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            status = -1
        assert status == 0, f"{self.party.address}: status {status}\n{self.story()}"

    def story(self) -> str:
        """What it has to say, for a test that fails."""
        names = ("errors.log", "messages.log", "screen.log")
        return "\n".join(
            (self.directory / name).read_text(errors="replace")[-4000:]
            for name in names
            if (self.directory / name).exists()
        )


def media_of(message: Message, number: int = 0) -> tuple[Endpoint, Endpoint]:
    """Where RTP and RTCP of a medium are taken, as a message says."""
    [body] = descriptions(message)
    medium = read(message.data, body.start, body.end).media[number]
    assert medium.endpoint is not None
    assert medium.rtcp_endpoint is not None
    return medium.endpoint, medium.rtcp_endpoint


@dataclass(frozen=True, slots=True)
class MediaSockets:
    """RTP and RTCP of one party."""

    rtp: socket.socket
    rtcp: socket.socket


@contextmanager
def media_sockets(party: Party) -> Iterator[MediaSockets]:
    """On the two ports that its sipp announces."""
    with ExitStack() as stack:
        made = [
            stack.enter_context(datagrams_in(party.namespace, party.address, port=party.media_port + more, timeout_s=3))
            for more in (0, 1)
        ]
        yield MediaSockets(*made)


def flows(sender: socket.socket, to: Endpoint, receiver: socket.socket, payload: bytes) -> tuple[str, int]:
    """A datagram arrives that goes to where the other party was told; returns who it seems to come from."""
    sender.sendto(payload, (text(to.address), to.port))
    received, origin = receiver.recvfrom(2000)
    assert received == payload
    return str(origin[0]), int(origin[1])


def answered(caller: Sipp, called: Sipp, *, number: int = 1) -> tuple[Message, Message]:
    """The INVITE as the called party got it, and the answer as the caller got it, once there is one."""
    answer = until(lambda: caller.one("received", b"INVITE", 200, number=number), 10, what="the call is answered")
    invite = called.one("received", b"INVITE", number=number)
    assert invite is not None
    assert answer is not None
    return invite, answer


def both_ways(invite: Message, answer: Message, inside: MediaSockets, outside: MediaSockets) -> None:
    """RTP and RTCP flow both ways, each from the endpoint that the receiver was told."""
    offered, said = media_of(invite), media_of(answer)
    pairs = (("rtp", 0), ("rtcp", 1))
    for name, place in pairs:
        of_caller, of_called = getattr(inside, name), getattr(outside, name)
        assert flows(of_caller, said[place], of_called, b"from the caller") == (
            text(offered[place].address),
            offered[place].port,
        )
        assert flows(of_called, offered[place], of_caller, b"from the called") == (
            text(said[place].address),
            said[place].port,
        )
