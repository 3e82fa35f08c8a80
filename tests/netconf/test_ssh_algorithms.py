"""Only current algorithms: each old one is refused, and the log says what was offered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncssh
import pytest

from applianced.config.logins import KEY_TYPES
from applianced.config.schema import System, User
from applianced.netconf.ssh.algorithms import OFFERED
from tests.support.ssh_endpoint import Endpoint, Netconf, eventually, run

DISCARD = "<discard-changes/>"


def _system(key: asyncssh.SSHKey) -> System:
    """A system where `other` has this key."""
    return System(users={"other": User(name="other", keys=(key.export_public_key().decode().strip(),))})


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_a_user_key_of_every_current_type(tmp_path: Path, kind: str) -> None:
    key = asyncssh.generate_private_key(kind)

    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login(username="other", client_keys=[key]) as connection:
            assert b"<ok/>" in await (await Netconf.over(connection)).rpc(DISCARD)

    run(tmp_path, scenario, _system(key))


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256"])
def test_a_host_key_of_every_type(tmp_path: Path, kind: str) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login(server_host_key_algs=[kind]) as connection:
            host_key = connection.get_server_host_key()
            assert host_key
            assert host_key.get_algorithm() == kind

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"kex_algs": ["diffie-hellman-group14-sha1"]}, "diffie-hellman-group14-sha1"),
        ({"kex_algs": ["diffie-hellman-group1-sha1"]}, "diffie-hellman-group1-sha1"),
        ({"kex_algs": ["diffie-hellman-group-exchange-sha1"]}, "diffie-hellman-group-exchange-sha1"),
        ({"mac_algs": ["hmac-sha1"], "encryption_algs": ["aes128-ctr"]}, "hmac-sha1"),
        ({"mac_algs": ["hmac-md5"], "encryption_algs": ["aes128-ctr"]}, "hmac-md5"),
        ({"encryption_algs": ["aes128-cbc"]}, "aes128-cbc"),
        ({"encryption_algs": ["3des-cbc"]}, "3des-cbc"),
        ({"encryption_algs": ["chacha20-poly1305@openssh.com"]}, "chacha20-poly1305@openssh.com"),
        ({"server_host_key_algs": ["ssh-rsa"]}, ""),
    ],
)
def test_an_old_algorithm_is_refused_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, options: dict[str, Any], named: str
) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        with pytest.raises(asyncssh.KeyExchangeFailed):
            async with endpoint.login(**options):
                pass
        await eventually(lambda: "has no current algorithm in common" in caplog.text, "the log line")
        assert "login refused: 127.0.0.1:" in caplog.text
        assert named in caplog.text

    run(tmp_path, scenario)


def test_an_rsa_key_may_not_sign_with_sha1(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    key = asyncssh.generate_private_key("ssh-rsa")
    (pair,) = asyncssh.load_keypairs([key])
    pair.set_sig_algorithm(b"ssh-rsa")
    pair.sig_algorithms = [b"ssh-rsa"]

    async def scenario(endpoint: Endpoint) -> None:
        with pytest.raises(asyncssh.PermissionDenied):
            async with endpoint.login(username="other", client_keys=[pair], signature_algs=["ssh-rsa"]):
                pass
        assert "user 'other' from 127.0.0.1:" in caplog.text
        assert "by publickey: signed with ssh-rsa, which is SHA-1" in caplog.text
        assert endpoint.counters.login_failures == 1

    run(tmp_path, scenario, _system(key))


@pytest.mark.parametrize("kind", ["ssh-dss", "ssh-ed448"])
def test_a_user_key_of_another_type_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str) -> None:
    key = asyncssh.generate_private_key(kind)

    async def scenario(endpoint: Endpoint) -> None:
        with pytest.raises(asyncssh.PermissionDenied):
            async with endpoint.login(client_keys=[key], signature_algs=[kind]):
                pass
        assert f"by publickey: keys of type {kind} are not accepted" in caplog.text

    run(tmp_path, scenario)


def test_nothing_offered_rests_on_what_is_broken() -> None:
    offered = [name for names in OFFERED.values() for name in names]
    assert not [name for name in offered if any(old in name for old in ("sha1", "md5", "cbc", "dss", "arcfour"))]
    assert "ssh-rsa" not in offered
