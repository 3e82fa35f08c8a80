"""Host keys: made once, offered as configured, replaced on request."""

from __future__ import annotations

from pathlib import Path

import asyncssh
import pytest

from applianced.config.access import NetconfLimits, RetryOptions, SshLimits
from applianced.errors import ConfigError
from applianced.netconf.ssh.identity import Identity
from applianced.netconf.ssh.sources import Sources
from applianced.netconf.ssh.state import SshState
from applianced.northbound.alarms import Alarms
from tests.support.no_dataplane import NoDataplane
from tests.support.ssh_endpoint import Endpoint, Netconf, eventually, run


async def seen(endpoint: Endpoint, *kinds: str) -> asyncssh.SSHKey:
    """The host key that a client with these algorithms is shown."""
    async with endpoint.login(server_host_key_algs=list(kinds)) as connection:
        key = connection.get_server_host_key()
        assert key
        return key


def test_the_configuration_says_which_are_offered(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        ed25519 = await seen(endpoint, "ssh-ed25519")
        only_rsa = NetconfLimits(ssh=SshLimits(hostkey_algorithms=("rsa",)))
        await endpoint.commit(netconf=only_rsa)
        await eventually(lambda: [key.algorithm for key in endpoint.listener._identity.keys] == ["rsa"], "the key")
        assert (await seen(endpoint, "rsa-sha2-512")).get_algorithm() == "ssh-rsa"
        for refused in ("ssh-ed25519", "ssh-rsa", "rsa-sha2-256"):
            with pytest.raises(asyncssh.KeyExchangeFailed):
                await seen(endpoint, refused)
        await endpoint.commit(netconf=NetconfLimits())
        await eventually(lambda: len(endpoint.listener._identity.keys) == 2, "the keys")
        assert await seen(endpoint, "ssh-ed25519") == ed25519, "a key that was not offered for a while is the same"

    run(tmp_path, scenario)


def test_a_key_is_replaced_and_open_sessions_go_on(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        ed25519, ecdsa = await seen(endpoint, "ssh-ed25519"), await seen(endpoint, "ecdsa-sha2-nistp256")
        async with endpoint.login() as connection:
            session = await Netconf.over(connection)
            await endpoint.listener.renew_keys(["ed25519"])
            assert b"<ok/>" in await session.rpc("<discard-changes/>")
        assert await seen(endpoint, "ssh-ed25519") != ed25519
        assert await seen(endpoint, "ecdsa-sha2-nistp256") == ecdsa
        await endpoint.commit(netconf=NetconfLimits(session_limit=9))
        assert await seen(endpoint, "ssh-ed25519") != ed25519, "a commit does not bring the old one back"

    run(tmp_path, scenario)


async def _identity(directory: Path) -> Identity:
    identity = Identity(directory, Alarms())
    await identity.offer(["ed25519", "ecdsa"])
    return identity


def test_a_damaged_key_is_set_aside_with_an_alarm(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        assert [alarm.id for alarm in endpoint.configuration.alarms.standing()] == ["host-key"]
        assert (tmp_path / "host-keys" / "ssh-ed25519.damaged").read_text() == "nonsense"
        assert (await seen(endpoint, "ssh-ed25519")).get_algorithm() == "ssh-ed25519"

    (tmp_path / "host-keys").mkdir()
    (tmp_path / "host-keys" / "ssh-ed25519").write_text("nonsense")
    run(tmp_path, scenario)


def test_what_is_shown_and_who_is_forgiven(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        identity = await _identity(tmp_path)
        sources = Sources(lambda: 0.0)
        state = SshState(NoDataplane(), identity, sources, identity.regenerate, list, shown=True)
        retry = RetryOptions(tries_before_disconnect=1, lockout_period_s=60)
        for source in ("192.0.2.1", "2001:db8:0:1::/64"):
            sources.failed(source, retry, 15)
        ssh = (await state.state())["applianced-system:system"]["services"]["netconf"]["ssh"]
        first = ssh["applianced-state:host-keys"]["host-key"][0]
        assert first["algorithm"] == "ed25519"
        assert first["fingerprint"].startswith("SHA256:")
        assert asyncssh.import_public_key(first["public-key"]).get_fingerprint() == first["fingerprint"]
        assert ssh["applianced-state:lockouts"]["lockout"][0] == {"source": "192.0.2.1", "seconds-left": 60}
        await state.act("applianced-state:clear-login-lockout", {"source": "2001:db8:0:1::9"})
        assert list(sources.locked()) == ["192.0.2.1"]
        with pytest.raises(ConfigError, match="no login failed from"):
            await state.act("applianced-state:clear-login-lockout", {"source": "2001:db8:0:1::9"})
        await state.act("applianced-state:clear-login-lockout", {})
        assert not sources.locked()
        with pytest.raises(ConfigError, match="hostkey-algorithm-list"):
            await state.act("applianced-state:regenerate-ssh-host-key", {"algorithm": "rsa"})
        await state.act("applianced-state:regenerate-ssh-host-key", {"algorithm": "ecdsa"})
        assert identity.keys[0].shown() == first

    run(tmp_path, scenario)
