"""The management process as its users see it: one process, the real YANG modules, ncclient."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncssh
import pytest
from ncclient import NCClientError, manager
from ncclient.operations import RPCError

from tests.support.until import until

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "netns-ftp.json"
PROGRAM = """
import asyncio, sys
from pathlib import Path
from applianced.errors import ApplianceError
from applianced.netconf.ssh import listen
from applianced.northbound.state import NoDataplane
from applianced.supervisor.management import ManagementOptions, run_management
state_dir, config, key = (Path(argument) if argument else None for argument in sys.argv[1:])
options = ManagementOptions(state_dir=state_dir, config=config, admin_key=key, port=0)
try:
    asyncio.run(run_management(options, [], NoDataplane(), listen=listen))
except ApplianceError as error:
    sys.exit(str(error))
"""
APPLICATION = (
    '<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><applications xmlns="urn:applianced:yang:applications">'
    "<application><name>{0}</name><protocol>tcp</protocol><destination-port>{1}</destination-port></application>"
    "</applications></config>"
)
APPLICATIONS = ("subtree", '<applications xmlns="urn:applianced:yang:applications"/>')


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key file; its public half is beside it, with .pub."""
    private = tmp_path_factory.mktemp("keys") / "admin"
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(private))
    key.write_public_key(f"{private}.pub")
    return private


def start(state_dir: Path, config: Path | str, public_key: Path | str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(state_dir), str(config), str(public_key)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)


@contextmanager
def serving(state_dir: Path, keys: Path) -> Iterator[tuple[subprocess.Popen[str], manager.Manager]]:
    process = start(state_dir, EXAMPLE, Path(f"{keys}.pub"))
    try:
        assert process.stdout
        ready = process.stdout.readline()
        assert ready.startswith("ready netconf=127.0.0.1:"), process.stderr and process.stderr.read()
        session = manager.connect(
            host="127.0.0.1",
            port=int(ready.rpartition(":")[2]),
            username="admin",
            key_filename=str(keys),
            hostkey_verify=False,
            look_for_keys=False,
            allow_agent=False,
        )
        yield process, session
        # A test may have ended the process before.
        with suppress(NCClientError):
            session.close_session()
    finally:
        process.kill()
        process.communicate()


def test_configure_stop_and_start_again(tmp_path: Path, keys: Path) -> None:
    with serving(tmp_path, keys) as (process, session):
        assert "urn:ietf:params:netconf:capability:candidate:1.0" in session.server_capabilities
        with session.locked("candidate"):
            session.edit_config(target="candidate", config=APPLICATION.format("ftp-2121", 2121))
            session.validate()
            session.commit()
        process.send_signal(signal.SIGTERM)
        until(lambda: process.poll() is not None, what="the end of the process")
        assert process.returncode == 0
    with serving(tmp_path, keys) as (process, session):
        assert "ftp-2121" in str(session.get_config("running", filter=APPLICATIONS))
        history = str(session.get(filter=("subtree", '<system xmlns="urn:applianced:yang:system"/>')))
        assert history.count("<user>admin</user>") == 1
        assert "<client>127.0.0.1:" in history


def test_what_was_answered_ok_survives_a_kill(tmp_path: Path, keys: Path) -> None:
    with serving(tmp_path, keys) as (process, session):
        session.edit_config(target="candidate", config=APPLICATION.format("one", 1))
        session.commit()
        session.edit_config(target="candidate", config=APPLICATION.format("two", 2))
        process.kill()
        process.wait()
    with serving(tmp_path, keys) as (process, session):
        found = str(session.get_config("candidate", filter=APPLICATIONS))
        assert ">one<" in found
        assert ">two<" not in found


def test_a_configuration_that_checks_refuse_names_its_place(tmp_path: Path, keys: Path) -> None:
    with serving(tmp_path, keys) as (_, session):
        session.edit_config(target="candidate", config=APPLICATION.format("junos-mine", 1))
        for attempt in (session.validate, session.commit):
            with pytest.raises(RPCError) as caught:
                attempt()
            assert "junos-mine" in str(caught.value.path)


def test_nobody_who_could_log_in_is_an_error(tmp_path: Path) -> None:
    process = start(tmp_path, EXAMPLE, "")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "nobody could log in" in errors
    assert "--admin-key" in errors
    assert not list((tmp_path / "commits").iterdir())


@pytest.mark.parametrize("text", ["{", '{"nowhere:x": 1}', "<a", "<x xmlns='urn:none'/>"])
def test_a_broken_file_is_named(tmp_path: Path, keys: Path, text: str) -> None:
    file = tmp_path / "broken"
    file.write_text(text)
    process = start(tmp_path / "state", file, Path(f"{keys}.pub"))
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert str(file) in errors
    assert "Traceback" not in errors
