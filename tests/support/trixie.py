"""Debian 13 in a directory: it has the strongSwan that Debian 12 lacks, whose ESP in user space can go without UDP.

Where it cannot be made, the test that needs it fails and says so.
"""

from __future__ import annotations

from pathlib import Path

from tests.support.debian import debian

PACKAGES = (
    "iproute2",
    "libcharon-extauth-plugins",
    "libcharon-extra-plugins",
    "strongswan-charon",
    "strongswan-swanctl",
)


def trixie() -> Path:
    """The root of the other system. Raises CommandError when it cannot be made."""
    return debian("trixie", "strongswan", PACKAGES)
