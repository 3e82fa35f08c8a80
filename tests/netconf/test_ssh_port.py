"""The SSH port follows the configuration: at the commit, or not at all."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

import asyncssh
import pytest

from applianced.config.schema import System
from applianced.errors import ConfigError
from applianced.northbound.faults import said
from applianced.northbound.transaction import CommitError
from applianced.tools.serving import free_port
from tests.support.ssh_endpoint import Endpoint, Netconf, run
from tests.unit.northbound.test_configuration import Kernel

HOST = "127.0.0.1"
GET = "<get-config><source><running/></source></get-config>"


async def answers(port: int) -> bool:
    with suppress(OSError):
        _, writer = await asyncio.open_connection(HOST, port)
        writer.close()
        return True
    return False


def test_the_port_moves_and_open_sessions_go_on(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        before, after = endpoint.port, free_port(HOST)
        async with endpoint.login() as connection:
            session = await Netconf.over(connection)
            await endpoint.commit(netconf_port=after)
            assert endpoint.port == after
            assert not await answers(before)
            assert b"<title>" in await session.rpc(GET)
            # One more session over the connection that came in at the former port.
            assert b"<title>" in await (await Netconf.over(connection)).rpc(GET)
            async with endpoint.login() as later:
                assert b"<title>" in await (await Netconf.over(later)).rpc(GET)
            # And back, while the session is open.
            await endpoint.commit(netconf_port=before)
            assert endpoint.port == before
            assert not await answers(after)
            assert b"<title>" in await session.rpc(GET)

    run(tmp_path, scenario, follows=True)


def test_a_port_that_is_taken_refuses_the_commit(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        before = endpoint.port
        with socket.create_server((HOST, 0)) as taken, pytest.raises(CommitError) as caught:
            await endpoint.commit(netconf_port=taken.getsockname()[1])
        fault = said(caught.value)[0]
        assert fault.path == "/applianced-system:system/services/netconf/ssh/port"
        assert "Address already in use; choose another port" in fault.message
        assert endpoint.port == before
        assert endpoint.configuration.config.system.netconf_port == before
        async with endpoint.login() as connection:
            assert b"<title>" in await (await Netconf.over(connection)).rpc(GET)

    run(tmp_path, scenario, follows=True)


@pytest.mark.parametrize("phase", ["prepare", "apply", "verify"])
def test_a_commit_that_others_refuse_moves_nothing(tmp_path: Path, phase: str) -> None:
    class Picky(Kernel):
        async def apply(self) -> None:
            self._may("apply")
            self.ruleset = self.wanted

    async def scenario(endpoint: Endpoint) -> None:
        before, after = endpoint.port, free_port(HOST)
        refusing = Picky()
        endpoint.configuration.join(refusing)
        refusing.fails = phase
        with pytest.raises(CommitError):
            await endpoint.commit(netconf_port=after)
        assert endpoint.port == before
        assert not await answers(after)
        refusing.fails = ""
        await endpoint.commit(netconf_port=after)
        assert endpoint.port == after
        assert not await answers(before)

    run(tmp_path, scenario, follows=True)


def test_a_port_of_the_command_line_stays(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        before, after = endpoint.port, free_port(HOST)
        await endpoint.commit(netconf_port=after)
        assert endpoint.port == before
        assert not await answers(after)

    run(tmp_path, scenario, System(netconf_port=830))


def test_limits_of_the_same_commit_count_at_the_new_port(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        limits = endpoint.system.netconf
        ssh = type(limits.ssh)(login_grace_time_s=1)
        await endpoint.commit(netconf_port=free_port(HOST), netconf=type(limits)(ssh=ssh))
        reader, writer = await asyncio.open_connection(HOST, endpoint.port)
        async with asyncio.timeout(8):
            assert (await reader.read()).startswith(b"SSH-2.0-")
        writer.close()
        with pytest.raises(asyncssh.PermissionDenied):
            async with endpoint.login(client_keys=None, password="wrong"):
                pass

    run(tmp_path, scenario, follows=True)


def test_a_bad_port_names_its_leaf() -> None:
    from applianced.supervisor.address import rebind

    with socket.create_server((HOST, 0)) as taken, pytest.raises(ConfigError, match="choose another port"):
        rebind(HOST, taken.getsockname()[1])
