"""Supervision of workers that are real processes, and do as the test says."""

from __future__ import annotations

import os
import selectors
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from applianced.dataplane import workers as supervision
from applianced.dataplane.channel import Decoder, Message, encode
from applianced.dataplane.eventlog import EventLog
from applianced.dataplane.workers import Workers
from applianced.errors import DataplaneError
from tests.support.until import until

Become = Callable[[int, socket.socket], None]


def worker(number: int, control: socket.socket) -> None:
    """A worker in small: it says "heard" before each answer, refuses what is bad, and does what else it is told."""
    decoder = Decoder()
    while octets := control.recv(4096):
        for request in decoder.feed(octets):
            match request["op"]:
                case "bad":
                    control.sendall(encode({"ok": False, "what": "worker", "detail": "no"}))
                case "die":
                    os._exit(3)
                case "sleep":
                    signal.pause()
                case "stop":
                    control.sendall(encode({"ok": True, "gates": 3}))
                    os._exit(0)
                case "rave":
                    control.sendall(b"\0\0\0\2[]")
                case "rave-later":
                    control.sendall(encode({"ok": True}) + encode({"wrong": 1}))
                case op:
                    control.sendall(encode({"heard": op}) + encode({"ok": True, "number": number, "pid": os.getpid()}))
    os._exit(0)


class Supervised:
    """Two workers, and what they were heard to say."""

    def __init__(self, directory: Path, become: Become) -> None:
        self.heard: list[str] = []
        self.events = EventLog(directory)
        self.selector = selectors.DefaultSelector()
        self.workers = Workers(
            2,
            become=become,
            hear=lambda message: self.heard.append(message["heard"]),
            selector=self.selector,
            events=self.events,
        )
        self.workers.settings = lambda: {"generation": 7}

    def turn(self) -> None:
        """Once around the agent's loop."""
        for key, _ in self.selector.select(0):
            key.data()
        self.workers.reap()

    def pids(self) -> list[int]:
        return [each.pid for each in self.workers.running()]

    def restarts(self) -> list[int]:
        return [state["restarts"] for state in self.workers.state(7)]

    def close(self) -> None:
        self.workers.end()
        self.selector.close()


@pytest.fixture
def supervised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervised]:
    monkeypatch.setattr(supervision, "CALL_S", 0.2)
    with closing(Supervised(tmp_path, worker)) as made:
        made.workers.start()
        made.heard.clear()
        yield made


def test_nothing_is_forked_without_settings(tmp_path: Path) -> None:
    with closing(Supervised(tmp_path, worker)) as made:
        made.workers.settings = None
        made.workers.reap()
        assert not made.workers.running()
        assert made.workers.missing() == [0, 1]


def test_workers_begin_with_the_settings(tmp_path: Path) -> None:
    with closing(Supervised(tmp_path, worker)) as made:
        made.workers.start()
        assert made.heard == ["prepare", "switch"] * 2
        assert made.workers.missing() == []
        assert [(state["queue"], state["running"], state["generation"]) for state in made.workers.state(7)] == [
            (0, True, 7),
            (1, True, 7),
        ]


def test_an_answer_and_what_was_said_before_it(supervised: Supervised) -> None:
    first, second = supervised.workers.running()
    assert supervised.workers.tell(first, {"op": "x"})["number"] == 0
    assert supervised.workers.tell(second, {"op": "y"})["number"] == 1
    assert supervised.heard == ["x", "y"]


def test_a_refusal_costs_nobody_his_life(supervised: Supervised) -> None:
    with pytest.raises(DataplaneError, match="worker: no"):
        supervised.workers.tell(supervised.workers.running()[0], {"op": "bad"})
    assert len(supervised.pids()) == 2


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ("sleep", "no answer within"),
        ("die", "has ended"),
        ("rave", "agent socket: message is not"),
        ("rave-later", "'heard'"),
    ],
)
def test_a_worker_that_does_not_answer_is_replaced(supervised: Supervised, request_: str, why: str) -> None:
    before = supervised.pids()
    with pytest.raises(DataplaneError, match=f"worker 0: {why}"):
        supervised.workers.tell(supervised.workers.running()[0], {"op": request_})
    assert supervised.pids() == before[1:]
    assert not Path(f"/proc/{before[0]}").exists(), "it is gone before another takes its place"
    supervised.turn()
    after = supervised.pids()
    assert after[1] == before[1]
    assert after[0] != before[0]
    assert supervised.restarts() == [1, 0]


