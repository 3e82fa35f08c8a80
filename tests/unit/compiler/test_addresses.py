"""Networks to matches per family."""

from __future__ import annotations

from ipaddress import ip_network

from applianced.compiler.addresses import NFPROTO, merged, of_family, variants
from applianced.compiler.ruleset import Match
from applianced.config.schema import Network


def nets(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


def test_any_needs_no_match() -> None:
    assert variants((), ()) == ((),)
    assert variants(nets("0.0.0.0/0", "::/0"), ()) == ((),)


def test_one_family_is_named() -> None:
    assert variants(nets("0.0.0.0/0"), ()) == ((NFPROTO[4],),)
    assert variants(nets("::/0"), nets("2001:db8::1/128")) == ((Match("ip6 daddr", ("2001:db8::1",)),),)


def test_families_that_do_not_meet_match_nothing() -> None:
    assert variants(nets("10.0.0.0/8"), nets("2001:db8::/32")) == ()


def test_exclusion_leaves_the_other_family() -> None:
    excluded = variants(nets("10.0.0.0/8"), (), source_excluded=True)
    assert excluded == ((Match("ip saddr", ("10.0.0.0/8",), negated=True),), (NFPROTO[6],))


def test_excluding_any_leaves_nothing() -> None:
    assert variants((), (), destination_excluded=True) == ()
    assert of_family(4, nets("0.0.0.0/0"), (), True) is None


def test_prefixes_are_merged_and_sorted() -> None:
    assert merged(4, nets("10.0.1.0/24", "10.0.0.0/24", "10.0.0.7/32", "::/0")) == list(nets("10.0.0.0/23"))
    assert merged(6, nets("10.0.1.0/24", "fd00::/65", "fd00::8000:0:0:0/65")) == list(nets("fd00::/64"))
