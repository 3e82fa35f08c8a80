"""Confinement of a worker: a seccomp filter that leaves it the sockets it has, netlink, memory and time.

What a worker reads comes from the network, so a worker is what an attacker would take over first. Once its queue is
bound it needs no file, no program and no other socket, and from then on the kernel refuses them with EPERM. The filter
denies by list instead of allowing by list: a C library that begins to use another harmless call must not stop traffic.
io_uring is denied because its operations pass no filter.

Where the kernel or the machine cannot (no CONFIG_SECCOMP_FILTER, an architecture without numbers here) a worker runs
without, and says so in the log. Layouts: linux/seccomp.h, linux/filter.h.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import socket
from struct import Struct, pack

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_RETURN_ALLOW = 0x7FFF0000
_RETURN_ERRNO = 0x00050000

_LOAD, _JUMP_EQUAL, _JUMP_GREATER_OR_EQUAL, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_INSTRUCTION = Struct("=HBBI")
_X32_BIT = 0x40000000
"""Calls of the x32 ABI carry this bit, and the same architecture as others of x86_64."""

_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""uname's machine -> AUDIT_ARCH and the column of _CALLS."""

_SOCKET = (41, 198)

_CALLS: dict[str, tuple[int | None, int | None]] = {
    # programs and processes
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None), "clone": (56, 220),
    "clone3": (435, 435), "kill": (62, 129), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424), "kcmp": (312, 272),
    # files
    "open": (2, None), "openat": (257, 56), "openat2": (437, 437), "creat": (85, None),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "truncate": (76, 45), "rename": (82, None),
    "renameat": (264, 38), "renameat2": (316, 276), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None),
    "link": (86, None), "linkat": (265, 37), "unlink": (87, None), "unlinkat": (263, 35), "symlink": (88, None),
    "symlinkat": (266, 36), "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "mknod": (133, None),
    "mknodat": (259, 33), "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "inotify_add_watch": (254, 27), "fanotify_init": (300, 262),
    # other sockets (socket itself: see _SOCKET)
    "connect": (42, 203), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242),
    "socketpair": (53, 199),
    # what would get around a filter, and what only a kernel's owner has to do
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "setns": (308, 268), "unshare": (272, 97),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "fsopen": (430, 430),
    "fsmount": (432, 432), "fsconfig": (431, 431), "fspick": (433, 433), "move_mount": (429, 429),
    "open_tree": (428, 428), "mount_setattr": (442, 442), "swapon": (167, 224), "swapoff": (168, 225),
    "reboot": (169, 142), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "add_key": (248, 217), "request_key": (249, 218),
    "keyctl": (250, 219), "personality": (135, 92), "sethostname": (170, 161), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "acct": (163, 89), "quotactl": (179, 60), "iopl": (172, None), "ioperm": (173, None),
}  # fmt: skip
"""What is refused: name -> its number on x86_64 and on aarch64 (None: not there)."""

log = logging.getLogger("applianced.worker")
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """Have the kernel end this process when the one that forked it ends, however that happens.

    Two workers must never answer for one queue: without this, one that hangs would outlive its agent.
    """
    _prctl(_PR_SET_PDEATHSIG, 9)


def confine() -> bool:
    """Take away files, programs and other sockets from this process for good; False when that cannot be done."""
    machine = os.uname().machine
    if machine not in _ARCHITECTURES:
        log.warning("workers run without a seccomp filter: no system call numbers for %s", machine)
        return False
    instructions = program(machine)
    code = ctypes.create_string_buffer(instructions, len(instructions))
    header = ctypes.create_string_buffer(pack("@HP", len(instructions) // _INSTRUCTION.size, ctypes.addressof(code)))
    try:
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(header))
    except OSError as error:
        log.warning("workers run without a seccomp filter: %s", error)
        return False
    return True


def program(machine: str) -> bytes:
    """The filter as instructions of classic BPF, 8 octets each. machine: as uname says. Raises KeyError."""
    architecture, column = _ARCHITECTURES[machine]
    refused = sorted(number for row in _CALLS.values() if (number := row[column]) is not None)
    allow = _instruction(_RETURN, value=_RETURN_ALLOW)
    refuse = _instruction(_RETURN, value=_RETURN_ERRNO | errno.EPERM)
    lines = [
        _instruction(_LOAD, value=_ARCHITECTURE_AT),
        _instruction(_JUMP_EQUAL, true=1, value=architecture),
        refuse,
        _instruction(_LOAD, value=_NUMBER_AT),
        _instruction(_JUMP_GREATER_OR_EQUAL, false=1, value=_X32_BIT),
        refuse,
        _instruction(_JUMP_EQUAL, false=4, value=_SOCKET[column]),
        _instruction(_LOAD, value=_FIRST_ARGUMENT_AT),
        _instruction(_JUMP_EQUAL, false=1, value=int(socket.AF_NETLINK)),
        allow,
        refuse,
    ]
    for number in refused:
        lines += [_instruction(_JUMP_EQUAL, false=1, value=number), refuse]
    return b"".join([*lines, allow])


def _instruction(code: int, *, true: int = 0, false: int = 0, value: int) -> bytes:
    """true, false: how many instructions a jump leaves out."""
    return _INSTRUCTION.pack(code, true, false, value)


def _prctl(option: int, first: int, second: int = 0) -> None:
    arguments = [ctypes.c_ulong(value) for value in (first, second, 0, 0)]
    if _libc.prctl(option, *arguments):
        code = ctypes.get_errno()
        raise OSError(code, f"prctl: {os.strerror(code)}")
