"""The workers' filter: run by hand against every call, and in a child against the kernel."""

from __future__ import annotations

import errno
import os
import socket
import struct
from pathlib import Path

import pytest

from applianced.dataplane import confinement

ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
X86_64, AARCH64, I386 = 0xC000003E, 0xC00000B7, 0x40000003
MACHINES = [pytest.param("x86_64", X86_64, id="x86_64"), pytest.param("aarch64", AARCH64, id="aarch64")]
HARMLESS = {"x86_64": (0, 1, 7, 9, 15, 44, 45, 60, 228, 231, 318), "aarch64": (63, 64, 73, 93, 94, 113, 139, 206, 222)}
"""read, write, poll, mmap, sendto, recvfrom, exit, clock_gettime, rt_sigreturn, ..."""


def decide(machine: str, architecture: int, number: int, first: int = 0) -> int:
    """What the filter returns: classic BPF, as seccomp runs it."""
    data = struct.pack("=IIQ6Q", number, architecture, 0, first, 0, 0, 0, 0, 0)
    code = confinement.program(machine)
    at, accumulator = 0, 0
    while True:
        operation, true, false, value = struct.unpack_from("=HBBI", code, at * 8)
        at += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, value)
            case 0x15:
                at += true if accumulator == value else false
            case 0x35:
                at += true if accumulator >= value else false
            case 0x06:
                return int(value)
            case _:
                raise AssertionError(f"instruction {operation:#x}")


@pytest.mark.parametrize(("machine", "architecture"), MACHINES)
def test_harmless_calls_pass(machine: str, architecture: int) -> None:
    for number in HARMLESS[machine]:
        assert decide(machine, architecture, number) == ALLOW


@pytest.mark.parametrize(("machine", "architecture"), MACHINES)
def test_every_listed_call_is_refused(machine: str, architecture: int) -> None:
    column = ("x86_64", "aarch64").index(machine)
    for name, row in confinement._CALLS.items():
        number = row[column]
        if number is not None:
            assert decide(machine, architecture, number) == REFUSE, name


@pytest.mark.parametrize(("machine", "architecture", "number"), [("x86_64", X86_64, 41), ("aarch64", AARCH64, 198)])
def test_sockets_of_netlink_alone(machine: str, architecture: int, number: int) -> None:
    assert decide(machine, architecture, number, socket.AF_NETLINK) == ALLOW
    for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_PACKET):
        assert decide(machine, architecture, number, family) == REFUSE


def test_other_ways_to_call_are_refused_whole() -> None:
    for number in HARMLESS["x86_64"]:
        assert decide("x86_64", I386, number) == REFUSE
        assert decide("x86_64", X86_64, 0x40000000 | number) == REFUSE


def in_a_confined_child() -> str:
    """What a child can still do after confine(), in words."""
    read, write = os.pipe()
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    pid = os.fork()
    if pid == 0:
        status = Path("/proc/self/status").open()  # noqa: SIM115 - a file that was open before stays so
        said = [str(confinement.confine())]
        for attempt in (
            lambda: open("/etc/passwd").close(),
            lambda: os.execv("/bin/true", ["true"]),
            lambda: os.fork(),
            lambda: socket.socket().close(),
            lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close(),
            lambda: netlink.connect((0, 0)),
            lambda: os.kill(os.getppid(), 0),
            lambda: bytearray(1 << 24),
        ):
            try:
                attempt()
                said.append("done")
            except OSError as error:
                said.append(errno.errorcode[error.errno or 0])
        said += [line.split()[1] for line in status if line.startswith(("Seccomp:", "NoNewPrivs:"))]
        os.write(write, " ".join(said).encode())
        os._exit(0)
    netlink.close()
    os.close(write)
    with os.fdopen(read) as answer:
        told = answer.read()
    _, ended = os.waitpid(pid, 0)
    assert ended == 0
    return told


@pytest.mark.skipif(os.uname().machine not in ("x86_64", "aarch64"), reason="no numbers for this machine")
def test_in_the_kernel() -> None:
    assert in_a_confined_child() == "True EPERM EPERM EPERM EPERM done EPERM EPERM done 1 2"


def test_without_numbers_a_warning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    names = os.uname()
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((*names[:4], "riscv64")))
    assert not confinement.confine()
    assert "no system call numbers for riscv64" in caplog.text
