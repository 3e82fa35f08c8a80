"""A seed that is there at power-on and says everything: configuration, names of cards, time servers.

Of two machines, one boots from an ISO; the other one has a FAT disk, and its first boot is interrupted by power cuts.
Both must end up the same. What is sent through them and to them from power-on shows when the filter gives way.
"""

from __future__ import annotations

import json
import random
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from applianced.datastore import whole
from applianced.datastore.models import Models, load_models
from applianced.datastore.native import Form
from applianced.northbound.initial import initial_tree
from applianced.tools.namespaces import IPV4, PLANS, run
from applianced.tools.netconf_client import data_element
from applianced.tools.serving import READY
from applianced.tools.vm.facts import read_facts
from tests.image.conftest import opened_lab
from tests.image.lab import MANAGEMENT, MANAGEMENT_IPV6, MANAGER, ROOT, Lab, Wanted
from tests.image.probes import DENIED, PERMITTED, Probes, Target
from tests.image.scan import open_ports
from tests.image.seeds import fat_seed
from tests.image.time_server import TimeServer
from tests.support.soak import LONG
from tests.support.until import until

ISO, CUT = "iso", "fat-and-power-cuts"
INSTANCE = "i-first-boot"
STAGES = (
    *(("var/lib/image/network", "var/lib/image/seed-used") if LONG else ()),
    *("var/lib/image/seeded", "var/lib/applianced/host-keys/*"),
    *(("var/lib/applianced/commits/*",) if LONG else ()),
)
"""What the first boot leaves behind, one after the other: the power goes when one is there, or a moment later."""
LATER_S = 0.5
CUTS = 12 if LONG else 0
EARLIEST_S, LATEST_S = 3.0, 25.0
"""And after power-on: from the kernel's first moments until NETCONF answers or is about to."""
WAITING_S = 300
JOURNAL_S = 0.5
"""So much later than it was said a line may get its time, in a machine that is busy."""
WELL_BEFORE_S = 1.0


def own_configuration() -> dict[str, object]:
    """Nothing of it is as in the image's own: one port is permitted, and the appliance itself answers no ping."""
    zones = [{"name": name, "interfaces": [{"name": card}]} for name, card in (("in", "inside"), ("out", "outside"))]
    management = {
        "host-inbound-traffic": {"system-services": [{"name": "netconf"}]},
        "interfaces": [{"name": "management"}],
    }
    probes = {
        "name": "probes",
        "match": {"source-address": ["any"], "destination-address": ["any"], "application": ["probes"]},
        "then": {"permit": {}, "count": {}},
    }
    translated = {
        "name": "in-to-out",
        "from": {"zone": ["in"]},
        "to": {"zone": ["out"]},
        "rule": [
            {
                "name": "outside-address",
                "match": {"source-address": ["0.0.0.0/0", "::/0"]},
                "then": {"source-nat": {"interface": {}}},
            }
        ],
    }
    return {
        "applianced-system:system": {"host-name": "of-the-seed"},
        "applianced-applications:applications": {
            "application": [{"name": "probes", "protocol": "udp", "destination-port": str(PERMITTED)}]
        },
        "applianced-security:security": {
            "zones": {"security-zone": zones, "functional-zone": {"management": management}},
            "policies": {"policy": [{"from-zone-name": "in", "to-zone-name": "out", "policy": [probes]}]},
            "applianced-nat:nat": {"source": {"rule-set": [translated]}},
        },
        "ietf-interfaces:interfaces": {
            "interface": [_interface("inside", PLANS[6].lan), _interface("outside", PLANS[6].public)]
        },
    }


def _interface(name: str, address: str) -> dict[str, object]:
    return {
        "name": name,
        "type": "iana-if-type:ethernetCsmacd",
        "ietf-ip:ipv6": {"address": [{"ip": address, "prefix-length": PLANS[6].prefix_length}]},
    }


