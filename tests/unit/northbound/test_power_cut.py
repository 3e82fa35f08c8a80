"""Confirmed commits and a power cut before and after every step to disk: a start finds what was promised."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from applianced.northbound.configuration import Configuration
from applianced.northbound.confirming import Confirmation
from tests.unit.northbound.test_configuration import ME, edit, run


class Cuts:
    """Copies of the state directory, each with the titles that a start from it may show."""

    def __init__(self, state: Path, directory: Path) -> None:
        self.allowed: set[str] = set()
        self.taken: list[tuple[Path, set[str]]] = []
        self._state, self._directory = state, directory

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def cut(*arguments: Any) -> Any:
            self.take()
            try:
                return call(*arguments)
            finally:
                self.take()

        return cut

    def take(self) -> None:
        if self.allowed:
            copy = self._directory / str(len(self.taken))
            shutil.copytree(self._state, copy)
            self.taken.append((copy, self.allowed))

    async def during(self, step: Awaitable[None], allowed: set[str], afterwards: str) -> None:
        self.allowed = allowed
        await step
        self.allowed = {afterwards}
        self.take()


def test_a_power_cut_at_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuts = Cuts(tmp_path / "state", tmp_path)

    async def scenario(configuration: Configuration) -> None:
        async def commit(title: str = "", confirmation: Confirmation | None = None, session: int = 1) -> None:
            if title:
                await edit(configuration, f"<title>{title}</title>", session)
            await configuration.commit(session, ME, confirmation=confirmation)

        for name in ("fsync", "replace", "unlink"):
            monkeypatch.setattr(os, name, cuts.around(getattr(os, name)))
        later = Confirmation(60)
        await cuts.during(commit("a", later), {"first"}, "first")
        await cuts.during(commit("b", later), {"first"}, "first")
        await cuts.during(commit(), {"first", "b"}, "b")
        await cuts.during(commit("c", later), {"b"}, "b")
        await cuts.during(commit("d"), {"b", "d"}, "d")
        await cuts.during(commit("e", later), {"d"}, "d")
        await cuts.during(configuration.cancel_commit(1, ME), {"d"}, "d")
        await cuts.during(commit("f", later), {"d"}, "d")
        await cuts.during(configuration.session_ended(1), {"d"}, "d")
        await cuts.during(commit("g", session=2), {"d", "g"}, "g")
        cuts.allowed = set()

    run(tmp_path / "state", scenario, first="<title>first</title>")
    assert len(cuts.taken) > 50
    for state, allowed in cuts.taken:
        for _ in range(2):  # A start that rolls back may be followed by another one.
            run(state, _shows(allowed))


def _shows(allowed: set[str]) -> Callable[[Configuration], Awaitable[None]]:
    async def look(configuration: Configuration) -> None:
        assert configuration.config.system.host_name in allowed
        assert not configuration.alarms.standing()

    return look
