"""XML from strangers, read without the parts of XML that hurt; and text put into XML.

No document type, so no entities; no network; depth and text sizes as libxml2 limits them (256 levels, 10 MB); as many
elements and attributes as memory has room for: each takes some hundred octets, where it had four in the message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import dropwhile, islice
from xml.sax.saxutils import escape as _escape

from lxml import etree

from applianced.errors import ProtocolError
from applianced.netconf.framing import LongMessage, Message

Element = etree._Element
_REMEDY = "mend it there, end every element, and write & and < in text as &amp; and &lt;"
NODES_MAX = 2_000_000
"""Elements and attributes of one message; a configuration of 300,000 applications has 1,200,000."""
_BLANKS = b" \t\r\n"
_PROLOG_DOCTYPE = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:\s|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.DOTALL)


def parse(message: Message) -> Element:
    """The document's root. Raises ProtocolError "malformed-xml", "too-many-nodes"."""
    if isinstance(message, LongMessage):
        if not _may_have_doctype(message.pieces):
            return _read(message.pieces)
        message = message.joined()
    if _PROLOG_DOCTYPE.match(message.lstrip(_BLANKS)):
        raise ProtocolError("malformed-xml", "a document type is not accepted: send the message without DOCTYPE")
    return _read([message])


def _read(pieces: Sequence[bytes]) -> Element:
    if sum(map(len, pieces)) > NODES_MAX:
        _require_few_nodes(pieces)
    parser = _parser()
    try:
        if len(pieces) == 1:
            # Clients begin their messages with an empty line, which XML does not allow before its declaration.
            return etree.fromstring(pieces[0].lstrip(_BLANKS), parser)
        rest = dropwhile(lambda piece: not piece.strip(_BLANKS), pieces)
        parser.feed(next(rest, b"").lstrip(_BLANKS))
        for piece in rest:
            parser.feed(piece)
        return parser.close()
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ProtocolError("malformed-xml", f"the message is not well-formed XML: {error}; {_REMEDY}") from None


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _may_have_doctype(pieces: Sequence[bytes]) -> bool:
    mark, before = b"<!DOCTYPE", b""
    for piece in pieces:
        if mark in piece or mark in before + piece[: len(mark)]:
            return True
        before = (before + piece[-len(mark) :])[-len(mark) :]
    return False


def _require_few_nodes(pieces: Sequence[bytes]) -> None:
    """By what ends elements and begins attributes. Piece by piece: counting keeps every other thread waiting."""
    found = 0
    for piece in pieces:
        found += sum(map(piece.count, (b"</", b"/>", b'="', b"='")))
        if found > NODES_MAX:
            message = f"a message may have {NODES_MAX} elements and attributes: send it in parts"
            raise ProtocolError("too-many-nodes", message)


def has_more_than(count: int, element: Element) -> bool:
    """Whether an element has more children. len() would count them all: a millisecond for each 30,000."""
    return next(islice(element, count, None), None) is not None


def escape(text: str) -> str:
    """Text for element content; characters that XML 1.0 cannot hold become "?"."""
    return _escape(_UNPRINTABLE.sub("?", text))


def escape_attribute(text: str) -> str:
    """Text for an attribute in double quotes."""
    return escape(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;").replace("\r", "&#13;")


_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
