"""Messages between management, agent and workers: JSON objects behind a length of four octets.

    request  {"op": NAME, ...}    answer  {"ok": true, ...} or {"ok": false, "what": ..., "detail": ..., "path": ...}

Requests of one connection are answered in order.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from struct import Struct
from typing import Any

from applianced.errors import DataplaneError
from applianced.model.tuples import Endpoint, FlowTuple, packed, text

LARGEST = 64 << 20
FOLLOW = "follow-events"
"""The request after whose answer events come unasked (eventfeed)."""
_LENGTH = Struct("!I")

Message = dict[str, Any]


def plain_flow(flow: FlowTuple) -> list[Any]:
    """A flow's tuple as a message carries it; `flow_of` turns it back."""
    return [flow.protocol, text(flow.source.address), flow.source.port, text(flow.destination.address),
            flow.destination.port]  # fmt: skip


def flow_of(plain: Sequence[Any]) -> FlowTuple:
    """Raises ValueError or TypeError for what `plain_flow` does not make."""
    protocol, source, source_port, destination, destination_port = plain
    return FlowTuple(
        int(protocol),
        Endpoint(packed(source), int(source_port)),
        Endpoint(packed(destination), int(destination_port)),
    )


def encode(message: Message) -> bytes:
    """A message with its length."""
    octets = json.dumps(message, separators=(",", ":")).encode()
    return _LENGTH.pack(len(octets)) + octets


class Decoder:
    """Collects octets, gives out whole messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, octets: bytes) -> list[Message]:
        """The messages that are whole now. Raises DataplaneError on one that is too large or not an object."""
        self._buffer += octets
        found = []
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > LARGEST:
                raise DataplaneError("agent socket", f"message of {length} octets")
            if len(self._buffer) < _LENGTH.size + length:
                break
            message = json.loads(self._buffer[_LENGTH.size : _LENGTH.size + length])
            del self._buffer[: _LENGTH.size + length]
            if not isinstance(message, dict):
                raise DataplaneError("agent socket", "message is not an object")
            found.append(message)
        return found


def arrived(connection: socket.socket) -> bytes | None:
    """What has arrived on a socket with a time limit, without waiting: b"" at its end or when it is broken, None when
    nothing is there. What made it readable may have been read meanwhile, by somebody who waited for an answer."""
    patience = connection.gettimeout()
    try:
        connection.settimeout(0)
        return connection.recv(1 << 18)
    except BlockingIOError:
        return None
    except OSError:
        return b""
    finally:
        connection.settimeout(patience)


def call(connection: socket.socket, request: Message) -> Message:
    """Send a request over a blocking socket and wait for the answer. Raises DataplaneError on a refusal."""
    connection.sendall(encode(request))
    decoder = Decoder()
    while True:
        octets = connection.recv(1 << 18)
        if not octets:
            raise DataplaneError(str(request.get("op")), "the other side has closed the connection")
        for answer in decoder.feed(octets):
            if "ok" not in answer:
                continue
            if not answer["ok"]:
                raise DataplaneError(str(answer.get("what")), str(answer.get("detail")))
            return answer
