"""Hosts as text protocols write them."""

from __future__ import annotations

import re

import pytest

from applianced.alg.hosts import HOST, host_of, host_text, packed_address, quoted
from applianced.errors import ProtocolError
from applianced.model.tuples import packed


@pytest.mark.parametrize(
    "text", ["", "x", "1.2.3", "1.2.3.256", "01.2.3.4", "1:2", "fe80::1%eth0", ":::", "host.example"]
)
def test_what_is_no_address(text: str) -> None:
    assert packed_address(text.encode()) == b""


@pytest.mark.parametrize("text", ["192.0.2.1", "::", "2001:DB8::1", "::ffff:192.0.2.1"])
def test_addresses(text: str) -> None:
    assert packed_address(text.encode()) == packed(text)


def test_as_text() -> None:
    assert host_text(packed("192.0.2.1")) == b"192.0.2.1"
    assert host_text(packed("192.0.2.1"), 5060) == b"192.0.2.1:5060"
    assert host_text(packed("2001:db8::1"), 5060) == b"[2001:db8::1]:5060"
    assert host_text(packed("2001:db8::1")) == b"[2001:db8::1]"


@pytest.mark.parametrize(
    ("text", "name", "port"), [("a.b:5", "a.b", 5), ("a-b_c", "a-b_c", 0), ("[::1]", "::1", 0), ("[::1] : 5", "::1", 5)]
)
def test_a_host_in_its_place(text: str, name: str, port: int) -> None:
    data = b"<<" + text.encode()
    match = re.compile(HOST).match(data, 2)
    assert match is not None
    host = host_of(match, 1, "bad")
    assert (host.name, host.port, data[host.start : host.end]) == (name.encode(), port, text.encode())


def test_a_port_that_is_none() -> None:
    match = re.match(HOST, b"a:65536")
    assert match is not None
    with pytest.raises(ProtocolError) as caught:
        host_of(match, 1, "bad")
    assert caught.value.event == "bad"


def test_quoted() -> None:
    assert quoted(b"a\r\n\xff" + b"b" * 90) == "a???" + "b" * 76