def test_a_worker_that_is_gone_cannot_be_told(supervised: Supervised) -> None:
    first = supervised.workers.running()[0]
    with pytest.raises(DataplaneError):
        supervised.workers.tell(first, {"op": "die"})
    with pytest.raises(DataplaneError, match="worker 0: is not running"):
        supervised.workers.tell(first, {"op": "x"})


def replaced(supervised: Supervised, before: list[int]) -> bool:
    supervised.turn()
    return len(set(supervised.pids()) - set(before)) == 1


def test_a_worker_that_dies_is_replaced(supervised: Supervised) -> None:
    before = supervised.pids()
    os.kill(before[1], signal.SIGKILL)
    until(lambda: replaced(supervised, before))
    assert supervised.restarts() == [0, 1]


def test_a_worker_that_speaks_nonsense_unasked_is_replaced(supervised: Supervised) -> None:
    before = supervised.pids()
    control = supervised.workers.running()[0].control
    assert control is not None
    control.sendall(encode({"op": "rave"}))
    until(lambda: replaced(supervised, before))
    assert supervised.restarts() == [1, 0]


def test_deaths_in_a_row_cost_more_than_one(supervised: Supervised, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "BACKOFF_S", (0.0, 60.0))

    def die() -> None:
        with pytest.raises(DataplaneError):
            supervised.workers.tell(supervised.workers.running()[0], {"op": "die"})
        supervised.turn()

    die()
    assert len(supervised.pids()) == 2, "the first is replaced at once"
    die()
    assert len(supervised.pids()) == 1
    assert supervised.workers.missing() == [], "it is waited for"
    assert supervised.workers.pause() == 1.0
    monkeypatch.setattr(supervision, "HEALTHY_S", 0.0)
    die()
    assert len(supervised.pids()) == 1, "the other one has lived long enough, and is replaced at once"


def test_a_worker_that_refuses_its_settings_is_tried_again_later(tmp_path: Path) -> None:
    def stubborn(number: int, control: socket.socket) -> None:
        control.recv(4096)
        os._exit(1)

    with closing(Supervised(tmp_path, stubborn)) as made:
        made.workers.start()
        assert made.pids() == []
        assert made.restarts() == [1, 1]


def test_a_child_that_cannot_begin_never_becomes_a_second_agent(tmp_path: Path) -> None:
    def broken(number: int, control: socket.socket) -> None:
        raise RuntimeError("not this one")

    with closing(Supervised(tmp_path, broken)) as made:
        me = os.getpid()
        made.workers.start()
        assert os.getpid() == me
        assert made.restarts() == [1, 1]


def test_the_end_of_all(supervised: Supervised) -> None:
    pids = supervised.pids()
    supervised.workers.end()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    supervised.workers.reap()
    assert supervised.pids() == []


def test_settings_that_cannot_be_made(tmp_path: Path) -> None:
    def refuse() -> Message:
        raise DataplaneError("ip", "no such command")

    with closing(Supervised(tmp_path, worker)) as made:
        made.workers.settings = refuse
        made.workers.start()
        assert made.pids() == []


def test_a_silent_worker_is_replaced_unasked(supervised: Supervised, monkeypatch: pytest.MonkeyPatch) -> None:
    supervised.workers.start()
    before = supervised.pids()
    os.kill(before[0], signal.SIGSTOP)
    monkeypatch.setattr(supervision, "SILENT_S", 0.1)

    def replaced() -> bool:
        supervised.workers.reap()
        return before[0] not in supervised.pids() and len(supervised.pids()) == 2

    until(replaced, what="it is replaced")
    assert supervised.restarts()[0] == 1


def test_all_are_asked_at_once(supervised: Supervised) -> None:
    """One that hangs costs its own answer, not those of the others, which lie there by then."""
    supervised.workers.start()
    first, second = supervised.workers.running()
    os.kill(first.pid, signal.SIGSTOP)
    answers = supervised.workers.tell_all({"op": "any"})
    assert [worker.number for worker, _ in answers] == [second.number]
    assert supervised.restarts() == [1, 0]


def test_a_worker_is_replaced_in_order(supervised: Supervised) -> None:
    before = supervised.pids()
    replaced = supervised.workers.restart(1)
    assert (replaced.former, replaced.graceful, replaced.before["gates"]) == (before[1], True, 3)
    assert replaced.worker.pid == supervised.pids()[1] != before[1]
    assert supervised.pids()[0] == before[0]
    assert not Path(f"/proc/{before[1]}").exists()
    assert supervised.heard == ["prepare", "switch"], "it serves"
    assert supervised.restarts() == [0, 1]
    supervised.turn()
    assert supervised.workers.tell(replaced.worker, {"op": "x"})["number"] == 1


