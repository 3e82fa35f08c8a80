"""Network namespaces and capabilities: entering one, giving the others up.

Everything is done by system call, since the processes that need it are about to lose the right to run commands.
"""

from __future__ import annotations

import ctypes
import errno
import os
import pwd
from pathlib import Path
from struct import pack

from applianced.errors import ConfigError

CAP_NET_BIND_SERVICE = 10
CAP_NET_ADMIN = 12
CAP_NET_RAW = 13
_LAST_CAP = 63
_CLONE_NEWNET = 0x40000000
_PR_CAPBSET_DROP = 24
_PR_SET_KEEPCAPS = 8
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments):
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def enter_namespace(name: str) -> None:
    """Move this process into a named network namespace (ip-netns(8)). Raises ConfigError when there is none."""
    if "/" in name or name in (".", ".."):
        raise ConfigError("", f"--netns {name}: give a name, not a path; 'ip netns list' shows them")
    path = Path("/run/netns") / name
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(
            "", f"no network namespace {name!r}: {error.strerror}; make it with 'ip netns add {name}'"
        ) from error
    try:
        _call("setns", descriptor, _CLONE_NEWNET)
    except OSError as error:
        why = f"{path} is none" if error.errno == errno.EINVAL else error.strerror
        message = f"cannot enter network namespace {name!r}: {why}; make it with 'ip netns add {name}'"
        raise ConfigError("", message) from error
    finally:
        os.close(descriptor)


def account(*names: str) -> pwd.struct_passwd:
    """The first of these accounts that exists."""
    for name in names:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ConfigError(
        "", f"none of the accounts {', '.join(names)} exists; make one with 'useradd --system {names[0]}'"
    )


def _set_capabilities(*capabilities: int) -> None:
    """Permitted, effective and inheritable become exactly these."""
    bits = sum(1 << capability for capability in capabilities)
    low, high = bits & 0xFFFFFFFF, bits >> 32
    header = ctypes.create_string_buffer(pack("=Ii", _CAP_VERSION_3, 0))
    data = ctypes.create_string_buffer(pack("=6I", low, low, low, high, high, high))
    _call("capset", header, data)


def drop_privileges(user: pwd.struct_passwd, *capabilities: int) -> None:
    """Become `user` with these capabilities and no others, for good and for every program started from here.

    Does nothing when this process is not root: it has nothing to drop.
    """
    if os.geteuid() != 0:
        return
    for capability in range(_LAST_CAP + 1):
        if capability not in capabilities and _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
            break  # beyond the last capability that this kernel knows
    _call("prctl", _PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    _set_capabilities(*capabilities)
    for capability in capabilities:
        _call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0)
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.environ["HOME"] = "/"
