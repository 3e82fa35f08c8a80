"""Other endpoints in a session description: replacements for its octets.

Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from applianced.alg.sdp.description import Description
from applianced.model.tuples import Endpoint

Replacement = tuple[int, int, bytes]
"""start, end, text: what stands in place of the octets between two offsets."""


class Place(NamedTuple):
    """Where a medium is to be taken. rtcp: None: the port above, whatever the description said."""

    endpoint: Endpoint
    rtcp: Endpoint | None = None


def placed(description: Description, places: Mapping[int, Place]) -> list[Replacement]:
    """Media, by their place in the list, at other endpoints: m=, c= (the session's where all that rest on it move to
    one address, else of their own), a=rtcp (added where the RTCP port is not the next one), a=path."""
    raise NotImplementedError


def with_origin(description: Description, address: bytes) -> list[Replacement]:
    """Another address in o=."""
    raise NotImplementedError


def with_session_address(description: Description, address: bytes) -> list[Replacement]:
    """Another address in the session's c=, where no medium rests on it."""
    raise NotImplementedError


def without_ice(description: Description) -> list[Replacement]:
    """No candidates, and no line of ICE: the parties use what m= and c= say."""
    raise NotImplementedError


def with_candidates(description: Description, translate: Callable[[Endpoint], Endpoint | None]) -> list[Replacement]:
    """Candidates and their related addresses, each as `translate` has it: equal leaves it, None takes the line out (a
    related address becomes 0.0.0.0 port 9, RFC 8839 5.1). Candidates with a name are left."""
    raise NotImplementedError