def test_a_worker_that_does_not_end_is_replaced_all_the_same(supervised: Supervised) -> None:
    before = supervised.pids()
    os.kill(before[0], signal.SIGSTOP)
    replaced = supervised.workers.restart(0)
    assert (replaced.former, replaced.graceful, replaced.before) == (before[0], False, {})
    assert supervised.pids()[0] == replaced.worker.pid != before[0]
    assert supervised.restarts() == [1, 0]


def _asked(supervised: Supervised) -> None:
    supervised.workers.restart(0)


def _killed(supervised: Supervised) -> None:
    before = supervised.pids()
    os.kill(before[0], signal.SIGKILL)
    until(lambda: replaced(supervised, before))


def _silent(supervised: Supervised) -> None:
    os.kill(supervised.pids()[0], signal.SIGSTOP)
    supervised.workers.tell_all({"op": "any"})
    supervised.turn()


def _raving(supervised: Supervised) -> None:
    before = supervised.pids()
    control = supervised.workers.running()[0].control
    assert control is not None
    control.sendall(encode({"op": "rave"}))
    until(lambda: replaced(supervised, before))


@pytest.mark.parametrize(
    ("end", "reason", "status"),
    [(_asked, "requested", 0), (_killed, "died", 9), (_silent, "unresponsive", 9), (_raving, "unresponsive", 9)],
)
def test_both_events_say_why(
    supervised: Supervised, end: Callable[[Supervised], None], reason: str, status: int
) -> None:
    former = supervised.pids()[0]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        supervised.events.configure({}, {}, {}, {"worker-down": 0, "worker-up": 0})
        supervised.events.feed.follow(theirs)
        end(supervised)
        supervised.events.feed.tick()
        ours.settimeout(5)
        decoder, told = Decoder(), list[Message]()
        while len(told) < 2:
            told += decoder.feed(ours.recv(1 << 16))
    assert [(each["event"], each["fields"]["worker"], each["fields"]["reason"]) for each in told] == [
        ("worker-down", 0, reason),
        ("worker-up", 0, reason),
    ]
    down, up = (each["fields"] for each in told)
    assert (down["pid"], down["status"], up["pid"], up["restarts"]) == (former, status, supervised.pids()[0], 1)


def test_a_worker_that_waits_for_its_turn_need_not(supervised: Supervised, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "BACKOFF_S", (60.0,))
    with pytest.raises(DataplaneError):
        supervised.workers.tell(supervised.workers.running()[0], {"op": "die"})
    supervised.turn()
    assert len(supervised.pids()) == 1
    replaced = supervised.workers.restart(0)
    assert (replaced.former, replaced.graceful) == (0, False)
    assert len(supervised.pids()) == 2


@pytest.mark.parametrize(("number", "said"), [(2, "there are workers 0 to 1"), (-1, "there are workers 0 to 1")])
def test_there_is_no_such_worker(supervised: Supervised, number: int, said: str) -> None:
    with pytest.raises(DataplaneError, match=said):
        supervised.workers.restart(number)


def test_a_worker_that_cannot_be_replaced(tmp_path: Path) -> None:
    def stubborn(number: int, control: socket.socket) -> None:
        control.recv(4096)
        os._exit(1)

    with closing(Supervised(tmp_path, stubborn)) as made:
        with pytest.raises(DataplaneError, match="does not come up"):
            made.workers.restart(0)
        made.workers.settings = None
        with pytest.raises(DataplaneError, match="no configuration is in force"):
            made.workers.restart(0)


def test_marks_outlive_their_worker(supervised: Supervised) -> None:
    first = supervised.workers.running()[0]
    for peaks in ({"gates": 5}, {"gates": 2, "ports": 1}):
        supervised.workers._said(first, {"beat": 1, "peaks": peaks})
    supervised.workers.restart(0)
    assert first.peaks == {"gates": 5, "ports": 1}
    assert supervised.heard == ["prepare", "switch"], "a beat is nothing to be heard"


def test_each_is_asked_its_own(supervised: Supervised) -> None:
    answers = supervised.workers.tell_each(lambda worker: {"op": f"for-{worker.number}"})
    assert [answer["number"] for _, answer in answers] == [0, 1]
    assert supervised.heard == ["for-0", "for-1"]
