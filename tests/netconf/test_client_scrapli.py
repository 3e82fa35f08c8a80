"""scrapli-netconf, over OpenSSH and over asyncssh, in both framings."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from scrapli_netconf.driver import AsyncNetconfDriver, NetconfDriver

from tests.support.served import APPLICATIONS, HOST, NETCONF, Served, application, applications, config, served

FILTER = f'<applications xmlns="{APPLICATIONS}"/>'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("scrapli")) as running:
        yield running


def options(server: Served, **more: Any) -> dict[str, Any]:
    return {
        "host": HOST,
        "port": server.port,
        "auth_username": "admin",
        "auth_private_key": str(server.key),
        "auth_strict_key": False,
        "ssh_config_file": False,
        **more,
    }


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_everything_it_can(server: Served, version: str) -> None:
    name = f"scrapli-{version}"
    with NetconfDriver(**options(server, preferred_netconf_version=version)) as driver:
        assert driver.netconf_version.value.endswith(version)
        assert driver.lock("candidate").failed is False
        assert driver.edit_config(config(applications(application(name, 2121))), target="candidate").failed is False
        assert driver.validate("candidate").failed is False
        assert driver.commit().failed is False
        assert driver.unlock("candidate").failed is False
        reply = driver.get_config("running", filter_=FILTER)
        assert f"<name>{name}</name>" in reply.result
        # It has no way to declare the prefixes of an XPath, and puts it in single quotes.
        xpath = f'/*/*[local-name()="application"][*="{name}"]'
        found = driver.get_config("running", filter_=xpath, filter_type="xpath")
        assert not found.failed
        assert found.result.count("<name>") == 1
        assert f"<name>{name}</name>" in found.result
        assert any(":candidate:1.0" in uri for uri in driver.server_capabilities)
        assert "<commits" in driver.get('<system xmlns="urn:applianced:yang:system"/>').result
        assert driver.copy_config("running", "candidate").failed is False
        assert driver.discard().failed is False
        assert driver.commit(confirmed=True, timeout=60, persist=name).failed is False
        assert driver.commit(persist_id=name).failed is False
        assert driver.rpc("<get-config><source><running/></source></get-config>").failed is False
        with pytest.warns(UserWarning, match="Invalid datastore target"):
            edited = driver.edit_config("<config/>", target="running")
        for failing in (driver.delete_config(target="candidate"), edited):
            assert failing.failed
            assert "operation-not-supported" in failing.result


def test_asynchronously(server: Served) -> None:
    async def play() -> list[str]:
        async with AsyncNetconfDriver(**options(server, transport="asyncssh")) as driver:
            edited = await driver.edit_config(
                config(applications(application("scrapli-async", 2122))), target="candidate"
            )
            committed = await driver.commit()
            assert not edited.failed
            assert not committed.failed
            for done in (
                await driver.lock("candidate"),
                await driver.copy_config("running", "candidate"),
                await driver.validate("candidate"),
                await driver.discard(),
                await driver.unlock("candidate"),
                await driver.get(filter_=FILTER),
                await driver.rpc("<get-config><source><running/></source></get-config>"),
            ):
                assert not done.failed
            assert (await driver.delete_config(target="candidate")).failed
            return [(await driver.get_config("running", filter_=FILTER)).result for _ in range(3)]

    results = asyncio.run(play())
    assert all("<name>scrapli-async</name>" in result for result in results)
    assert NETCONF in results[0]
