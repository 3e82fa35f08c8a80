"""Every form, found and written again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.alg.ftp.announcements import (
    Announcement,
    find_eprt,
    find_epsv,
    find_lprt,
    find_lpsv,
    find_pasv,
    find_port,
)
from applianced.model.tuples import Endpoint

V4 = st.binary(min_size=4, max_size=4)
V6 = st.binary(min_size=16, max_size=16)
PORTS = st.integers(0, 65535)
OLD4 = b"1,2,3,4,5,6"
FORMS = [
    (find_port, b"PORT 1,2,3,4,5,6\r\n", V4),
    (find_pasv, b"227 Entering Passive Mode (1,2,3,4,5,6).\r\n", V4),
    (find_eprt, b"EPRT |1|1.2.3.4|5|\r\n", V4 | V6),
    (find_lprt, b"LPRT 4,4,1,2,3,4,2,5,6\r\n", V4 | V6),
    (find_lpsv, b"228 Entering Long Passive Mode (4,4,1,2,3,4,2,5,6)\r\n", V4 | V6),
]


@pytest.mark.parametrize(("find", "line", "addresses"), FORMS)
def test_encoded_is_found_again(find, line: bytes, addresses) -> None:
    old = find(line)
    assert old is not None

    @given(addresses, PORTS)
    def check(address: bytes, port: int) -> None:
        encoded = old.encode(Endpoint(address, port))
        assert encoded is not None
        found = find(line[: old.start] + encoded + line[old.end :])
        assert (found.address, found.port) == (address, port)

    check()


@given(PORTS)
def test_epsv_is_found_again(port: int) -> None:
    line = b"229 ok (|||1|)\r\n"
    old = find_epsv(line)
    assert old is not None
    encoded = old.encode(Endpoint(b"\0" * 16, port))
    assert encoded is not None
    assert find_epsv(line[: old.start] + encoded + line[old.end :])[:2] == (b"", port)


def test_short_form_has_no_ipv6() -> None:
    found = find_port(b"PORT " + OLD4 + b"\r\n")
    assert found is not None
    assert found.encode(Endpoint(b"\0" * 16, 1)) is None


@given(st.binary(max_size=200))
def test_any_octets_are_found_or_not(octets: bytes) -> None:
    for find in (find_port, find_eprt, find_lprt, find_pasv, find_epsv, find_lpsv):
        for line in (octets, b"PORT " + octets + b"\r\n", b"227 (" + octets + b")\r\n"):
            found = find(line)
            assert found is None or (isinstance(found, Announcement) and 0 <= found.port < 65536)


@given(st.text(st.sampled_from("0123456789,|.: ()"), max_size=60))
def test_likely_octets_are_found_or_not(text: str) -> None:
    octets = text.encode()
    for find in (find_port, find_eprt, find_lprt, find_pasv, find_epsv, find_lpsv):
        for line in (b"PORT " + octets + b"\r\n", b"227 " + octets + b"\r\n"):
            found = find(line)
            assert found is None or len(found.address) in (0, 4, 16)
