"""One NETCONF session's side of the protocol (RFC 6241 sections 3, 8.1; RFC 6242), sans I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lxml import etree

from applianced.datastore.edit import NETCONF_NS
from applianced.errors import ProtocolError
from applianced.netconf.framing import MESSAGE_MAX, Deframer, Framing, Message, frame, frame_parts
from applianced.netconf.xmltext import escape, parse

BASE_1_0 = "urn:ietf:params:netconf:base:1.0"
BASE_1_1 = "urn:ietf:params:netconf:base:1.1"
HELLO_MAX = 128 * 1024
"""Octets of a client's hello; those of clients that list their modules stay far below."""


class Session:
    """Octets from the client in, requests out; replies in, octets to the client out."""

    def __init__(self, number: int, capabilities: Sequence[str], message_max: int = MESSAGE_MAX) -> None:
        """message_max: octets of one message after the hello."""
        self.number = number
        self._message_max = message_max
        self._capabilities = tuple(capabilities)
        self._deframer = Deframer(limit=HELLO_MAX)
        self._reply_framing = Framing.END_OF_MESSAGE
        self.established = False
        """The client's hello has been accepted."""
        self._offered: frozenset[str] = frozenset()

    @property
    def amid(self) -> bool:
        """A message of the client has begun and not ended."""
        return self._deframer.amid

    @property
    def chunked(self) -> bool:
        """Both ends speak base:1.1."""
        return self._reply_framing is Framing.CHUNKED

    def limit_messages(self, octets: int) -> None:
        """Let a message have this many octets from now on; one that is arriving may be refused by it."""
        self._message_max = octets
        if self.established:
            self._deframer.limit = octets

    def hello(self) -> bytes:
        """What the server sends first."""
        listed = "".join(f"<capability>{escape(uri)}</capability>" for uri in self._capabilities)
        text = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<hello xmlns="{NETCONF_NS}"><capabilities>{listed}</capabilities>'
            f"<session-id>{self.number}</session-id></hello>"
        )
        return frame(text.encode(), Framing.END_OF_MESSAGE)

    def feed(self, data: bytes) -> None:
        """Take octets from the client."""
        self._deframer.feed(data)

    def messages(self) -> Iterator[Message]:
        """Every whole message after the hello, still as text; as many as are taken apart in one go (`unread`).

        Raises ProtocolError when the session cannot go on: framing, size, hello.
        """
        while (message := self._deframer.next()) is not None:
            if self.established:
                yield message
            else:
                self._accept(message if isinstance(message, bytes) else message.joined())

    @property
    def unread(self) -> bool:
        """There may be more messages: they are to be asked for when others have had their turn."""
        return self._deframer.unread

    @property
    def held(self) -> int:
        """Octets of a message that is half there."""
        return self._deframer.held

    def take_offered(self) -> frozenset[str]:
        """What the client's hello announced; told once, a session does not keep it."""
        offered, self._offered = self._offered, frozenset()
        return offered

    def drop(self) -> None:
        """Forget a message that is half there: nothing more is taken from this client."""
        self._deframer.drop()

    def send(self, message: Sequence[bytes]) -> Sequence[bytes]:
        """A reply or a notification, given in parts, as it goes on the stream."""
        return frame_parts(message, self._reply_framing)

    def _accept(self, message: bytes) -> None:
        capabilities = _read_hello(message)
        if BASE_1_1 in capabilities:
            agreed = Framing.CHUNKED
        elif BASE_1_0 in capabilities:
            agreed = Framing.END_OF_MESSAGE
        else:
            raise ProtocolError("bad-hello", "the client's hello has neither base:1.0 nor base:1.1")
        self._offered = frozenset(capabilities)
        self._reply_framing = self._deframer.framing = agreed
        self.established = True
        self.limit_messages(self._message_max)


def _read_hello(message: bytes) -> set[str]:
    root = parse(message)
    if root.tag != f"{{{NETCONF_NS}}}hello":
        name = etree.QName(root)
        if name.localname == "hello":
            text = f'the client\'s <hello> is in namespace "{name.namespace or ""}": it must be in "{NETCONF_NS}"'
            raise ProtocolError("bad-hello", text)
        raise ProtocolError("bad-hello", f"the first message is <{name.localname}>, not <hello>")
    if root.find(f"{{{NETCONF_NS}}}session-id") is not None:
        raise ProtocolError("bad-hello", "a client's hello has no session-id (RFC 6241 8.1)")
    listed = root.iterfind(f"{{{NETCONF_NS}}}capabilities/{{{NETCONF_NS}}}capability")
    return {(capability.text or "").strip() for capability in listed}
