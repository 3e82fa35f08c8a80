"""What a seed leaves on the state partition."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from applianced.image.first_boot import (
    apply,
    give_up_configuration,
    give_up_seed,
    has_committed,
    let_management_start,
    takes_seeds_configuration,
)
from applianced.image.nocloud import SeedError, parse
from applianced.image.places import Places, write

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f admin@example"
RECIPE = Path(__file__).parents[3] / "vm-image"


@pytest.fixture(name="places")
def _places(tmp_path: Path) -> Places:
    places = Places(tmp_path)
    places.first_default.parent.mkdir(parents=True)
    places.first_default.write_bytes((RECIPE / "tree/usr/share/applianced/first.json").read_bytes())
    return places


def put_cards(places: Places, **addresses: str) -> None:
    """Network cards by name, in the order in which the kernel found them."""
    for number, (name, address) in enumerate(addresses.items(), start=2):
        card = places.network_cards / name
        (card / "device").mkdir(parents=True)
        (card / "ifindex").write_text(f"{number}\n")
        (card / "address").write_text(f"{address}\n")


def seed(places: Places, **files: str) -> None:
    user = files.get("user", f"ssh_authorized_keys: ['{KEY}']")
    rest = {name.replace("_", "-"): text.encode() for name, text in files.items() if name != "user"}
    apply(parse({"user-data": f"#cloud-config\n{user}\n".encode(), **rest}), places)


def test_a_key_alone_starts_the_image_s_own_configuration(places: Places) -> None:
    seed(places, meta_data="instance-id: i-7\nlocal-hostname: gw7\n")
    assert (places.state / "hostname").read_text() == "gw7\n"
    first = json.loads((places.first / "first.json").read_bytes())
    assert first["applianced-system:system"]["host-name"] == "gw7"
    assert (places.first / "admin.pub").read_text() == f"{KEY}\n"
    assert (places.state / "instance-id").read_text() == "i-7\n"
    assert not places.problem.read_text()
    assert not places.seeded.exists(), "its network cards have no names yet, for example"
    let_management_start(places)
    assert places.seeded.read_text() == (
        "--config /var/lib/image/first/first.json\n--admin-key /var/lib/image/first/admin.pub\n"
    )
    assert not takes_seeds_configuration(places)


def test_a_configuration_alone_starts_without_a_key(places: Places) -> None:
    seed(places, user="applianced: {configuration: '<config/>'}")
    assert (places.first / "first.xml").read_bytes() == b"<config/>"
    let_management_start(places)
    assert places.seeded.read_text() == "--config /var/lib/image/first/first.xml\n"
    assert takes_seeds_configuration(places)
    places.commits.mkdir(parents=True)
    (places.commits / "commit-1").touch()
    assert not takes_seeds_configuration(places), "commits count from now on"


def test_without_key_and_configuration_nothing_is_written(places: Places) -> None:
    with pytest.raises(SeedError, match="lets nobody log in"):
        seed(places, user="hostname: gw")
    assert not places.state.exists()


def test_a_refused_configuration_makes_way_for_the_image_s_own(places: Places) -> None:
    user = f"ssh_authorized_keys: ['{KEY}']\nhostname: gw7\napplianced: {{configuration: '<wrong/>'}}"
    seed(places, user=user)
    give_up_configuration(places, "no such element: wrong")
    assert [path.name for path in sorted(places.first.iterdir())] == ["admin.pub", "first.json", "refused.xml"]
    assert places.seeded.read_text().startswith("--config /var/lib/image/first/first.json\n--admin-key")
    assert b'"gw7"' in (places.first / "first.json").read_bytes()
    assert "no such element: wrong" in places.problem.read_text()
    assert not takes_seeds_configuration(places)


def test_a_refused_configuration_without_a_key_makes_way_for_another_seed(places: Places) -> None:
    seed(places, user="applianced: {configuration: '<wrong/>'}")
    write(places.seed_used, b"digest")
    let_management_start(places)
    give_up_configuration(places, "no such element: wrong")
    assert not places.seeded.exists(), "nobody could log in to the image's own"
    assert places.seed_refused.read_bytes() == b"digest"
    assert "attach another seed\nno such element: wrong" in places.problem.read_text()
    seed(places)
    let_management_start(places)
    assert [path.name for path in sorted(places.first.iterdir())] == ["admin.pub", "first.json"]
    assert not places.problem.read_text()


BAD = f"ssh_authorized_keys: ['{KEY}']\napplianced: {{configuration: '<wrong/>'}}"
CARD = "{{version: 2, ethernets: {{a: {{match: {{macaddress: '52:54:00:ab:00:01'}}, {}}}}}}}"


@pytest.mark.parametrize(
    ("network", "why"),
    [
        (CARD.format("set-name: mgmt0, dhcp4: true"), "gives cards names, but none is called management"),
        (CARD.format("set-name: management"), "gives management, where NETCONF answers, neither DHCP nor an address"),
        (CARD.format("mtu: 1400"), "gives management, where NETCONF answers, neither DHCP nor an address"),
        (CARD.format("set-name: management, dhcp4: true"), ""),
        (CARD.format("set-name: management, addresses: [192.0.2.1/24]"), ""),
        ("{version: 2, ethernets: {inside: {mtu: 1400}}}", ""),
    ],
)
def test_a_refused_configuration_without_which_nobody_reaches_management(
    places: Places, network: str, why: str
) -> None:
    """Its addresses were in it, or it was to be reached by a card of another name."""
    put_cards(places, management="52:54:00:ab:00:01", inside="52:54:00:ab:00:02")
    seed(places, user=BAD, network_config=network)
    write(places.seed_used, b"digest")
    let_management_start(places)
    give_up_configuration(places, "no such element: wrong")
    assert places.seeded.exists() is (not why)
    assert places.seed_refused.exists() is bool(why)
    problem = places.problem.read_text()
    assert ("the image's own is in force" in problem) is (not why)
    assert why in problem
    assert "no such element: wrong" in problem


def test_a_seed_with_which_management_never_starts_is_given_up(places: Places) -> None:
    seed(places)
    write(places.seed_used, b"digest")
    let_management_start(places)
    assert not has_committed(places)
    give_up_seed(places, "management does not start")
    assert places.problem.read_text() == "management does not start\n"
    assert places.seed_refused.read_bytes() == b"digest"
    assert not places.seeded.exists()


def test_what_management_starts_with_is_not_for_everybody(places: Places) -> None:
    seed(places)
    assert places.first.stat().st_mode & 0o777 == 0o750


def test_time_network_and_log(places: Places) -> None:
    user = f"""ssh_authorized_keys: ['{KEY}']
