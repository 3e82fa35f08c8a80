"""Every fuzz target, for a moment: mutated dialogs of the cases, from a fixed seed."""

from __future__ import annotations

import random

import pytest

from tests.alg.test_cases import FOLDERS
from tests.fuzz import capture, dns, ftp, ike_esp, pptp, sip, tftp
from tests.support.dialog import Case, Meanwhile
from tests.support.soak import rounds

ROUNDS = rounds(150)


def mutate(octets: bytes, chance: random.Random) -> bytes:
    """A few octets changed, dropped, doubled or spliced."""
    data = bytearray(octets)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0:
                data[at : at + 1] = bytes((chance.randrange(256),))
            case 1:
                del data[at : at + chance.randint(1, 20)]
            case 2:
                data[at:at] = data[at : at + chance.randint(1, 50)]
            case 3:
                data[at:at] = chance.choice((b"\r\n", b"\n", b"227 ", b"\xff\xf4", b",", b"PORT ", b"\0"))
    return bytes(data)


def test_ftp() -> None:
    chance = random.Random(959)
    seeds = []
    for folder in FOLDERS:
        if folder.parent.name == "ftp":
            steps = [(direction, data[:128]) for direction, data in Case.load(folder).steps() if data]
            seeds.append(b"".join(bytes(((len(d) - 1) << 1 | (direction == 0),)) + d for direction, d in steps))
    for _ in range(ROUNDS):
        ftp.run(mutate(chance.choice(seeds), chance))


def test_sip() -> None:
    chance = random.Random(3261)
    seeds = []
    for folder in FOLDERS:
        if folder.parent.name == "sip" and not folder.name.startswith("too-many"):
            steps = Case.load(folder).steps()
            heads = [len(d) | direction << 15 | isinstance(d, Meanwhile) << 14 for direction, d in steps]
            seeds.append(b"".join(head.to_bytes(2) + d for head, (_, d) in zip(heads, steps, strict=True)))
    for _ in range(ROUNDS):
        sip.run(bytes((chance.randrange(16),)) + mutate(chance.choice(seeds), chance))


def test_tftp() -> None:
    chance = random.Random(1350)
    folders = [folder for folder in FOLDERS if folder.parent.name == "tftp"]
    seeds = []
    for folder in folders:
        steps = [(direction, data[:127]) for direction, data in Case.load(folder).steps()]
        seeds.append(b"".join(bytes((len(d) << 1 | (direction == 0),)) + d for direction, d in steps))
    for _ in range(ROUNDS):
        tftp.run(mutate(chance.choice(seeds), chance))


def test_dns() -> None:
    chance = random.Random(1035)
    seeds = []
    for folder in FOLDERS:
        if folder.parent.name == "dns" and Case.load(folder).datagrams:
            steps = Case.load(folder).steps()[:8]
            seeds.append(b"".join((len(d) | direction << 15).to_bytes(2) + d for direction, d in steps))
    for _ in range(ROUNDS):
        dns.run(mutate(chance.choice(seeds), chance))


def test_ike_esp() -> None:
    chance = random.Random(2409)
    seeds = []
    for folder in FOLDERS:
        if folder.parent.name == "ike-esp-nat":
            steps = [(direction, _packed(data)) for direction, data in Case.load(folder).steps()]
            seeds.append(
                b"".join((len(data) | direction << 15).to_bytes(2) + data for direction, data in steps if data)
            )
    for _ in range(ROUNDS):
        ike_esp.run(mutate(chance.choice(seeds), chance))


def _packed(data: bytes) -> bytes:
    """A step as the target takes it."""
    if not isinstance(data, Meanwhile):
        return data
    words = data.split()
    return bytes.fromhex(words[2].decode()[2:]) if words[0] == b"first" else b"\x07"


def test_pptp() -> None:
    chance = random.Random(2637)
    seeds = []
    for folder in FOLDERS:
        if folder.parent.name == "pptp":
            steps = Case.load(folder).steps()
            seeds.append(b"".join((len(d) - 1 | (direction == 0) << 15).to_bytes(2) + d for direction, d in steps))
    for _ in range(ROUNDS):
        pptp.run(mutate(chance.choice(seeds), chance))


@pytest.mark.parametrize("seed", capture.SEEDS, ids=lambda path: path.name)
def test_capture(seed) -> None:
    chance = random.Random(1761)
    octets = seed.read_bytes()[:4000]
    for _ in range(ROUNDS // 10):
        capture.run(mutate(octets, chance))
