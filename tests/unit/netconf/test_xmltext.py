"""XML from strangers."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from applianced.datastore.freeing import free_xml
from applianced.errors import ProtocolError
from applianced.netconf import xmltext
from applianced.netconf.framing import LongMessage, Message
from applianced.netconf.xmltext import escape, escape_attribute, parse


def outcome(message: Message) -> str:
    """What comes of reading a message: its content, or what it costs."""
    try:
        return etree.tostring(parse(message), encoding="unicode")
    except ProtocolError as error:
        return error.event


@pytest.mark.parametrize("cut", [None, 1, 7])
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
def test_refused(text: bytes, cut: int | None) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse(LongMessage([text[at : at + cut] for at in range(0, len(text), cut)]) if cut else text)
    assert caught.value.event == "malformed-xml"


def test_comments_and_instructions_vanish() -> None:
    assert etree.tostring(parse(b"<a><!-- x --><b/><?y z?></a>")) == b"<a><b/></a>"


def test_doctype_as_text_is_text() -> None:
    assert parse(b"<a><![CDATA[<!DOCTYPE]]></a>").text == "<!DOCTYPE"


@given(st.binary(max_size=200))
def test_only_protocol_errors(text: bytes) -> None:
    with suppress(ProtocolError):
        parse(text)


_MARKUP = st.sampled_from(
    [
        *("<a>", "</a>", "<b c='d'>", "</b>", "<e/>", " ", "\n", "text", "é", "&amp;", "<!-- x -->", "<?y z?>"),
        *("<![CDATA[<]]>", "<?xml version='1.0' encoding='utf-8'?>", "<!DOCTYPE a>", "&f;", "<", "]]>"),
    ]
)


@given(st.lists(_MARKUP, max_size=12).map("".join), st.lists(st.integers(0, 60), max_size=8), st.booleans())
def test_a_long_message_is_read_as_a_short_one(inner: str, cuts: list[int], whole: bool) -> None:
    text = (f"<r>{inner}</r>" if whole else inner).encode()
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    assert outcome(LongMessage([text[one:other] for one, other in pairwise(places)])) == outcome(text)


def test_elements_and_attributes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xmltext, "NODES_MAX", 9)
    fits = b"<r>" + b"<a b='c'/>" * 4 + b"</r>"
    assert outcome(fits) == outcome(LongMessage([fits[:10], fits[10:]])) != "too-many-nodes"
    for more in (b"<a/>", b"<a></a>", b'<a b="c"/>'):
        text = fits.replace(b"</r>", more + b"</r>")
        assert outcome(text) == outcome(LongMessage([text[:10], text[10:]])) == "too-many-nodes"


MANY = b"<b/>" * (xmltext.MANY_NODES + 1)


def pieces(text: bytes) -> LongMessage:
    return LongMessage([text[at : at + 65536] for at in range(0, len(text), 65536)])


@pytest.mark.parametrize(
    "rest",
    [
        *(b"", b"</x>", b"</a><a/>", b"\xff</a>", b"&e;</a>", b"<x:y/></a>", b"<c d='1' d='1'/></a>"),
        b"<c>" * 300 + b"</c>" * 300 + b"</a>",
    ],
)
def test_a_fault_among_many_elements_is_told_as_one_among_few(rest: bytes) -> None:
    said = []
    for inner in (b"", MANY):
        with pytest.raises(ProtocolError) as caught:
            parse(pieces(b"<a>" + inner + rest))
        assert caught.value.event == "malformed-xml"
        said.append(re.sub(r"column \d+( \(<string>, line 1\))?", "", str(caught.value)))
    assert said[0] == said[1]


def test_many_elements_that_do_not_begin() -> None:
    for text in (b"x" + MANY, MANY):
        with pytest.raises(ProtocolError, match="not well-formed"):
            parse(pieces(text))


def test_many_elements_are_read_whole_and_freed() -> None:
    root = parse(pieces(b" \n<a>" + MANY + b"<c>text<d/></c>tail</a>"))
    assert len(root) == xmltext.MANY_NODES + 2
    assert etree.tostring(root[-1]) == b"<c>text<d/></c>tail"
    xmltext.let_go(pieces(etree.tostring(root)), [root])
    assert len(root) == 0


@contextmanager
def gc_off() -> Iterator[None]:
    """What is in a circle stays."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


TREES = st.recursive(
    st.just("<a/>"), lambda inner: st.lists(inner, max_size=4).map(lambda each: f"<b>{''.join(each)}</b>")
)


@given(TREES)
def test_any_tree_is_freed(text: str) -> None:
    root = parse(text.encode())
    free_xml(root)
    assert len(root) == 0


def test_few_are_freed_in_one_go() -> None:
    message = pieces(b"<a><b>" + b"x" * 1_000_000 + b"</b></a>")
    root = parse(message)
    tree = [root]
    xmltext.let_go(message, tree)
    assert not tree
    assert len(root) == 1, "lxml frees it when nobody holds it"


def test_nothing_of_a_message_is_kept_by_its_fault() -> None:
    faults = []
    with gc_off():
        for message in (b"<a><b/>", pieces(b"<a>" + MANY)):
            try:
                parse(message)
            except ProtocolError as error:
                faults.append(weakref.ref(error))
        assert [fault() for fault in faults] == [None, None]


@given(st.text())
def test_escaped_text_is_well_formed(text: str) -> None:
    etree.fromstring(f'<a b="{escape_attribute(text)}">{escape(text)}</a>'.encode())


def test_empty_lines_before_the_declaration_are_nothing() -> None:
    assert parse(b'\r\n\n<?xml version="1.0" encoding="utf-8"?>\n<a/>').tag == "a"
