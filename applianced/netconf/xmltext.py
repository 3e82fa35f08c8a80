"""XML from strangers, read without the parts of XML that hurt; and text put into XML.

No document type, so no entities; no network; depth and text sizes as libxml2 limits them (256 levels, 10 MB).
"""

from __future__ import annotations

import re
from xml.sax.saxutils import escape as _escape

from lxml import etree

from applianced.errors import ProtocolError

Element = etree._Element
_REMEDY = "mend it there, end every element, and write & and < in text as &amp; and &lt;"
_PROLOG_DOCTYPE = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:\s|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.DOTALL)


def parse(text: bytes) -> Element:
    """The document's root. Raises ProtocolError "malformed-xml"."""
    # Clients begin their messages with an empty line, which XML does not allow before its declaration.
    text = text.lstrip(b" \t\r\n")
    if _PROLOG_DOCTYPE.match(text):
        raise ProtocolError("malformed-xml", "a document type is not accepted: send the message without DOCTYPE")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ProtocolError("malformed-xml", f"the message is not well-formed XML: {error}; {_REMEDY}") from None


def escape(text: str) -> str:
    """Text for element content; characters that XML 1.0 cannot hold become "?"."""
    return _escape(_UNPRINTABLE.sub("?", text))


def escape_attribute(text: str) -> str:
    """Text for an attribute in double quotes."""
    return escape(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;").replace("\r", "&#13;")


_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
