# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.
"""What each resource module configures: see resource.py."""

from __future__ import annotations

from ansible_collections.applianced.appliance.plugins.module_utils.resource import Part, Resource

RESOURCES = {
    "alg": Resource(
        "alg",
        (Part("", ("security", "alg"), without=("policies",)),),
    ),
    "alg_policy": Resource(
        "alg_policy",
        (Part("", ("security", "alg", "policies", "policy")),),
    ),
    "applications": Resource(
        "applications",
        (Part("", ("applications", "application")),),
    ),
    "application_sets": Resource(
        "application_sets",
        (Part("", ("applications", "application-set")),),
    ),
    "zones": Resource(
        "zones",
        (Part("", ("security", "zones")),),
    ),
    "address_book": Resource(
        "address_book",
        (Part("", ("security", "address-book")),),
    ),
    "policies": Resource(
        "policies",
        (Part("", ("security", "policies")),),
    ),
    "nat_source": Resource(
        "nat_source",
        (Part("", ("security", "nat", "source")),),
    ),
    "nat_static": Resource(
        "nat_static",
        (Part("", ("security", "nat", "static")),),
    ),
    "nat_destination": Resource(
        "nat_destination",
        (Part("", ("security", "nat", "destination")),),
    ),
    "system": Resource(
        "system",
        (Part("", ("system",), without=("login",)),),
    ),
    "users_roles": Resource(
        "users_roles",
        (
            Part("login", ("system", "login")),
            Part("nacm", ("nacm",)),
        ),
    ),
}
