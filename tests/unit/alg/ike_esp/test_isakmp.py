"""Headers of IKE, whatever comes: a header, or the name of what is wrong with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.alg.ike_esp.events import VIOLATIONS
from applianced.alg.ike_esp.isakmp import AUTH, CREATE_CHILD_SA, MAIN, QUICK, SA_INIT, Header, is_nat_traversal, parse
from applianced.errors import ProtocolError
from tests.support.ike import ALICE, GATEWAY, NONE, message


def read(data: bytes) -> Header | str:
    """The header, or the name of what is wrong."""
    try:
        return parse(data)
    except ProtocolError as error:
        return error.event


@given(st.binary(max_size=80))
def test_any_octets(data: bytes) -> None:
    found = read(data)
    if isinstance(found, Header):
        assert found.initiator == data[:8]
        assert str(found).isprintable()
    else:
        assert found in VIOLATIONS
    is_nat_traversal(data)


@given(
    st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.sampled_from([NONE, GATEWAY])
)
def test_any_fields(versions: int, exchange: int, flags: int, payload: int, responder: bytes) -> None:
    data = message(ALICE, responder, exchange, versions=versions, flags=flags, payload=payload)
    found = read(data)
    if isinstance(found, Header):
        assert found.version in (1, 2)
        assert responder == GATEWAY or not found.negotiates
        assert is_nat_traversal(bytes(4) + data)
    else:
        assert found in VIOLATIONS


@pytest.mark.parametrize(
    ("exchange", "name", "negotiates", "rekeys"),
    [
        (MAIN, "main-mode", False, False),
        (QUICK, "quick-mode", True, False),
        (SA_INIT, "ike-sa-init", False, False),
        (AUTH, "ike-auth", True, False),
        (CREATE_CHILD_SA, "create-child-sa", True, True),
        (99, "exchange-99", False, False),
    ],
)
def test_what_an_exchange_is(exchange: int, name: str, negotiates: bool, rekeys: bool) -> None:
    header = parse(message(ALICE, GATEWAY, exchange))
    assert (header.name, header.negotiates, header.rekeys) == (name, negotiates, rekeys)


def test_a_keepalive_is_nat_traversal() -> None:
    assert is_nat_traversal(b"\xff")
    assert not is_nat_traversal(b"\xff\xff")
    assert not is_nat_traversal(bytes(40))
