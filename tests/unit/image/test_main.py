"""The command that reads a seed: which cards it names, and which seeds it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

import applianced.image.__main__ as image
from applianced.image.places import Places, write
from tests.unit.image.test_first_boot import CARD, KEY, RECIPE, put_cards

DISK = Path("/dev/seed")
Commands = list[tuple[str, ...]]


@pytest.fixture(name="places")
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    places = Places(tmp_path)
    write(places.first_default, (RECIPE / "tree/usr/share/applianced/first.json").read_bytes())
    monkeypatch.setattr(image, "Places", lambda: places)
    return places


@pytest.fixture(name="commands")
def _commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    """What was run, in order."""
    ran: Commands = []

    def run(*argv: str) -> str:
        ran.append(argv)
        return ""

    monkeypatch.setattr(image, "_run", run)
    return ran


def read(monkeypatch: pytest.MonkeyPatch, network: str = "") -> int:
    files = {"user-data": f"#cloud-config\nssh_authorized_keys: ['{KEY}']\n", "network-config": network}
    monkeypatch.setattr(image, "_files", lambda _: {name: text.encode() for name, text in files.items()})
    return image.main(["seed", "--device", str(DISK)])


def renamed(commands: Commands) -> list[tuple[str, str]]:
    return [(argv[3], argv[5]) for argv in commands if argv[:3] == ("ip", "link", "set") and argv[4] == "name"]


def test_a_card_that_is_not_there_names_none(
    places: Places, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_cards(places, management="52:54:00:ab:00:02")
    assert read(monkeypatch, CARD.format("set-name: management, dhcp4: true")) == 1
    assert "no card has the address 52:54:00:ab:00:01, but 52:54:00:ab:00:02" in places.problem.read_text()
    assert not renamed(commands)
    assert not places.seeded.exists()
    assert not places.interfaces.exists()


def test_without_names_in_the_seed_nothing_is_done_to_the_cards(
    places: Places, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was attached since the boot has a name that does not follow from its place."""
    put_cards(places, inside="52:54:00:ab:00:02", eth0="52:54:00:ab:00:01")
    assert read(monkeypatch) == 0
    assert [argv for argv in commands if argv[0] == "systemctl"][-1][-1] == "applianced.service"
    assert not renamed(commands)
    assert ("systemctl", "--no-block", "restart", "systemd-networkd.service") not in commands


def test_names_and_addresses_of_a_seed_that_was_given_up_are_not_kept(
    places: Places, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_cards(places, mgmt0="52:54:00:ab:00:01", management="52:54:00:ab:00:02")
    write(places.seed_refused, b"digest")
    assert read(monkeypatch) == 0
    assert dict(renamed(commands)[-2:]) == {"renaming0": "management", "renaming1": "inside"}
    assert ("systemctl", "--no-block", "restart", "systemd-networkd.service") in commands
