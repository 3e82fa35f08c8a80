"""In which order endpoints are tried."""

from __future__ import annotations

from itertools import islice

import pytest

from applianced.config.access import CallHomeClient, Endpoint
from applianced.netconf.ssh.call_home import attempts

ENDPOINTS = tuple(Endpoint(name=name, address=name) for name in "abc")


@pytest.mark.parametrize(
    ("start_with", "last", "order"),
    [
        ("first-listed", "", "aabbccaa"),
        ("first-listed", "b", "aabbccaa"),
        ("last-connected", "", "aabbccaa"),
        ("last-connected", "b", "bbccaabb"),
        ("last-connected", "one that is no longer listed", "aabbccaa"),
        ("random-selection", "b", "ccaabbcc"),
    ],
)
def test_order_of_attempts(start_with: str, last: str, order: str) -> None:
    client = CallHomeClient(name="c", endpoints=ENDPOINTS, start_with=start_with, max_attempts=2)
    assert "".join(endpoint.name for endpoint in islice(attempts(client, last, lambda below: below - 1), 8)) == order
