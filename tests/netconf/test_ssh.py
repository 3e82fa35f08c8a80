"""NETCONF over real SSH on loopback: logins, refusals, sessions that vanish, strangers that stall."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import asyncssh
import pytest

from applianced.netconf.framing import Framing, frame
from tests.support.netconf_session import DEADLINE_S, NC
from tests.support.shop import PASSWORD
from tests.support.ssh_endpoint import Endpoint, Netconf, run

LOCK = "<lock><target><candidate/></target></lock>"


@pytest.mark.parametrize("options", [{}, {"client_keys": None, "password": PASSWORD}])
def test_login_by_key_or_password(tmp_path: Path, options: dict[str, object]) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login(**options) as connection:
            session = await Netconf.over(connection)
            assert b"<title>t</title>" in await session.rpc("<get-config><source><running/></source></get-config>")

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    "options",
    [
        {"client_keys": None, "password": "wrong"},
        {"client_keys": [asyncssh.generate_private_key("ssh-ed25519")]},
        {"username": "stranger"},
        {"username": "stranger", "client_keys": None, "password": PASSWORD},
        {"username": "nosecret", "client_keys": None, "password": ""},
    ],
    ids=["wrong password", "unknown key", "unknown user", "unknown user with password", "user without a secret"],
)
def test_login_refused(tmp_path: Path, options: dict[str, object]) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        with pytest.raises(asyncssh.PermissionDenied):
            async with endpoint.login(**options):
                pass

    run(tmp_path, scenario)


def test_there_is_no_shell(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login() as connection:
            for refused in (connection.run("id"), connection.open_session(subsystem="sftp")):
                with pytest.raises(asyncssh.ChannelOpenError):
                    await refused

    run(tmp_path, scenario)


def test_host_keys_stay_the_same(tmp_path: Path) -> None:
    seen: list[bytes] = []

    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login() as connection:
            host_key = connection.get_server_host_key()
            assert host_key
            seen.append(host_key.public_data)

    run(tmp_path, scenario)
    run(tmp_path, scenario)
    assert seen[0] == seen[1]
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "host-keys").iterdir()} == {0o600}


def test_a_dropped_connection_releases_its_lock(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(endpoint.login())
            two = await Netconf.over(await stack.enter_async_context(endpoint.login()))
            assert b"<ok/>" in await (await Netconf.over(one)).rpc(LOCK)
            assert b"lock-denied" in await two.rpc(LOCK)
            one.abort()
            async with asyncio.timeout(DEADLINE_S):
                while b"<ok/>" not in await two.rpc(LOCK):
                    await asyncio.sleep(0.01)

    run(tmp_path, scenario)


def test_kill_session_closes_the_other_one(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login() as connection:
            one, two = await Netconf.over(connection), await Netconf.over(connection)
            assert b"<ok/>" in await two.rpc("<kill-session><session-id>1</session-id></kill-session>")
            async with asyncio.timeout(DEADLINE_S):
                assert await one.reader.read() == b""
            assert b"<ok/>" in await two.rpc("<discard-changes/>")

    run(tmp_path, scenario)


def test_close_session_answers_then_closes(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login() as connection:
            session = await Netconf.over(connection)
            assert b"<ok/>" in await session.rpc("<close-session/>")
            async with asyncio.timeout(DEADLINE_S):
                assert await session.reader.read() == b""

    run(tmp_path, scenario)


def test_a_session_that_reads_nothing_holds_up_nobody(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login() as lazy, endpoint.login() as other:
            stuck = await Netconf.over(lazy)
            stuck.reader.channel.pause_reading()
            request = frame(f'<rpc xmlns="{NC}" message-id="1"><get/></rpc>'.encode(), Framing.CHUNKED)
            stuck.writer.write(request * 2000)
            session = await Netconf.over(other)
            assert b"<ok/>" in await session.rpc("<discard-changes/>")

    run(tmp_path, scenario)
