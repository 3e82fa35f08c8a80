"""Why a machine does not answer, as far as it shows from outside: whether its processors move, what it reads and
writes, what stands on its console."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

from applianced.tools import serving
from applianced.tools.namespaces import CommandError
from applianced.tools.vm.monitor import Monitor, monitor

_LOOKS = 4
_BETWEEN_S = 0.3
_SHOWN_OCTETS = 4000
_PLACE = re.compile(r"(?:RIP|EIP)=\S+|\bHLT=\d|\bCPL=\d")
_FIRMWARE = re.compile(r"IP=(?:00000000)?[0-9a-f]{8} CPL=0 ")
"""Before the kernel runs everything is below 4 GiB; the kernel is above, and programs are in another ring."""


def explain(directory: Path) -> str:
    """What can be said of the machine whose files lie in a directory. Takes a second or two; raises nothing."""
    told: list[str] = []
    try:
        with monitor(directory) as opened:
            told.extend(_looked_at(opened))
    except (CommandError, OSError, ValueError) as error:
        told.append(f"QEMU's monitor says nothing: {error!r}")
    for name in ("qemu.log", "console.log"):
        path = directory / name
        told.append(f"the end of {name}:\n{serving.tail(path)[-_SHOWN_OCTETS:] if path.exists() else 'not there'}")
    return "\n".join(told)


def stands_before_kernel(directory: Path) -> bool:
    """Whether all processors are in the firmware, a boot loader or a kernel that unpacks itself, each time that one
    looks. Takes a second; raises CommandError, OSError."""
    with monitor(directory) as opened:
        return all(_FIRMWARE.search(place) for _ in _times() for place in _places(opened))


def _looked_at(opened: Monitor) -> Iterator[str]:
    yield f"QEMU says: {opened.ask('query-status')}"
    for _ in _times():
        yield f"processors: {' | '.join(_places(opened))}"
    # Interrupts twice: which of them come, as well as how many.
    for line in ("info pic", "info lapic 0", "info irq", "info irq", "info blockstats", "info usernet", "info chardev"):
        yield f"{line}:\n{opened.shows(line)}"


def _times() -> Iterator[int]:
    for look in range(_LOOKS):
        if look:
            time.sleep(_BETWEEN_S)
        yield look


def _places(opened: Monitor) -> list[str]:
    """Where each processor is, whether it is halted, and in which ring."""
    shown = opened.shows("info registers -a")
    return [" ".join(_PLACE.findall(part)) for part in shown.split("CPU#")[1:]]
