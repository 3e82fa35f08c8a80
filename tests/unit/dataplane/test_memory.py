"""Memory shared by a worker and its successor."""

from __future__ import annotations

from pathlib import Path

from applianced.alg.registry import REGISTRY
from applianced.dataplane.memory import shared_memory
from applianced.engine.checkpoint import FIRST_SLOTS, NEAR_OCTETS


def resident_octets() -> int:
    """Shared memory of this process that is mapped."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("RssShmem:")[1].split()[0])


def test_what_is_written_first_is_mapped_beforehand_and_empty() -> None:
    (memory,) = shared_memory(REGISTRY, 1)
    before = resident_octets()
    memory.make_ready()
    assert resident_octets() - before >= FIRST_SLOTS * NEAR_OCTETS
    assert memory.checkpoint().load() == {}


def test_a_successor_finds_what_was_saved() -> None:
    (memory,) = shared_memory(REGISTRY, 1)
    checkpoint = memory.checkpoint()
    checkpoint.save_session(1, ("session",))
    checkpoint.save_alg(1, ("alg",))
    checkpoint.publish(1, 10, 20)
    memory.counters().count("ftp", "sessions")
    assert memory.checkpoint().load()[1].sequences == (10, 20)
    assert memory.counters().values()["ftp"]["sessions"] == 1
