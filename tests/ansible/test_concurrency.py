"""Two controllers at one appliance: one wins, the other is told or waits, and nothing is mixed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ansible.runner import Controller, controller
from tests.support.served import Served


def application(port: int) -> list[dict[str, Any]]:
    return [{"name": "a", "protocol": "tcp", "destination_port": str(port)}]


@pytest.fixture
def other(server: Served, tmp_path: Path) -> Iterator[Controller]:
    with controller(server, tmp_path / "other") as opened:
        yield opened


class Between:
    """Another controller commits just before one's own edit or commit is sent."""

    def __init__(self, inner: Any, before: str, act: Any) -> None:
        self._inner = inner
        self._before = before
        self._act = act

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def exchange(self, operations: list[str]) -> Any:
        if self._act and any(operation.startswith(self._before) for operation in operations):
            act, self._act = self._act, None
            from tests.ansible.runner import Direct

            act()
            Direct.connection = self
        return self._inner.exchange(operations)


@pytest.mark.parametrize("before", ["<update", "<commit"])
def test_a_change_between_reading_and_committing(operator: Controller, other: Controller, before: str) -> None:
    """What the edit was computed from is no more: it is computed again, on what the other one made."""
    inner = operator.connection
    theirs = [{"name": "theirs", "protocol": "udp", "destination_port": "53"}]
    operator.connection = Between(inner, before, lambda: other.ok("applications", config=theirs))  # type: ignore[assignment]
    done = operator.ok("applications", state="overridden", config=application(21))
    assert "delete applications application theirs" in done["commands"]
    assert [entry["name"] for entry in other.ok("applications", state="gathered")["gathered"]] == ["a"]
    inner.exchange([])


def test_config_is_told_of_a_conflict(operator: Controller, other: Controller) -> None:
    operator.ok("applications", config=application(21))
    path = "/applications/application[name='a']/destination-port"
    inner = operator.connection
    act = lambda: other.ok("config", path=path, config="4000")  # noqa: E731
    operator.connection = Between(inner, "<commit", act)  # type: ignore[assignment]
    failed = operator.run("config", path=path, config="3000")
    assert failed["failed"]
    assert failed["error"]["app_tag"] == "conflict"
    (conflict,) = failed["error"]["conflicts"]
    assert (conflict["candidate"], conflict["running"], conflict["user"]) == ("3000", "4000", "admin")
    assert other.ok("applications", state="gathered")["gathered"] == application(4000)
    assert not operator.ok("rpc", rpc="compare")["output"].get("changes"), "nothing of it is left in the candidate"


def test_one_who_waits_comes_second(operator: Controller, other: Controller) -> None:
    path = "/applications/application[name='a']/destination-port"
    operator.ok("applications", config=application(21))
    inner = operator.connection
    act = lambda: other.ok("config", path=path, config="4000")  # noqa: E731
    operator.connection = Between(inner, "<commit", act)  # type: ignore[assignment]
    done = operator.ok("config", path=path, config="3000", when_busy="wait")
    assert done["commands"] == ["set applications application a destination-port 3000"]


def test_a_lock_is_waited_for_or_told(operator: Controller, other: Controller) -> None:
    lock = "<lock><target><running/></target></lock>"
    other.ok("rpc", xml=lock)
    failed = operator.run("applications", config=application(21))
    assert failed["error"]["tag"] == "in-use" or failed["error"]["tag"] == "lock-denied"
    short = operator.run("applications", config=application(21), when_busy="wait", busy_timeout=1)
    assert short["failed"]
    unlocking = threading.Timer(
        1.0, lambda: other.connection.exchange([lock.replace("lock>", "unlock>").replace("<lock", "<unlock")])
    )
    unlocking.start()
    assert operator.ok("applications", config=application(21), when_busy="wait", busy_timeout=30)["changed"]
    unlocking.join()
