"""What a stranger does who follows the README: boots the image, and changes an ALG over NETCONF with ssh alone."""

from __future__ import annotations

import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from applianced.tools import serving
from applianced.tools.netconf_client import ALG_FTP, NETCONF
from applianced.tools.vm.facts import read_facts
from applianced.tools.vm.qemu import Machine
from tests.image.conftest import IMAGE
from tests.image.lab import ROOT

pytestmark = pytest.mark.alone
BOOTING_S = 900
SOON_S = {"tcg": 25.0, "kvm": 8.0}
"""In which NETCONF is to answer, emulated on two processors and with KVM."""
ATTEMPTS = 4
SHOWN = "ssh -i build/vm/admin -p 8300 -s admin@127.0.0.1 netconf"
"""In the README, where the machine is in its usual place."""
END_OF_MESSAGE = "]]>]]>"
CHANGED = f".//{{{ALG_FTP}}}ftp/{{{ALG_FTP}}}line-break-extension"
"""By the README's messages."""


def command(*words: str) -> list[str]:
    """As the Makefile has it, with a machine of the test's own."""
    return [sys.executable, "-m", "applianced.tools.vm", "--image", str(Path(IMAGE).absolute()), *words]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of one that is off."""
    directory = tmp_path_factory.mktemp("try-out") / "vm"
    yield directory
    Machine(read_facts(ROOT / "vm-image"), directory).power_cut()


def booted(machine: Path, *options: str) -> list[str]:
    """What `make boot` says."""
    port = str(serving.free_port("127.0.0.1"))
    words = command("--machine", str(machine), "boot", *options, "--port", port)
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=BOOTING_S, check=False)
    assert not done.returncode, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def printed(machine: Path) -> list[str]:
    return booted(machine, "--fresh")


def readme() -> list[str]:
    """The messages that the README gives to ssh."""
    block = (ROOT / "README.md").read_text().partition(f"    {SHOWN} <<'END'\n")[2].partition("    END\n")[0]
    assert block
    messages = textwrap.dedent(block).split(f"{END_OF_MESSAGE}\n")
    assert messages.pop() == "", "the last one is complete, too"
    return messages


def ssh(line: str, directory: Path, messages: list[str]) -> list[etree._Element]:
    """Run the line as it is, by OpenSSH; what is answered. Only the question whether the host is known is spared."""
    program, *rest = shlex.split(line)
    spared = ["-o", "StrictHostKeyChecking=accept-new", "-o", f"UserKnownHostsFile={directory / 'known_hosts'}"]
    said = "".join(f"{message}{END_OF_MESSAGE}\n" for message in messages)
    done = subprocess.run(
        [program, *spared, *rest], cwd=ROOT, input=said, capture_output=True, text=True, timeout=300, check=False
    )
    assert not done.returncode, done.stderr
    *answers, rest_of_them = done.stdout.split(END_OF_MESSAGE)
    assert not rest_of_them.strip()
    return [etree.fromstring(answer.strip().encode()) for answer in answers]


def taken_s(printed: list[str]) -> float:
    (line,) = (line for line in printed if line.startswith("NETCONF answers "))
    return float(line.split()[2])


def test_netconf_answers_soon(printed: list[str], machine: Path) -> None:
    """At the first boot. The machine of the test is shared: one of a few must show it."""
    (line,) = (line for line in printed if line.startswith("booting ("))
    wanted_s = SOON_S[line.partition("(")[2].partition(")")[0]]
    times = [taken_s(printed)]
    another = machine.with_name("another")
    while min(times) > wanted_s and len(times) < ATTEMPTS:
        times.append(taken_s(booted(another, "--fresh")))
        Machine(read_facts(ROOT / "vm-image"), another).power_cut()
    assert min(times) <= wanted_s, times


def test_it_says_how_to_reach_it(printed: list[str], machine: Path) -> None:
    (line,) = (line.strip() for line in printed if "ssh " in line)
    words, shown = shlex.split(line), shlex.split(SHOWN)
    assert words[words.index("-i") + 1] == str(machine / "admin")
    for option in ("-i", "-p"):
        words[words.index(option) + 1] = shown[shown.index(option) + 1]
    assert words == shown, "but for key and port the README has the same"


def test_the_readme_s_messages_change_an_alg(printed: list[str], machine: Path) -> None:
    (line,) = (line.strip() for line in printed if "ssh " in line)
    hello, edited, committed, read, closed = ssh(line, machine, readme())
    assert etree.QName(hello).localname == "hello"
    for number, answer in enumerate((edited, committed, read, closed), 1):
        assert answer.get("message-id") == str(number)
        assert answer.find(f"{{{NETCONF}}}rpc-error") is None, etree.tostring(answer)
    assert [etree.QName(each[0]).localname for each in (edited, committed, closed)] == ["ok"] * 3
    assert read.find(CHANGED) is not None


def test_it_is_shut_down(printed: list[str], machine: Path) -> None:
    """And its disk stays."""
    words = command("--machine", str(machine), "stop")
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert not done.returncode, done.stderr
    stopped = Machine(read_facts(ROOT / "vm-image"), machine)
    assert not stopped.process_id
    assert "Power down" in stopped.console_log.read_text(errors="replace")
    assert stopped.disk.exists()


def test_the_next_boot_goes_on_with_it(printed: list[str], machine: Path) -> None:
    """What was configured is there, and the machine is the one that ssh knows."""
    known = (machine / "known_hosts").read_text().split()[2]
    (machine / "known_hosts").unlink()
    (line,) = (line.strip() for line in booted(machine) if "ssh " in line)
    hello, _, _, read, closed = readme()
    answers = ssh(line, machine, [hello, read, closed])
    assert answers[1].find(CHANGED) is not None
    assert (machine / "known_hosts").read_text().split()[2] == known
