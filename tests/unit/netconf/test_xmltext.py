"""XML from strangers."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from applianced.errors import ProtocolError
from applianced.netconf.xmltext import escape, escape_attribute, parse


@pytest.mark.parametrize(
    "text",
    [
        b'<!DOCTYPE a [<!ENTITY b "cc">]><a>&b;</a>',
        b'<?xml version="1.0"?><!-- x --> <!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"<a>&undefined;</a>",
        b"<a><b></a>",
        b"no xml",
        b"",
        b"<a>\xff</a>",
        b"<a/><a/>",
        b"<a>" * 5000 + b"</a>" * 5000,
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"),
    ],
)
def test_refused(text: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse(text)
    assert caught.value.event == "malformed-xml"


def test_comments_and_instructions_vanish() -> None:
    assert etree.tostring(parse(b"<a><!-- x --><b/><?y z?></a>")) == b"<a><b/></a>"


def test_doctype_as_text_is_text() -> None:
    assert parse(b"<a><![CDATA[<!DOCTYPE]]></a>").text == "<!DOCTYPE"


@given(st.binary(max_size=200))
def test_only_protocol_errors(text: bytes) -> None:
    with suppress(ProtocolError):
        parse(text)


@given(st.text())
def test_escaped_text_is_well_formed(text: str) -> None:
    etree.fromstring(f'<a b="{escape_attribute(text)}">{escape(text)}</a>'.encode())


def test_empty_lines_before_the_declaration_are_nothing() -> None:
    assert parse(b'\r\n\n<?xml version="1.0" encoding="utf-8"?>\n<a/>').tag == "a"
