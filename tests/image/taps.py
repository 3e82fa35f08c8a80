"""Network cards of a machine that end in namespaces."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from struct import pack

from tests.support.sockets import CLONE_NEWNET, _libc

_TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI, _IFF_VNET_HDR = 0x0002, 0x1000, 0x4000


def tap_in(namespace: str, name: str) -> int:
    """Make a tap in a namespace; the descriptor of its other end, which goes to QEMU. It lives as long as that.

    Raises OSError.
    """
    made: list[int] = []
    failed: list[OSError] = []

    def make() -> None:
        try:
            with Path("/run/netns", namespace).open("rb") as file:
                if _libc.setns(file.fileno(), CLONE_NEWNET):
                    raise OSError(f"cannot enter {namespace}")
            descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
            fcntl.ioctl(descriptor, _TUNSETIFF, pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI | _IFF_VNET_HDR))
            made.append(descriptor)
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]