ntp: {{servers: [192.0.2.1, 192.0.2.2]}}
packages: [curl]
applianced: {{log: ['tcp://192.0.2.3:601', {{to: 'tls://log.example:6514', ca: '-----BEGIN CERTIFICATE-----'}},
  'tls://other.example:6514']}}"""
    seed(places, user=user, network_config="version: 2\nethernets: {inside: {addresses: [192.0.2.9/24]}}\n")
    assert (places.state / "timesyncd.d/seed.conf").read_text() == "[Time]\nNTP=192.0.2.1 192.0.2.2\n"
    assert not places.interfaces.read_text(), "their order names the cards"
    assert "Address=192.0.2.9/24" in (places.state / "network/10-inside.network").read_text()
    plain, pinned, trusted = (places.state / "rsyslog.d/seed.conf").read_text().splitlines()
    assert 'target="192.0.2.3" port="601"' in plain
    assert "StreamDriver" not in plain
    assert 'StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="log.example"' in pinned
    assert 'StreamDriver.CAFile="/var/lib/image/rsyslog.d/ca-1.pem"' in pinned
    assert (places.state / "rsyslog.d/ca-1.pem").exists()
    assert "ca-certificates.crt" in trusted
    assert places.problem.read_text() == "not used from the seed: user-data: packages\n"


@pytest.mark.parametrize(
    ("card", "admitted"), [("dhcp4: true", False), ("dhcp6: true", True), ("dhcp4: true, dhcp6: true", True)]
)
def test_answers_of_dhcpv6_come_in_where_it_is_asked(places: Places, card: str, admitted: bool) -> None:
    seed(places, network_config=f"version: 2\nethernets: {{management: {{{card}}}}}\n")
    first = json.loads((places.first / "first.json").read_bytes())
    zone = first["applianced-security:security"]["zones"]["functional-zone"]["management"]
    assert ({"name": "dhcpv6"} in zone["host-inbound-traffic"]["system-services"]) is admitted


def test_answers_of_dhcpv6_come_in_whatever_the_card_is_matched_by(places: Places) -> None:
    put_cards(places, management="52:54:00:ab:00:01")
    seed(places, network_config=CARD.format("dhcp6: true"))
    assert b'"dhcpv6"' in (places.first / "first.json").read_bytes()


def test_names_of_cards_are_left_to_the_initial_file_system(places: Places) -> None:
    card = "{match: {macaddress: '52:54:00:AB:00:01'}, set-name: management, dhcp4: true}"
    seed(places, network_config=f"version: 2\nethernets: {{nic0: {card}}}\n")
    assert places.interfaces.read_text() == "52:54:00:ab:00:01 management\n"