def seed(public_key: str, *, inline: bool = True) -> Mapping[str, str]:
    """inline: the configuration stands in user-data, else in a file of its own.

    IPv4 addresses come with network-config: they are there long before the rules are.
    """
    first, second, third = (card.mac for card in read_facts(ROOT / "vm-image").cards)
    cards = {
        "a": {
            "match": {"macaddress": first},
            "set-name": "management",
            "addresses": [f"{MANAGEMENT}/24", f"{MANAGEMENT_IPV6}/64"],
        },
        "b": {"match": {"macaddress": second}, "set-name": "outside", "addresses": [f"{IPV4.public}/24"]},
        "c": {"match": {"macaddress": third.upper()}, "set-name": "inside", "addresses": [f"{IPV4.lan}/24"]},
    }
    user = {
        "hostname": "first-boot",
        "ssh_authorized_keys": [public_key.strip()],
        "ntp": {"servers": [MANAGER], "pools": ["pool.example"]},
        **({"applianced": {"configuration": own_configuration()}} if inline else {}),
    }
    files = {
        "meta-data": f"instance-id: {INSTANCE}\n",
        "user-data": f"#cloud-config\n{yaml.safe_dump(user)}",
        "network-config": yaml.safe_dump({"version": 2, "ethernets": cards}),
    }
    return files if inline else {**files, "applianced.json": json.dumps(own_configuration())}


WANTED = Wanted(seed=seed, managed_by_card=True, shell=True, swapped=True)


@dataclass(frozen=True, slots=True)
class Booted:
    """probes: since the last power-on. earlier: those of boots that a power cut ended."""

    lab: Lab
    kind: str
    probes: Probes
    earlier: Sequence[Probes]
    clock: TimeServer


@pytest.fixture(scope="module", params=[ISO, CUT])
def booted(request: pytest.FixtureRequest) -> Iterator[Booted]:
    with opened_lab(request.module, request.param) as lab, ExitStack() as opened:
        clock = TimeServer(lab.topology.gateway, MANAGER)
        opened.callback(clock.close)
        disk = fat_disk(lab) if request.param == CUT else lab.seed
        earlier = list(interrupted(lab, disk)) if request.param == CUT else []
        probes = opened.enter_context(probing(lab))
        lab.boot([disk])
        yield Booted(lab, request.param, probes, earlier, clock)


def fat_disk(lab: Lab) -> Path:
    """The same seed, the configuration in a file of its own."""
    public = lab.machine.key.with_name("admin.pub").read_text()
    return fat_seed(lab.directory, "fat", seed(public, inline=False))


def interrupted(lab: Lab, disk: Path) -> Iterator[Probes]:
    """First boots that a power cut ends, ever later: each finds something done that the one before it did not."""
    seeded = random.SystemRandom().getrandbits(32)
    print(f"seed {seeded}")
    chance = random.Random(seeded)
    for moment_s in sorted(chance.uniform(EARLIEST_S, LATEST_S) for _ in range(CUTS)):
        with powered(lab, disk) as probes:
            time.sleep(moment_s)  # the moment is the test's subject: nothing is waited for
        yield probes
    for stage in STAGES:
        for last in (False, True):
            with powered(lab, disk) as probes:
                answered = cut_at(lab, stage, chance.uniform(0, LATER_S), must=last)
            yield probes
            if answered:
                break


def cut_at(lab: Lab, stage: str, later_s: float, *, must: bool) -> bool:
    """Return when the power is to go; whether the machine's shell answered until then, which an emulated machine that
    stands still does not: it is off and on once more, unless it must."""
    try:
        lab.shell.await_ready(WAITING_S)
        until(partial(reached, lab, stage), WAITING_S, what=f"{stage} is there")
    except TimeoutError as error:
        if must:
            raise
        warnings.warn(f"waiting for {stage}: {error}", stacklevel=2)
        return False
    time.sleep(later_s)
    return True


def reached(lab: Lab, stage: str) -> bool:
    status, _ = lab.shell.tried(f"ls -d /{stage}")
    return not status


def probing(lab: Lab) -> Probes:
    addresses = (MANAGEMENT, MANAGEMENT_IPV6)
    return Probes(lab.topology, [Target(lab.topology.gateway, address, (22, 80)) for address in addresses])


@contextmanager
def powered(lab: Lab, disk: Path) -> Iterator[Probes]:
    """The power is on meanwhile."""
    with probing(lab) as probes:
        lab.start([disk])
        yield probes
        lab.machine.power_cut()


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models()


