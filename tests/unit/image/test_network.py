"""Network configuration as files of systemd-networkd."""

from __future__ import annotations

from typing import Any

import pytest

from applianced.image.network import read_network

COMMON = "[Network]\nKeepConfiguration=static\nLLMNR=no\nMulticastDNS=no\n"


def one(**ethernet: Any) -> str:
    return read_network({"version": 2, "ethernets": {"management": ethernet}}).files["10-management.network"]


def test_everything() -> None:
    text = one(
        mtu=1400,
        dhcp6=True,
        addresses=["192.0.2.1/24", "2001:db8::1/64"],
        nameservers={"addresses": ["192.0.2.53"]},
        gateway4="192.0.2.254",
        gateway6="2001:db8::ff",
        routes=[
            {"to": "198.51.100.9/24", "via": "192.0.2.9", "metric": 5},
            {"to": "default", "via": "2001:db8::fe"},
            {"to": "default"},
        ],
    )
    assert text == (
        "[Match]\nName=management\n[Link]\nMTUBytes=1400\n" + COMMON + "DHCP=ipv6\nIPv6AcceptRA=yes\n"
        "Address=192.0.2.1/24\nAddress=2001:db8::1/64\nDNS=192.0.2.53\nGateway=192.0.2.254\nGateway=2001:db8::ff\n"
        "[Route]\nDestination=198.51.100.0/24\nMetric=5\nGateway=192.0.2.9\n"
        "[Route]\nDestination=::/0\nGateway=2001:db8::fe\n[Route]\nDestination=0.0.0.0/0\n"
    )


@pytest.mark.parametrize(
    ("ethernet", "dhcp"),
    [({"dhcp4": True, "dhcp6": True}, "yes"), ({"dhcp4": True}, "ipv4"), ({}, "no")],
)
def test_dhcp(ethernet: dict[str, Any], dhcp: str) -> None:
    assert f"\nDHCP={dhcp}\n" in one(**ethernet)


def test_nothing_makes_no_files() -> None:
    assert read_network({}) == ({}, {})
    assert read_network({"version": 2}) == ({}, {})
    assert list(read_network({"version": 2, "ethernets": {"inside": None}}).files) == ["10-inside.network"]


def test_a_card_is_found_by_its_address() -> None:
    text = one(match={"macaddress": "52:54:00:AB:00:01"})
    assert text.startswith("[Match]\nMACAddress=52:54:00:ab:00:01\n[Network]")


def test_a_card_gets_a_name() -> None:
    match = {"macaddress": "52:54:00:AB:00:01"}
    files, names = read_network({"version": 2, "ethernets": {"nic0": {"match": match, "set-name": "inside"}}})
    assert names == {"52:54:00:ab:00:01": "inside"}
    assert files["10-inside.network"].startswith("[Match]\nName=inside\n[Network]")


@pytest.mark.parametrize(
    ("entry", "named"),
    [("outside", False), ("eth3", False), ("eth12", False), ("eth0", True), ("one", True)],
)
def test_a_card_that_may_be_there(entry: str, named: bool) -> None:
    """By the order of the cards, and beside those that get a name by their address: the kernel's own, or that name."""
    match = {"match": {"macaddress": "52:54:00:ab:00:01"}, "set-name": "one"}
    others = {"nic": match} if named and entry != "one" else {}
    ethernets = {**others, entry: match if entry == "one" else {}}
    assert f"10-{entry}.network" in read_network({"version": 2, "ethernets": ethernets}).files


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"version": 1}, "version 1: only version 2 is read"),
        ({"version": 2, "bonds": {}}, "bonds: only ethernets are read"),
        ({"version": 2, "ethernets": []}, ""),
        ({"version": 2, "ethernets": ["a"]}, "must be a mapping of interfaces"),
        ({"version": 2, "ethernets": {"../a": {}}}, "'../a' is no name of an interface"),
        ({"version": 2, "ethernets": {"a": [1]}}, "a: must be a mapping"),
        ({"version": 2, "ethernets": {"b": {}, "c": {"set-name": "b"}}}, "c: another entry is for b, too"),
        ({"version": 2, "ethernets": {"managment": {}}}, "managment: no card has that name, but management, inside"),
        ({"version": 2, "ethernets": {"eth0": {}}}, "eth0: no card has that name"),
        ({"version": 2, 1: "a", "x": "b"}, "1: only ethernets are read"),
        ("eth0", "must be a mapping with version and ethernets"),
        ([1], "must be a mapping with version and ethernets"),
    ],
)
def test_what_is_not_read_is_said(network: Any, message: str) -> None:
    if not message:
        assert read_network(network) == ({}, {})
        return
    with pytest.raises(ValueError, match=message):
        read_network(network)


@pytest.mark.parametrize(
    ("ethernet", "message"),
    [
        ({"wakeonlan": True}, "management: wakeonlan: is not supported"),
        ({"dhcp4": "no"}, "management: dhcp4 'no': must be true or false, without quotes"),
        ({"addresses": ["fe80::1%a\nDHCP=yes/64"]}, "without % and a name"),
        ({"routes": [{"to": "default", "metric": float("inf")}]}, "route to 0.0.0.0/0"),
        ({"mtu": 10}, "mtu 10: must be 68 to 65535"),
        ({"mtu": "big"}, "mtu 'big': must be"),
        ({"addresses": "192.0.2.1/24"}, "addresses: must be a list"),
        ({"addresses": ["192.0.2.1"]}, "needs a prefix length"),
        ({"addresses": ["300.0.2.1/24"]}, "management: '300.0.2.1/24'"),
        ({"nameservers": ["192.0.2.1"]}, "nameservers: must be a mapping"),
        ({"gateway4": "a\nb"}, "is no address"),
        ({"gateway4": "1.2.3"}, "does not appear to be"),
        ({"routes": [{"via": "192.0.2.1"}]}, "each needs 'to'"),
        ({"routes": ["default"]}, "each needs 'to'"),
        ({"routes": [{"to": "a"}]}, "route to a"),
        ({"routes": [{"to": "default", "metric": "x"}]}, "route to 0.0.0.0/0"),
        ({"set-name": "../a"}, "'../a' is no name of an interface"),
        ({"match": {"name": "en*"}}, "only macaddress is supported"),
    ],
)
def test_mistakes_are_named(ethernet: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        one(**ethernet)
