"""Failed logins slow their source down and lock it out, and nobody else; each refusal is logged and counted."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from applianced.config.access import NetconfLimits, RetryOptions, SshLimits
from applianced.config.schema import System
from applianced.netconf.ssh.attempts import KEYS_MAX
from applianced.system import passwords
from tests.support.netconf_session import DEADLINE_S
from tests.support.shop import PASSWORD
from tests.support.ssh_endpoint import Endpoint, Netconf, eventually, run

DISCARD = "<discard-changes/>"
GONE = (asyncssh.Error, OSError)
AT_ONCE = RetryOptions(backoff_factor_s=0)


class Guesses(asyncssh.SSHClient):
    """A client that tries one password after another."""

    def __init__(self, *guesses: str) -> None:
        self._guesses = iter(guesses)

    def password_auth_requested(self) -> str | None:
        return next(self._guesses, None)

    def kbdint_auth_requested(self) -> None:
        return None


async def guess(endpoint: Endpoint, *guesses: str, **options: Any) -> None:
    """Try these passwords over one connection."""
    async with endpoint.login(client_factory=lambda: Guesses(*guesses), client_keys=None, **options):
        pass


async def works(endpoint: Endpoint, **options: Any) -> None:
    async with endpoint.login(**options) as connection:
        assert b"<ok/>" in await (await Netconf.over(connection)).rpc(DISCARD)


def test_a_connection_has_so_many_tries(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        with pytest.raises(GONE):
            await guess(endpoint, "a", "b", "c", PASSWORD)
        assert endpoint.counters.login_failures == 3
        assert caplog.text.count("by password: wrong password or no such user") == 3
        assert "login refused: user 'admin' from 127.0.0.1:" in caplog.text
        await guess(endpoint, "a", "b", PASSWORD)

    run(tmp_path, scenario, System(retry=AT_ONCE))


def test_failures_make_the_next_password_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async def scenario(endpoint: Endpoint) -> None:
        for _ in range(2):
            with pytest.raises(GONE):
                await guess(endpoint, "wrong")
        assert not waited
        await guess(endpoint, PASSWORD)
        assert len(waited) == 1
        assert 4 < waited[0] <= 5
        assert endpoint.counters.logins_delayed == 1
        await works(endpoint)
        assert len(waited) == 1, "a key need not wait"

    monkeypatch.setattr("applianced.netconf.ssh.attempts.sleep", sleep)
    run(tmp_path, scenario)


def test_a_source_is_locked_out_and_the_others_are_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login(local_addr=("127.0.0.2", 0)) as inside:
            session = await Netconf.over(inside)
            with pytest.raises(GONE):
                await guess(endpoint, "a", "b", "c", local_addr=("127.0.0.2", 0))
            assert "127.0.0.2 is locked out for 60 s: too many failed logins" in caplog.text
            with pytest.raises(GONE):
                await works(endpoint, local_addr=("127.0.0.2", 0))
            assert "connection refused: 127.0.0.2:" in caplog.text
            assert (endpoint.counters.lockouts, endpoint.counters.connections_refused) == (1, 1)
            await works(endpoint, local_addr=("127.0.0.3", 0))
            await guess(endpoint, PASSWORD, local_addr=("127.0.0.3", 0))
            assert b"<ok/>" in await session.rpc(DISCARD), "its open session goes on"

    run(tmp_path, scenario, System(retry=RetryOptions(backoff_factor_s=0, lockout_period_s=60)))


def test_options_count_from_the_commit_on(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        with pytest.raises(GONE):
            await guess(endpoint, "a", "b", "c", "d")
        assert endpoint.counters.login_failures == 3
        await endpoint.commit(retry=RetryOptions(backoff_factor_s=0, tries_before_disconnect=1))
        with pytest.raises(GONE):
            await guess(endpoint, "a", "b", "c", "d")
        assert endpoint.counters.login_failures == 4

    run(tmp_path, scenario, System(retry=AT_ONCE))


def test_an_agent_may_offer_many_keys_but_not_any_number(tmp_path: Path) -> None:
    strange = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(KEYS_MAX)]

    async def scenario(endpoint: Endpoint) -> None:
        await works(endpoint, client_keys=[*strange[1:], endpoint.key])
        assert endpoint.counters.login_failures == KEYS_MAX - 1
        with pytest.raises(GONE):
            await works(endpoint, client_keys=[*strange, endpoint.key])
        assert endpoint.counters.login_failures == 2 * KEYS_MAX - 1

    run(tmp_path, scenario)


def test_keys_in_vain_count_once_a_connection(tmp_path: Path) -> None:
    strange = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(3)]

    async def scenario(endpoint: Endpoint) -> None:
        for _ in range(2):
            assert not endpoint.counters.lockouts
            with pytest.raises(GONE):
                await works(endpoint, client_keys=strange)
        await eventually(lambda: endpoint.counters.lockouts == 1, "the lockout")

    run(tmp_path, scenario, System(retry=RetryOptions(tries_before_disconnect=2, lockout_period_s=60)))


def test_hashing_stalls_no_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are answered while as many passwords as can be are being hashed."""
    hashing, release = asyncio.Event(), threading.Event()

    def slow(password: str, hashed: str) -> bool:
        loop.call_soon_threadsafe(hashing.set)
        release.wait(DEADLINE_S)
        return False

    loop: asyncio.AbstractEventLoop

    async def scenario(endpoint: Endpoint) -> None:
        nonlocal loop
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(passwords, "matches", slow)
        async with AsyncExitStack() as stack:
            session = await Netconf.over(await stack.enter_async_context(endpoint.login()))
            attempts = [asyncio.create_task(guess(endpoint, "x")) for _ in range(8)]
            await hashing.wait()
            for _ in range(10):
                assert b"<ok/>" in await session.rpc(DISCARD)
            await works(endpoint)
            release.set()
            for result in await asyncio.gather(*attempts, return_exceptions=True):
                assert isinstance(result, GONE)

    run(tmp_path, scenario, System(retry=AT_ONCE, netconf=NetconfLimits(ssh=SshLimits(pending_login_limit=50))))
