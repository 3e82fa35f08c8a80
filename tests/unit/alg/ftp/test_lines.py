"""Verbs, refusals, quotes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.alg.ftp.lines import find_verb, quote, refused_reply


@pytest.mark.parametrize(
    ("line", "verb"),
    [
        (b"NOOP\r\n", b"NOOP"),
        (b"noop\n", b"noop"),
        (b"STOR a b\r\n", b"STOR"),
        (b"XSHA256 f\r\n", b"XSHA256"),
        (b"\xff\xf4\xff\xf2ABOR\r\n", b"ABOR"),
        (b"\xf2ABOR\r\n", b"ABOR"),
        (b"\xff\xfd\x06QUIT\r\n", b"QUIT"),
        (b"Host: x\r\n", None),
        (b" NOOP\r\n", None),
        (b"NOOP", None),
        (b"\xff\xffNOOP\r\n", None),
        (b"A" * 17 + b"\r\n", None),
    ],
)
def test_verb(line: bytes, verb: bytes | None) -> None:
    found = find_verb(line)
    assert (found[0] if found else None) == verb


@given(st.binary(max_size=80), st.sampled_from([b"\r\n", b"\n", b""]), st.booleans())
def test_a_refusal_keeps_length_and_end(text: bytes, end: bytes, alone: bool) -> None:
    line = b"227" + text.replace(b"\n", b"").replace(b"\r", b"") + end
    refused = refused_reply(line, alone=alone)
    assert len(refused) == len(line)
    assert refused.endswith(end)
    assert refused[:3] == (b"425" if alone else b"227")
    assert b"," not in refused


@given(st.binary(max_size=200))
def test_a_quote_is_printable_and_short(line: bytes) -> None:
    assert quote(line).isprintable() or quote(line) == ""
    assert len(quote(line)) <= 80
