from __future__ import annotations

import subprocess
import sys

from applianced.system.allocation import LARGE_OCTETS

CODE = """
import ctypes, sys
from applianced.system.allocation import give_back_large_blocks
if sys.argv[2] == "set":
    assert give_back_large_blocks()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
size = int(sys.argv[1])
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
libc.free(libc.malloc(2 * size))  # from here on glibc by itself would keep blocks of this size
blocks, small = [], []
before = resident()
for _ in range(20):
    block = libc.malloc(size)
    ctypes.memset(block, 1, size)
    blocks.append(block)
    small.append(libc.malloc(100_000))
for block in blocks:
    libc.free(block)
print(resident() - before)
"""


def test_large_blocks_go_back_to_the_kernel() -> None:
    kept = {how: _kept(how) for how in ("set", "left")}
    assert kept["set"] < LARGE_OCTETS < 10 * LARGE_OCTETS < kept["left"]


def _kept(how: str) -> int:
    """Octets that a process holds after it has freed 20 blocks, each followed by a small one that lives on."""
    ran = subprocess.run(
        [sys.executable, "-c", CODE, str(LARGE_OCTETS), how], capture_output=True, text=True, check=True
    )
    return int(ran.stdout)
