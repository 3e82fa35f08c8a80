"""The power goes at any moment of a stream of commits; what was acknowledged is there afterwards."""

from __future__ import annotations

import random
import re
import threading
import time

from ncclient import NCClientError  # type: ignore[import-untyped]
from ncclient.operations.rpc import RPCError  # type: ignore[import-untyped]
from ncclient.transport.errors import TransportError  # type: ignore[import-untyped]
from paramiko import SSHException  # type: ignore[import-untyped]

from applianced.tools.netconf_client import SYSTEM
from tests.image.lab import Lab, Wanted
from tests.support.soak import LONG

WANTED = Wanted(past_loader=True)
CUTS = 100 if LONG else 20
HOST_NAME = re.compile(r"<host-name[^>]*>n(\d+)</host-name>")
MESSAGE_ID = re.compile(r'message-id="[^"]*"')
MISSES = 5
"""Cuts that may hit no commit, all told: a machine that is busy lets nobody in. Others take their place."""
LOGIN_S = 60
LATEST_S = 3.0
"""When the power goes, after the first commit was begun: in that one, or in a later one."""


class Stream:
    """Commits of host-name n1, n2, and so on, until the power goes."""

    def __init__(self, lab: Lab, first: int) -> None:
        self._lab = lab
        self.acknowledged = self.sent = first
        self.begun = threading.Event()
        self._refused = ""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._lab.netconf() as session:
                while True:
                    self.sent += 1
                    self.begun.set()
                    session.push(f'<system xmlns="{SYSTEM}"><host-name>n{self.sent}</host-name></system>')
                    self.acknowledged = self.sent
        except RPCError as error:
            self._refused = str(error)
        except (NCClientError, TransportError, SSHException, OSError, EOFError):
            return

    @property
    def lasts(self) -> bool:
        """A commit is under way."""
        return self.begun.is_set() and self._thread.is_alive()

    def join(self) -> None:
        self._thread.join(120)
        assert not self._thread.is_alive()
        assert not self._refused


def running(lab: Lab) -> tuple[int, str]:
    """The number in host-name, and all the rest."""
    with lab.netconf() as session:
        data = session.session.get_config("running").data_xml
    (number,) = HOST_NAME.findall(data)
    return int(number), MESSAGE_ID.sub("", HOST_NAME.sub("", data))


def test_every_acknowledged_commit_outlives_a_power_cut(lab: Lab) -> None:
    """Each of the cuts that count is one while a commit is under way."""
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    lab.name_it("n0")
    number, rest = running(lab)
    hits = lost = tried = 0
    while hits < CUTS:
        tried += 1
        assert tried <= CUTS + MISSES, f"of {tried - 1} cuts only {hits} hit a commit"
        stream = Stream(lab, number)
        if stream.begun.wait(LOGIN_S):
            time.sleep(chance.uniform(0, LATEST_S))  # the moment is the test's subject: nothing is waited for
        hits += stream.lasts
        lab.machine.power_cut()
        stream.join()
        lab.boot()
        number, found = running(lab)
        assert number in (stream.acknowledged, stream.sent)
        assert found == rest
        lost += number < stream.sent
    print(f"{tried} cuts, {hits} of them in a commit, of which {lost} were lost, and {number} acknowledged or kept")
