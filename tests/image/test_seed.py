"""The first boot: a seed that comes late, is refused, and is mended; what it says of cards, addresses and the log."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
import yaml  # type: ignore[import-untyped]

from applianced.tools.namespaces import IPV4
from applianced.tools.vm.__main__ import seed_files
from applianced.tools.vm.qemu import speaks
from tests.image.collector import Authority, Collector
from tests.image.conftest import opened_lab
from tests.image.hotplug import plug_in, pull_out, slots
from tests.image.lab import BOOTING_S, Lab, Wanted
from tests.image.seeds import fat_seed, iso_seed
from tests.support.appliance import SECURITY_ELEMENT
from tests.support.sockets import connect_in, listen_in
from tests.support.until import until

FIRST, SECOND = "slot1", "slot2"
WANTED = Wanted(
    seeded=False,
    swapped=True,
    options=slots(FIRST, SECOND),
)
WAITING_S = 300
TCP, TLS, STRANGER = 1601, 6514, 6515
LOGGED = """
<policies><policy><from-zone-name>trust</from-zone-name><to-zone-name>untrust</to-zone-name>
  <policy><name>permit-all</name><then><log><session-init/></log></then></policy></policy></policies>
<log><stream><name>own</name><format>sd-syslog</format><host><ipaddr>127.0.0.1</ipaddr><port>514</port></host></stream></log>
"""


@pytest.fixture(scope="module")
def late(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A machine that was powered on without a seed."""
    with opened_lab(request.module) as made:
        made.start()
        yield made


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def collectors(late: Lab, authority: Authority) -> Iterator[dict[int, Collector]]:
    """By port: over TCP, over TLS, and one whose certificate is another's."""
    contexts = {TCP: None, TLS: authority.context(IPV4.server), STRANGER: authority.context("another.example")}
    made = {port: Collector(late.topology.server, IPV4.server, port, tls) for port, tls in contexts.items()}
    yield made
    for each in made.values():
        each.close()


def public_key(lab: Lab) -> str:
    return lab.machine.key.with_name("admin.pub").read_text().strip()


def network(*cards: tuple[str, str]) -> str:
    """A network-config that gives cards, by their addresses, names and DHCP."""
    ethernets = {
        f"card{number}": {"match": {"macaddress": address}, "set-name": name, "dhcp4": True}
        for number, (address, name) in enumerate(cards)
    }
    return str(yaml.safe_dump({"version": 2, "ethernets": ethernets}))


def good_seed(lab: Lab, authority: Authority) -> dict[str, str]:
    """But for its configuration, which has an unknown leaf; the cards get their names by their addresses."""
    to = f"{IPV4.server}:{{}}"
    user = {
        "hostname": "seeded",
        "ssh_authorized_keys": [public_key(lab)],
        "applianced": {
            "configuration": {"applianced-system:system": {"host-name": "never", "no-such-leaf": 1}},
            "log": [
                {"to": "tcp://" + to.format(TCP)},
                {"to": "tls://" + to.format(TLS), "ca": authority.certificate},
                {"to": "tls://" + to.format(STRANGER), "ca": authority.certificate},
            ],
        },
    }
    first, second, third = (card.mac for card in lab.machine.facts.cards)
    cards = {
        "a": {"match": {"macaddress": first}, "set-name": "management", "dhcp4": True},
        "b": {"match": {"macaddress": second}, "set-name": "outside", "addresses": [f"{IPV4.public}/24"]},
        "c": {"match": {"macaddress": third}, "set-name": "inside", "addresses": [f"{IPV4.lan}/24"]},
    }
    return {
        "meta-data": "instance-id: late\n",
        "user-data": f"#cloud-config\n{yaml.safe_dump(user)}",
        "network-config": yaml.safe_dump({"version": 2, "ethernets": cards}),
    }


def shows(lab: Lab, *texts: str) -> None:
    """Wait until the console has shown them, with whatever blanks between their words."""

    def shown() -> bool:
        words = " ".join(lab.console().split())
        return all(text in words for text in texts)

    until(shown, WAITING_S, what=f"the console shows {texts}")


def test_a_seed_that_is_there_and_cannot_be_used_leaves_management_stopped(request: pytest.FixtureRequest) -> None:
    """It was loading itself meanwhile."""
    with opened_lab(request.module) as lab:
        lab.start([lab.machine.make_seed({"user-data": "no cloud-config\n"})])
        shows(lab, "the seed cannot be used: user-data")
        lab.types("\r")
        shows(lab, "applianced-dataplane.service loaded active running")
        assert "applianced.service" not in lab.console(), "neither starting nor failed"
        assert "NETCONF answers" not in lab.console()


def test_without_a_seed_the_machine_waits(late: Lab) -> None:
    shows(late, "Waiting for a seed: attach a disk labelled cidata")
    assert not speaks(late.port)


def test_a_seed_that_cannot_be_used_is_refused_in_words(late: Lab) -> None:
    wrong = {"user-data": "#!/bin/sh\necho I am no cloud-config\n"}
    plug_in(late.machine, iso_seed(late.directory, "wrong", wrong), FIRST)
    shows(late, "the seed cannot be used: user-data: begins with '#!/bin/sh'; must begin with the line #cloud-config")
    assert not speaks(late.port)
    assert "NETCONF answers" not in late.console()


