"""The power goes in the middle of commits; what was acknowledged is there afterwards."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from ncclient import NCClientError  # type: ignore[import-untyped]
from ncclient.operations.rpc import RPCError  # type: ignore[import-untyped]
from ncclient.transport.errors import TransportError  # type: ignore[import-untyped]
from paramiko import SSHException  # type: ignore[import-untyped]

from applianced.tools.netconf_client import SYSTEM, NetconfClient
from tests.image.lab import Lab, Wanted
from tests.support.soak import LONG

WANTED = Wanted(past_loader=True)
CUTS = 100 if LONG else 20
AT_COMMITS = (2, 1, 3)
"""The commit since the boot that a cut hits, in turn. Those before it are acknowledged."""
HOST_NAME = re.compile(r"<host-name[^>]*>n(\d+)</host-name>")
MESSAGE_ID = re.compile(r'message-id="[^"]*"')
COMMIT_S = 120
"""In which the next commit begins, on a machine that is busy."""
GONE = (NCClientError, TransportError, SSHException, OSError, EOFError)
"""What a session says whose machine has no power."""


def name(number: int) -> str:
    return f'<system xmlns="{SYSTEM}"><host-name>n{number}</host-name></system>'


class Stream:
    """Commits of host-name, numbered on from `first`, until the power goes.

    requested: those whose request may have been sent. acknowledged: those to which the answer has come. last_s: how
    long it took to come, the last time. under_way: whether one is awaited.
    """

    def __init__(self, session: NetconfClient, first: int, last_s: float) -> None:
        self.requested = self.acknowledged = first
        self.last_s = last_s
        self.under_way = False
        self._session = session
        self._begun = threading.Semaphore(0)
        self._refused = ""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            while True:
                self._session.edit(name(self.requested + 1))
                self._commit()
        except RPCError as error:
            self._refused = str(error)
        except GONE:
            return

    def _commit(self) -> None:
        self.requested += 1
        self.under_way = True
        begun_s = time.monotonic()
        self._begun.release()
        self._session.session.commit()
        self.under_way = False
        self.last_s = time.monotonic() - begun_s
        self.acknowledged = self.requested

    def await_commits(self, number: int) -> None:
        """Return when so many more have begun, the last one of them just now."""
        for _ in range(number):
            assert self._begun.acquire(timeout=COMMIT_S), f"no commit after n{self.acknowledged} {self._refused}"

    def join(self) -> None:
        """Return when the power's going has ended it."""
        self._thread.join(COMMIT_S)
        assert not self._thread.is_alive()
        assert not self._refused


class Life:
    """A machine between its power cuts.

    number, rest: its running configuration as it was last read: the number in host-name, and all else. grown: of each
    cut, whether commits were acknowledged since the one before it. lost: the commits that were not kept.
    """

    def __init__(self, lab: Lab) -> None:
        self.number, self.rest = 0, ""
        self.grown: list[bool] = []
        self.lost = 0
        self._lab = lab
        self._opened = ExitStack()
        self._session: NetconfClient | None = self._log_in()
        self._session.edit(name(self.number))
        begun_s = time.monotonic()
        self._session.session.commit()
        self._last_s = time.monotonic() - begun_s
        self._read(self._session)

    def cut(self, number: int, chance: random.Random) -> Stream:
        """The power goes in the commit of this number since the last boot, and comes back. Returns the commits."""
        # None when something went wrong the last time.
        session = self._session or self._boot()
        self._session = None
        stream = Stream(session, self.number, self._last_s)
        stream.await_commits(number)
        time.sleep(chance.uniform(0, stream.last_s))  # the moment is the test's subject: nothing is waited for
        if not stream.under_way:
            stream.await_commits(1)
        self._lab.machine.power_cut()
        stream.join()
        self._boot()
        self._last_s = stream.last_s
        return stream

    def _boot(self) -> NetconfClient:
        self.close()
        self._lab.machine.power_cut()
        self._lab.boot()
        self._session = self._log_in()
        self._read(self._session)
        return self._session

    def _log_in(self) -> NetconfClient:
        return self._opened.enter_context(self._lab.netconf())

    def _read(self, session: NetconfClient) -> None:
        data = session.session.get_config("running").data_xml
        (number,) = HOST_NAME.findall(data)
        self.number, self.rest = int(number), MESSAGE_ID.sub("", HOST_NAME.sub("", data))

    def close(self) -> None:
        """Log out, where anybody hears it."""
        with suppress(*GONE):
            self._opened.close()


@pytest.fixture(scope="module")
def life(lab: Lab) -> Iterator[Life]:
    made = Life(lab)
    yield made
    made.close()


@pytest.mark.parametrize("number", range(CUTS))
def test_every_acknowledged_commit_outlives_a_power_cut(life: Life, number: int) -> None:
    """It comes while a commit is under way, which may be lost."""
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    before, rest = life.number, life.rest
    stream = life.cut(AT_COMMITS[number % len(AT_COMMITS)], random.Random(seed))
    life.grown.append(stream.acknowledged > before)
    life.lost += stream.requested - life.number
    assert life.number in (stream.acknowledged, stream.requested)
    assert life.rest == rest


def test_most_cuts_came_after_acknowledged_commits(life: Life) -> None:
    """Or the others would show little."""
    print(f"{len(life.grown)} cuts, {life.number} commits kept, {life.lost} lost")
    assert 0 < len(life.grown) <= 2 * sum(life.grown)
