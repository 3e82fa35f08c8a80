"""The first boot: a seed that comes late, is refused, and is mended; what it says of cards, addresses and the log."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from applianced.tools.namespaces import IPV4, CommandError, run
from applianced.tools.netconf_client import PREFIXES, SYSTEM
from applianced.tools.vm.disk import make_iso
from applianced.tools.vm.monitor import monitor
from applianced.tools.vm.qemu import speaks
from tests.image.collector import Authority, Collector
from tests.image.conftest import opened_lab
from tests.image.lab import BOOTING_S, Lab, Wanted
from tests.support.appliance import SECURITY_ELEMENT
from tests.support.sockets import connect_in, listen_in
from tests.support.until import until

WANTED = Wanted(
    seeded=False,
    swapped=True,
    options=("-device", "pcie-root-port,id=slot1,chassis=1", "-device", "pcie-root-port,id=slot2,chassis=2"),
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


def attach(lab: Lab, name: str, files: dict[str, str], slot: str, make: Callable[[Path, Path], Path]) -> None:
    """Plug in a disk with the files of a seed. make: iso or fat."""
    tree = lab.directory / name
    tree.mkdir()
    for file, content in files.items():
        (tree / file).write_text(content)
    disk = make(tree, lab.directory / f"{name}.disk")
    with monitor(lab.machine.directory) as opened:
        source = {"driver": "file", "filename": str(disk)}
        opened.ask("blockdev-add", driver="raw", node_name=name, read_only=True, file=source)
        opened.ask("device_add", driver="virtio-blk-pci", id=f"{name}-disk", drive=name, bus=slot)


def iso(tree: Path, disk: Path) -> Path:
    return make_iso(tree, disk, "cidata")


def fat(tree: Path, disk: Path) -> Path:
    """What mkfs.vfat makes of a label in small letters."""
    run(["mkfs.vfat", "-n", "CIDATA", "-C", str(disk), "4096"])
    run(["mcopy", "-i", str(disk), *sorted(str(each) for each in tree.iterdir()), "::"])
    return disk


def detach(lab: Lab, name: str) -> None:
    """Pull it out, and wait until the machine has let go of it."""

    def gone() -> bool:
        try:
            opened.ask("blockdev-del", node_name=name)
        except CommandError:
            return False
        return True

    with monitor(lab.machine.directory) as opened:
        opened.ask("device_del", id=f"{name}-disk")
        until(gone, WAITING_S, interval_s=0.5)


def good_seed(lab: Lab, authority: Authority) -> dict[str, str]:
    """But for its configuration, which has an unknown leaf; the cards get their names by their addresses."""
    to = f"{IPV4.server}:{{}}"
    user = {
        "hostname": "seeded",
        "ssh_authorized_keys": [lab.machine.key.with_name("admin.pub").read_text().strip()],
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


def host_name(lab: Lab) -> str:
    with lab.netconf() as session:
        data = session.get_config(f'<system xmlns="{SYSTEM}"><host-name/></system>')
    return str(data.findtext(".//sys:host-name", namespaces=PREFIXES))


def shows(lab: Lab, *texts: str) -> None:
    """Wait until the console has shown them, with whatever blanks between their words."""

    def shown() -> bool:
        words = " ".join(lab.console().split())
        return all(text in words for text in texts)

    until(shown, WAITING_S, what=f"the console shows {texts}")


def press_return(lab: Lab) -> None:
    with socket.socket(socket.AF_UNIX) as console:
        console.connect(os.path.relpath(lab.machine.directory / "console"))
        console.sendall(b"\r")


def test_a_seed_that_is_there_and_cannot_be_used_leaves_management_stopped(request: pytest.FixtureRequest) -> None:
    """It was loading itself meanwhile."""
    with opened_lab(request.module) as lab:
        lab.start([lab.machine.make_seed({"user-data": "no cloud-config\n"})])
        shows(lab, "the seed cannot be used: user-data")
        press_return(lab)
        shows(lab, "applianced-dataplane.service loaded active running")
        assert "applianced.service" not in lab.console(), "neither starting nor failed"
        assert "NETCONF answers" not in lab.console()


def test_without_a_seed_the_machine_waits(late: Lab) -> None:
    shows(late, "Waiting for a seed: attach a disk labelled cidata")
    assert not speaks(late.port)


def test_a_seed_that_cannot_be_used_is_refused_in_words(late: Lab) -> None:
    attach(late, "wrong", {"user-data": "#!/bin/sh\necho I am no cloud-config\n"}, "slot1", iso)
    shows(late, "the seed cannot be used: user-data: begins with '#!/bin/sh'; must begin with the line #cloud-config")
    assert not speaks(late.port)
    assert "NETCONF answers" not in late.console()


def test_a_refused_configuration_without_a_key_makes_way_for_another_seed(late: Lab) -> None:
    """It is read although the first one is still there. Nobody could log in to the image's own configuration."""
    user = {"applianced": {"configuration": {"applianced-system:system": {"no-such-place": 1}}}}
    attach(late, "keyless", {"user-data": f"#cloud-config\n{yaml.safe_dump(user)}"}, "slot2", iso)
    shows(late, "it has no key for the image's own: attach another seed", "no-such-place", "Waiting for a seed")
    assert not speaks(late.port)


def test_another_seed_takes_its_place(late: Lab, authority: Authority, collectors: dict[int, Collector]) -> None:
    """Its configuration is refused, which leaves the machine reachable all the same. The former one is still there."""
    detach(late, "wrong")
    attach(late, "right", good_seed(late, authority), "slot1", fat)
    late.machine.await_netconf(late.port, BOOTING_S)
    shows(late, "the configuration of the seed was refused, the image's own is in force", "no-such-leaf")
    assert host_name(late) == "seeded"
    with late.netconf() as session:
        session.push(f'<system xmlns="{SYSTEM}"><host-name>mended</host-name></system>')


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
    press_return(late)
    shows(late, "applianced-dataplane.service", "loaded active running")


def test_all_of_it_outlives_a_shutdown(late: Lab, collectors: dict[int, Collector]) -> None:
    """The disk of the seed is gone; the initial file system gives the cards their names."""
    late.machine.shut_down()
    late.boot()
    assert host_name(late) == "mended"
    shows(late, "NETCONF answers")
    assert "was refused" not in late.console(), "somebody has committed since"
    until(lambda: reaches(late), WAITING_S)
    passes(late)
    for each in (collectors[TCP], collectors[TLS]):
        each.messages.clear()
        until(each.has, WAITING_S, what=each.name)
