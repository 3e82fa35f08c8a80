"""Resources: what the kernel says of itself, and marks that go up until they are cleared."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from applianced.dataplane import supplies
from applianced.dataplane.channel import Message
from applianced.dataplane.depths import depths
from applianced.dataplane.supplies import Supplies, resident
from applianced.dataplane.workers import Worker

LISTED = """\
    0   1234     7 2 65535     0     0       99  1
    1   1235     0 2 65535     0     0        9  1
nonsense
"""


@pytest.fixture
def queue_file(tmp_path: Path) -> Iterator[int]:
    file = tmp_path / "nfnetlink_queue"
    file.write_text(LISTED)
    descriptor = os.open(file, os.O_RDWR)
    yield descriptor
    os.close(descriptor)


class Two:
    """Workers in name; both are this process."""

    def __init__(self) -> None:
        self.workers = [Worker(number, pid=os.getpid()) for number in range(2)]
        self.gates = 5
        self.asked: list[Message] = []

    def running(self) -> list[Worker]:
        return self.workers

    def tell_all(self, request: Message) -> list[tuple[Worker, Message]]:
        self.asked.append(request)
        used = {"gates": self.gates}
        return [
            (worker, {"used": used, "peaks": used, "limits": {"gates": 9, "ports": None}}) for worker in self.workers
        ]


def row(answer: Message, name: str, worker: int = 0) -> list[Any]:
    found: list[Any] = next(row for row in answer["workers"][worker]["resources"] if row[0] == name)
    return found


def test_depths(queue_file: int) -> None:
    assert depths(queue_file) == {0: 7, 1: 0}
    assert depths(queue_file) == {0: 7, 1: 0}, "from the front again"
    assert depths(-1) == {}


def test_memory_of_a_process() -> None:
    assert resident(os.getpid()) > 1 << 20
    assert resident(1 << 30) == 0


def test_marks_go_up_until_they_are_cleared(queue_file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = {"count": 3, "max": 100}
    monkeypatch.setattr(supplies, "_connections", counted.__getitem__)
    two = Two()
    made = Supplies(two, queue_file)  # type: ignore[arg-type]
    answer = made.operations["resources"]({})
    assert answer is not None
    assert row(answer, "gates") == ["gates", 5, 5, 9]
    assert row(answer, "queue") == ["queue", 7, 7, 4096]
    assert row(answer, "queue", 1) == ["queue", 0, 0, 4096]
    assert row(answer, "memory")[3] == 0
    assert answer["whole"] == [["connections", 3, 3, 100]]
    two.gates, counted["count"] = 2, 1
    os.pwrite(queue_file, b"    0   1234     2", 0)
    answer = made.operations["resources"]({})
    assert answer is not None
    assert row(answer, "gates") == ["gates", 2, 5, 9]
    assert row(answer, "queue") == ["queue", 2, 7, 4096]
    assert answer["whole"] == [["connections", 1, 3, 100]]
    made.operations["clear-resources"]({})
    assert two.asked[-1] == {"op": "clear-peaks"}
    answer = made.operations["resources"]({})
    assert answer is not None
    assert [row(answer, name)[2] for name in ("gates", "queue")] == [2, 2]
    assert answer["whole"] == [["connections", 1, 1, 100]]


def test_it_looks_once_a_second(queue_file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    two = Two()
    made = Supplies(two, queue_file)  # type: ignore[arg-type]
    made.tick()
    assert two.workers[0].peaks["queue"] == 7
    os.pwrite(queue_file, b"    0   1234     9", 0)
    now[0] += 0.9
    made.tick()
    assert two.workers[0].peaks["queue"] == 7
    now[0] += 0.2
    made.tick()
    assert two.workers[0].peaks["queue"] == 9
