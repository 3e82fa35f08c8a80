"""What waits when there is too much to do, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.alg.sip.openings import begins

HEAD = "{} sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1\r\nFrom: <sip:a@example.com>;tag=1\r\n"


def request(method: str, to: str = "To: <sip:b@example.com>") -> bytes:
    return f"{HEAD.format(method)}{to}\r\nCall-ID: tag=1\r\n\r\n".encode()


@pytest.mark.parametrize("method", ["INVITE", "REGISTER", "OPTIONS", "SUBSCRIBE", "PUBLISH", "MESSAGE", "REFER"])
def test_requests_outside_dialogs(method: str) -> None:
    assert begins(request(method))


@pytest.mark.parametrize("method", ["ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "INFO", "NOTIFY", "invite", "INVITEE"])
def test_what_belongs_to_another_request(method: str) -> None:
    assert not begins(request(method))


@pytest.mark.parametrize(
    "to",
    [
        "To: <sip:b@example.com>;tag=x",
        "t:<sip:b@example.com>;x=y; tag = x",
        "TO :\t<sip:b@example.com;transport=udp>;TAG=",
    ],
)
def test_requests_of_dialogs(to: str) -> None:
    assert not begins(request("INVITE", to))


@pytest.mark.parametrize("data", [b"SIP/2.0 200 OK\r\n\r\n", b"", b" ", b"\r\n\r\n", b"INVITE", b"\x16\x03\x01"])
def test_what_is_no_request(data: bytes) -> None:
    assert not begins(data)


@given(st.binary(max_size=200))
def test_any_octets(data: bytes) -> None:
    assert begins(b"INVITE " + data) in (True, False)
    assert not begins(b"SIP/2.0 " + data)


def test_a_long_header_takes_no_long_time() -> None:
    assert begins(b"INVITE x SIP/2.0" + b"\nTo:" + b"; \t" * 20000 + b"\nt" * 20000)
