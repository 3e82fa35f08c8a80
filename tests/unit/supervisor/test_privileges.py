"""Becoming somebody else, in a child that root starts; and what is said when that cannot be."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from applianced.errors import ConfigError
from applianced.supervisor import privileges
from applianced.supervisor.privileges import CAP_NET_ADMIN, CAP_NET_RAW, account, drop_privileges, enter_namespace

ROOT = os.geteuid() == 0


def test_the_first_account_that_exists() -> None:
    assert account("no-such-account-here", "nobody", "root").pw_name == "nobody"


def test_no_account_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="useradd --system no-such-account-here"):
        account("no-such-account-here")


def test_no_namespace_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="ip netns add not-there"):
        enter_namespace("not-there")


@pytest.mark.parametrize("name", ["/", "../../etc", "."])
def test_a_namespace_has_a_name(name: str) -> None:
    with pytest.raises(ConfigError, match=r"give a name, not a path; 'ip netns list'"):
        enter_namespace(name)


@pytest.mark.skipif(not ROOT, reason="/run/netns is root's")
def test_a_file_that_is_no_namespace() -> None:
    made = Path("/run/netns") / f"test-no-namespace-{os.getpid()}"
    made.parent.mkdir(exist_ok=True)
    made.touch()
    try:
        with pytest.raises(ConfigError, match=f"{made} is none; make it with"):
            enter_namespace(made.name)
    finally:
        made.unlink()


def status_after(*capabilities: int) -> dict[str, str]:
    """/proc/self/status of a child that has dropped to nobody."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            drop_privileges(pwd.getpwnam("nobody"), *capabilities)
            os.write(write, Path("/proc/self/status").read_bytes())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        lines = answer.read().splitlines()
    os.waitpid(pid, 0)
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.mark.skipif(not ROOT, reason="only root has something to drop")
@pytest.mark.parametrize("capabilities", [(), (CAP_NET_ADMIN, CAP_NET_RAW)], ids=["none", "network"])
def test_exactly_these_capabilities_remain(capabilities: tuple[int, ...]) -> None:
    status = status_after(*capabilities)
    nobody = pwd.getpwnam("nobody")
    bits = f"{sum(1 << capability for capability in capabilities):016x}"
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {bits}
    assert status["Uid"].split() == [str(nobody.pw_uid)] * 4
    assert status["Gid"].split() == [str(nobody.pw_gid)] * 4
    assert status["Groups"] == ""
    assert status["NoNewPrivs"] == "1"


def test_who_is_not_root_has_nothing_to_drop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(privileges, "_call", lambda *_: pytest.fail("a system call"))
    drop_privileges(pwd.getpwnam("nobody"))
