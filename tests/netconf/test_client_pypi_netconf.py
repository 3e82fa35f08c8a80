"""The PyPI package `netconf`: its client.

It qualifies the attribute message-id, offers both framings, and logs in with a key as paramiko knows it. Its server
half does not load beside a paramiko of today; its client does.
"""

from __future__ import annotations

from collections.abc import Iterator

import paramiko  # type: ignore[import-untyped]
import pytest
from netconf.client import NetconfSSHSession  # type: ignore[import-untyped]
from netconf.error import RPCError  # type: ignore[import-untyped]

from tests.support.served import APPLICATIONS, HOST, PASSWORD, SYSTEM, Served, application, applications, config, served

NC = "{urn:ietf:params:xml:ns:netconf:base:1.0}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("pypi")) as running:
        yield running


def test_everything_it_can(server: Served) -> None:
    key = paramiko.Ed25519Key.from_private_key_file(str(server.key))
    with NetconfSSHSession(HOST, server.port, "admin", key) as session:
        assert any(uri.endswith(":candidate:1.0") for uri in session.capabilities)
        session.lock("candidate")
        reply = session.edit_config("candidate", "merge", config(applications(application("pypi", 2121))))
        assert reply.find(f"{NC}ok") is not None
        session.send_rpc("<nc:validate><nc:source><nc:candidate/></nc:source></nc:validate>")
        session.send_rpc("<nc:commit/>")
        session.unlock("candidate")
        data = session.get_config("running", f'<applications xmlns="{APPLICATIONS}"/>')
        assert "pypi" in [name.text for name in data.iter(f"{{{APPLICATIONS}}}name")]
        assert session.get(f'<system xmlns="{SYSTEM}"/>').find(f"{{{SYSTEM}}}system") is not None
        with pytest.raises(RPCError) as caught:
            session.edit_config("running", "merge", config(""))
        assert "operation-not-supported" in str(caught.value)
        with pytest.raises(RPCError):
            session.send_rpc("<frob/>")


def test_with_a_password(server: Served) -> None:
    with NetconfSSHSession(HOST, server.port, "admin", PASSWORD) as session:
        assert session.get_config("running").find(f"{{{SYSTEM}}}system") is not None
