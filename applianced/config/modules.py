"""The YANG modules that the datastore implements, with their features.

Modules that these only import (types, access-control extensions) are found on the search path by libyang itself.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from typing import NamedTuple


class Module(NamedTuple):
    """A module to implement: its name, the revision (None: the only one there is) and the features to switch on."""

    name: str
    revision: str | None = None
    features: tuple[str, ...] = ()


SEARCH_PATH = (".", "vendor")
"""Directories below `yang/` where modules are found."""

PROTOCOL = (
    Module("ietf-netconf", "2011-06-01", ("candidate", "confirmed-commit", "validate", "rollback-on-error", "xpath")),
    Module("ietf-netconf-with-defaults", "2011-06-01"),
    Module("ietf-netconf-monitoring", "2010-10-04"),
    Module("ietf-netconf-partial-lock", "2009-10-19"),
    Module("ietf-origin", "2018-02-14"),
    Module("ietf-netconf-nmda", "2019-01-07", ("origin", "with-defaults")),
    Module("ietf-netconf-private-candidate", "2026-02-03", ("private-candidate",)),
    Module("ietf-netconf-txid", "2025-08-01", ("last-modified",)),
    Module("ietf-nmda-compare", "2021-12-10"),
    Module("notifications", "2008-07-14"),
    Module("nc-notifications", "2008-07-14"),
    Module("ietf-netconf-notifications", "2012-02-06"),
)
"""What the management protocol itself speaks, whatever it configures."""

NACM = (Module("ietf-netconf-acm", "2018-02-14"), Module("applianced-access-deviations"))
"""Access control; it is in force wherever the first is."""

MODULES = (
    *PROTOCOL,
    *NACM,
    Module("iana-if-type", "2019-02-08"),
    Module("ietf-interfaces", "2018-02-20"),
    Module("ietf-ip", "2018-02-22"),
    Module("applianced-types"),
    Module("applianced-applications"),
    Module("applianced-security"),
    Module("applianced-nat"),
    Module("applianced-alg"),
    Module("applianced-alg-dns"),
    Module("applianced-alg-ftp"),
    Module("applianced-alg-ike-esp-nat"),
    Module("applianced-alg-policies"),
    Module("applianced-alg-sip"),
    Module("applianced-notifications"),
    Module("applianced-system"),
    Module("applianced-records"),
    Module("applianced-state"),
    Module("applianced-operations"),
    Module("applianced-history"),
    Module("applianced-conflict"),
    Module("applianced-deviations"),
)
"""In an order in which they load. A new ALG with settings of its own adds its module here."""