def test_its_configuration_is_in_force_exactly(booted: Booted, models: Models, tmp_path: Path) -> None:
    """And the key of admin; no leaf more."""
    given = tmp_path / "given.json"
    given.write_text(json.dumps(own_configuration()))
    with booted.lab.netconf() as session:
        running = data_element(session.session.get_config("running"))
    with (
        initial_tree(models, given, booted.lab.machine.key.with_name("admin.pub")) as expected,
        whole.from_elements(models, list(running)) as found,
    ):
        assert json.loads(found.render(Form.JSON)) == json.loads(expected.render(Form.JSON))


def test_the_machine_is_who_the_seed_says(booted: Booted) -> None:
    said = booted.lab.shell.run("hostname; cat /var/lib/image/instance-id; ls -A /var/lib/image /var/lib/image/first")
    assert said.splitlines()[:2] == ["first-boot", INSTANCE]
    assert "refused" not in said
    assert "under-way" not in said


def test_cards_have_their_names(booted: Booted) -> None:
    listed = json.loads(booted.lab.shell.run("ip -j link"))
    first, second, third = (card.mac for card in booted.lab.machine.facts.cards)
    names = {each["address"]: each["ifname"] for each in listed if each["address"] in (first, second, third)}
    assert names == {first: "management", second: "outside", third: "inside"}


def test_the_time_comes_from_its_servers(booted: Booted) -> None:
    shell = booted.lab.shell
    assert f"NTP={MANAGER} pool.example" in shell.run("systemd-analyze cat-config systemd/timesyncd.conf").splitlines()
    until(lambda: booted.clock.asked, WAITING_S, what="somebody asks what time it is")
    until(lambda: not shell.tried("test -e /run/systemd/timesync/synchronized")[0], WAITING_S, interval_s=0.5)


def ready_at(lab: Lab) -> float:
    """When management said in this boot that its rules are in force, by our monotonic clock; rather early than late."""
    listed = lab.shell.run("journalctl --no-pager -b -u applianced.service -o json").splitlines()
    said = next(json.loads(line) for line in listed if READY in line)
    asked_s = time.monotonic()
    up_s = float(lab.shell.run("cat /proc/uptime").split()[0])
    return asked_s - up_s + int(said["__MONOTONIC_TIMESTAMP"]) / 1e6


@pytest.mark.parametrize("version", [4, 6])
def test_nothing_is_forwarded_before_the_rules_are_in_force(booted: Booted, version: int) -> None:
    """Though the machine had its addresses, and got the probes, long before; afterwards what is permitted passes."""
    probes = booted.probes
    until(partial(probes.arrived, PERMITTED, version), WAITING_S, what="the permitted probes pass in the end")
    in_force_s = ready_at(booted.lab)
    assert probes.known_at is not None
    assert probes.known_at < in_force_s - WELL_BEFORE_S
    assert probes.arrived(PERMITTED, version)[0] > in_force_s - JOURNAL_S


def test_what_is_not_permitted_never_passes(booted: Booted) -> None:
    for probes in (*booted.earlier, booted.probes):
        assert [probes.arrived(DENIED, version) for version in PLANS] == [[], []]


def test_nothing_but_netconf_ever_answers(booted: Booted) -> None:
    """Neither pings nor connections nor datagrams to closed ports, from any side, in all the time since power-on."""
    ports = [22, 80, 830, 8080]
    for address in (MANAGEMENT, MANAGEMENT_IPV6):
        assert open_ports(booted.lab.topology.gateway, address, ports) == [830]
    for probes in (*booted.earlier, booted.probes):
        assert probes.answers == []


HOST_KEYS: dict[str, frozenset[str]] = {}


def test_its_host_keys_are_its_own(booted: Booted) -> None:
    scanned = run(["ssh-keyscan", "-p", str(booted.lab.port), "127.0.0.1"], timeout_s=60).stdout.splitlines()
    HOST_KEYS[booted.kind] = frozenset(line.split()[2] for line in scanned if not line.startswith("#"))
    assert HOST_KEYS[booted.kind]
    assert len(frozenset.union(*HOST_KEYS.values())) == sum(map(len, HOST_KEYS.values())), "no two machines share one"
