# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NETCONF messages on a stream of octets (RFC 6242 sections 4.2 and 4.3)."""

from __future__ import annotations

import time

BASE_1_0 = "urn:ietf:params:netconf:base:1.0"
BASE_1_1 = "urn:ietf:params:netconf:base:1.1"
END_OF_MESSAGE = b"]]>]]>"
END_OF_CHUNKS = b"\n##\n"
READ_OCTETS = 65536
HEADER_OCTETS = 13
"""The most that a chunk's header can be: line feed, #, ten digits, line feed."""

MESSAGE_OCTETS = 256 * 1024 * 1024
"""The most that a message can have; the configuration of 100,000 applications has 30 million."""


class FramingError(Exception):
    """What came is no NETCONF message."""


class Wire:
    """Whole messages over `recv(octets)` and `send_all(data)`. timeout_s: for a whole message, None for any time.
    chunked: the framing of base:1.1, from now on."""

    def __init__(self, recv, send_all, timeout_s=None):
        self._timeout_s = timeout_s
        self._deadline = None
        self._recv = recv
        self._send_all = send_all
        self._buffer = bytearray()
        self.chunked = False

    def send(self, message):
        """Send a message given as text."""
        data = message.encode()
        if self.chunked:
            self._send_all(b"\n#%d\n%s%s" % (len(data), data, END_OF_CHUNKS))
        else:
            self._send_all(data + END_OF_MESSAGE)

    def receive(self):
        """The next whole message as text. Raises EOFError, FramingError, TimeoutError and what `recv` raises."""
        self._deadline = None if self._timeout_s is None else time.monotonic() + self._timeout_s
        message = self._chunks() if self.chunked else self._delimited()
        try:
            return message.decode()
        except UnicodeDecodeError as error:
            raise FramingError(f"a message is not UTF-8: {error}") from None

    def _more(self):
        data = self._recv(READ_OCTETS)
        if not data:
            raise EOFError("the appliance closed the session")
        self._buffer += data
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise TimeoutError(f"no whole answer within {self._timeout_s} s")

    def _delimited(self):
        looked_at = 0
        while (end := self._buffer.find(END_OF_MESSAGE, looked_at)) < 0:
            _bound(len(self._buffer))
            looked_at = max(0, len(self._buffer) - len(END_OF_MESSAGE))
            self._more()
        message = bytes(self._buffer[:end])
        del self._buffer[: end + len(END_OF_MESSAGE)]
        return message

    def _chunks(self):
        parts, total = [], 0
        while (size := self._header()) is not None:
            total += size
            _bound(total)
            while len(self._buffer) < size:
                self._more()
            parts.append(bytes(self._buffer[:size]))
            del self._buffer[:size]
        return b"".join(parts)

    def _header(self):
        """Octets of the next chunk; None at the end of the message."""
        while (end := self._buffer.find(b"\n", 1)) < 0:
            if len(self._buffer) > HEADER_OCTETS:
                break
            self._more()
        header = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        if header == END_OF_CHUNKS[:-1] + b"\n":
            return None
        size = header[2:-1]
        if header[:2] != b"\n#" or not size.isdigit() or size[:1] == b"0" or len(header) > HEADER_OCTETS:
            raise FramingError(f"a chunk begins with {header[:20]!r}")
        return int(size)


def _bound(octets):
    if octets > MESSAGE_OCTETS:
        raise FramingError(f"a message of more than {MESSAGE_OCTETS} octets")
