"""How many packets wait in the kernel for each worker, as /proc tells root alone.

The file is opened before the dataplane gives up root; what was opened can be read by whoever inherits it.
"""

from __future__ import annotations

import os

FILE = "/proc/self/net/netfilter/nfnetlink_queue"
_LARGEST = 65536


def open_depths() -> int:
    """A descriptor to read from, of the network namespace of this process; -1 where there is none."""
    try:
        return os.open(FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def depths(descriptor: int) -> dict[int, int]:
    """Queue -> packets that wait; {} when that cannot be had."""
    if descriptor < 0:
        return {}
    try:
        lines = os.pread(descriptor, _LARGEST, 0).decode("ascii", "replace").splitlines()
    except OSError:
        return {}
    # queue number, port id of its reader, packets that wait, ... (net/netfilter/nfnetlink_queue.c, seq_show)
    rows = [line.split() for line in lines]
    return {int(row[0]): int(row[2]) for row in rows if len(row) > 2 and row[0].isdigit() and row[2].isdigit()}