def test_a_card_that_is_not_there_is_named(late: Lab) -> None:
    """It was to be management: NETCONF would answer, at no address."""
    mistyped = {**seed_files(public_key(late)), "network-config": network(("52:54:00:00:00:99", "management"))}
    plug_in(late.machine, iso_seed(late.directory, "mistyped", mistyped), SECOND)
    shows(late, "the seed cannot be used: network-config: card0: match: no card has the address 52:54:00:00:00:99")
    pull_out(late.machine, SECOND)


def test_a_refused_configuration_without_a_key_makes_way_for_another_seed(late: Lab) -> None:
    """It is read although the first one is still there. Nobody could log in to the image's own configuration."""
    user = {"applianced": {"configuration": {"applianced-system:system": {"no-such-place": 1}}}}
    keyless = {"user-data": f"#cloud-config\n{yaml.safe_dump(user)}"}
    plug_in(late.machine, iso_seed(late.directory, "keyless", keyless), SECOND)
    shows(late, "it has no key for the image's own: attach another seed", "no-such-place", "Waiting for a seed")
    assert not speaks(late.port)


def test_a_configuration_that_nobody_could_reach_makes_way_for_another_seed(late: Lab) -> None:
    """Nor could anybody reach the image's own: the card for it has another name by then."""
    first, *_ = (card.mac for card in late.machine.facts.cards)
    user = {
        "ssh_authorized_keys": [public_key(late)],
        "applianced": {"configuration": {"applianced-system:system": {"host-name": "never"}}},
    }
    lonely = {"user-data": f"#cloud-config\n{yaml.safe_dump(user)}", "network-config": network((first, "mgmt0"))}
    pull_out(late.machine, SECOND)
    plug_in(late.machine, iso_seed(late.directory, "lonely", lonely), SECOND)
    shows(
        late,
        "cannot be reached, since network-config gives cards names, but none is called management",
        "NETCONF could be reached from nowhere",
    )
    assert not speaks(late.port)


def test_another_seed_takes_its_place(late: Lab, authority: Authority, collectors: dict[int, Collector]) -> None:
    """Its configuration is refused, which leaves the machine reachable all the same. The former one is still there."""
    pull_out(late.machine, FIRST)
    plug_in(late.machine, fat_seed(late.directory, "right", good_seed(late, authority)), FIRST)
    late.await_netconf(BOOTING_S)
    shows(late, "the configuration of the seed was refused, the image's own is in force", "no-such-leaf")
    assert late.host_name() == "seeded"
    late.name_it("mended")


def passes(lab: Lab) -> None:
    """A connection from inside to outside, which arrives with the outside address."""
    with (
        listen_in(lab.topology.server, IPV4.server, port=7) as listener,
        connect_in(lab.topology.client, IPV4.server, 7, source=IPV4.client),
    ):
        accepted, peer = listener.accept()
        accepted.close()
    assert peer[0] == IPV4.public


def test_cards_have_the_names_that_the_seed_gives_their_addresses(late: Lab) -> None:
    until(lambda: reaches(late), WAITING_S, what="the addresses are there")
    passes(late)


def reaches(lab: Lab) -> bool:
    return not lab.topology.run(lab.topology.client, ["ping", "-c1", "-W2", IPV4.server], check=False).returncode


def test_the_log_reaches_its_receivers(late: Lab, collectors: dict[int, Collector]) -> None:
    for each in (collectors[TCP], collectors[TLS]):
        until(partial(each.has, "applianced", "seeded"), WAITING_S, what=each.name)
        assert all(message.startswith("<") and ">1 " in message[:6] for message in each.messages)


def test_the_security_log_takes_the_same_way(late: Lab, collectors: dict[int, Collector]) -> None:
    with late.netconf() as session:
        session.push(SECURITY_ELEMENT.format(LOGGED))
    passes(late)
    for each in (collectors[TCP], collectors[TLS]):
        until(partial(each.has, "RT_FLOW_SESSION_CREATE", IPV4.client), WAITING_S, what=each.name)


def test_who_has_another_name_is_told_nothing(late: Lab, collectors: dict[int, Collector]) -> None:
    until(lambda: collectors[STRANGER].connections, WAITING_S)
    assert not collectors[STRANGER].messages


def test_return_on_the_console_shows_how_it_is(late: Lab) -> None:
    late.types("\r")
    shows(late, "applianced-dataplane.service", "loaded active running")


def test_all_of_it_outlives_a_shutdown(late: Lab, collectors: dict[int, Collector]) -> None:
    """The disk of the seed is gone; the initial file system gives the cards their names."""
    late.machine.shut_down()
    late.boot()
    assert late.host_name() == "mended"
    shows(late, "NETCONF answers")
    assert "was refused" not in late.console(), "somebody has committed since"
    until(lambda: reaches(late), WAITING_S)
    passes(late)
    for each in (collectors[TCP], collectors[TLS]):
        each.messages.clear()
        until(each.has, WAITING_S, what=each.name)
