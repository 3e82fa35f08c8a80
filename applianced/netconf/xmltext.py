"""XML from strangers, read without the parts of XML that hurt; and text put into XML.

No document type, so no entities; no network; depth and text sizes as libxml2 limits them (256 levels, 10 MB); as many
elements and attributes as memory has room for: each takes some hundred octets, where it had four in the message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape as _escape
from itertools import dropwhile

from lxml import etree

from applianced.courtesy import unhurried
from applianced.datastore.freeing import free_xml
from applianced.errors import ProtocolError
from applianced.netconf.framing import LongMessage, Message

Element = etree._Element
_REMEDY = "mend it there, end every element, and write & and < in text as &amp; and &lt;"
NODES_MAX = 2_000_000
"""Elements and attributes of one message; a configuration of 300,000 applications has 1,200,000."""
MANY_NODES = 2_000
"""So many are freed in 50 microseconds, which keeps every other thread waiting; more are freed in pieces."""
_BLANKS = b" \t\r\n"
_PROLOG_DOCTYPE = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:\s|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.DOTALL)


def parse(message: Message) -> Element:
    """The document's root. Raises ProtocolError "malformed-xml", "too-many-nodes"."""
    try:
        return _parsed(message)
    except ProtocolError as error:
        fault = error
    try:
        # Whoever handles the error would hold what had been read.
        raise fault.with_traceback(None)
    finally:
        del fault


def _parsed(message: Message) -> Element:
    if isinstance(message, LongMessage):
        if not _may_have_doctype(message.pieces):
            return _read(message.pieces)
        message = message.joined()
    if _PROLOG_DOCTYPE.match(message.lstrip(_BLANKS)):
        raise ProtocolError("malformed-xml", "a document type is not accepted: send the message without DOCTYPE")
    return _read([message])


def _read(pieces: Sequence[bytes]) -> Element:
    nodes = _nodes(pieces, NODES_MAX)
    if nodes > NODES_MAX:
        message = f"a message may have {NODES_MAX} elements and attributes: send it in parts"
        raise ProtocolError("too-many-nodes", message)
    try:
        if nodes > MANY_NODES:
            return _read_many(_beginning(pieces))
        if len(pieces) == 1:
            return etree.fromstring(pieces[0].lstrip(_BLANKS), _parser())
        parser = _parser()
        for piece in unhurried(_beginning(pieces), 1):
            parser.feed(piece)
        return parser.close()
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _malformed(str(error)) from None


def _malformed(why: str) -> ProtocolError:
    return ProtocolError("malformed-xml", f"the message is not well-formed XML: {why}; {_REMEDY}")


def _beginning(pieces: Iterable[bytes]) -> Iterable[bytes]:
    """Clients begin their messages with an empty line, which XML does not allow before its declaration."""
    rest = dropwhile(lambda piece: not piece.strip(_BLANKS), pieces)
    yield next(rest, b"").lstrip(_BLANKS)
    yield from rest


def _read_many(pieces: Iterable[bytes]) -> Element:
    """What was read before a fault is kept, as only so it can be freed in pieces. Raises ProtocolError,
    XMLSyntaxError."""
    parser = _parser(recover=True)
    for piece in unhurried(pieces, 1):
        parser.feed(piece)
        if parser.feed_error_log:
            break
    root = parser.close()
    for fault in parser.feed_error_log.filter_from_errors():
        # Nothing is left of what does not begin with an element.
        if root is not None:
            free_xml(root)
        raise _malformed(f"{fault.message}, line {fault.line}, column {fault.column}")
    return root


def _parser(*, recover: bool = False) -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",
        recover=recover,
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _may_have_doctype(pieces: Sequence[bytes]) -> bool:
    mark, before = b"<!DOCTYPE", b""
    for piece in unhurried(pieces, 1):
        if mark in piece or mark in before + piece[: len(mark)]:
            return True
        before = (before + piece[-len(mark) :])[-len(mark) :]
    return False


def let_go(message: LongMessage, tree: list[Element]) -> None:
    """Be done with the root that was read of a message, the one in the list, which then is empty. Takes long, and lets
    others run, when it has many nodes: all of it is freed here, if nobody else holds any of it."""
    root = tree.pop()
    if _nodes(message.pieces, MANY_NODES) > MANY_NODES:
        free_xml(root)


def _nodes(pieces: Sequence[bytes], enough: int) -> int:
    """No fewer than the elements and attributes there are, or more than enough; by what ends the ones and begins the
    others.

    Piece by piece, and no further than need be: counting keeps every other thread waiting.
    """
    if (octets := sum(map(len, pieces))) <= min(MANY_NODES, NODES_MAX):
        return octets
    found = 0
    for piece in unhurried(pieces, 1):
        found += sum(map(piece.count, (b"</", b"/>", b'="', b"='")))
        if found > enough:
            break
    return found


def escape(text: str) -> str:
    """Text for element content; characters that XML 1.0 cannot hold become "?"."""
    return _escape(_UNPRINTABLE.sub("?", text), quote=False)


def escape_attribute(text: str) -> str:
    """Text for an attribute in double quotes."""
    return escape(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;").replace("\r", "&#13;")


_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
