"""The management process as its users see it: one process, the real YANG modules, ncclient."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from lxml import etree
from ncclient import NCClientError, manager
from ncclient.operations import RPCError

from applianced.datastore.awaited import BOOT_VARIABLE
from applianced.datastore.persist import CommitLog
from tests.support.until import until

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "netns-ftp.json"
PROGRAM = """
import asyncio, sys
from pathlib import Path
from applianced.errors import ApplianceError
from applianced.netconf.ssh import listen
from tests.support.no_dataplane import NoDataplane
from applianced.supervisor.management import ManagementOptions, run_management
state_dir, config, key, *shown = (Path(argument) if argument else None for argument in sys.argv[1:])
shown = dict(zip((state_dir, config, key), shown))
options = ManagementOptions(state_dir=state_dir, config=config, admin_key=key, port=0, shown=shown)
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
NAMELESS = (
    '<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><security xmlns="urn:applianced:yang:security"><policies>'
    "<global><policy><name>p</name><match><source-address>nx1</source-address><destination-address>nx2"
    "</destination-address><application>nx3</application></match><then><permit/></then></policy></global></policies>"
    "</security></config>"
)
"""A policy whose names mean nothing."""
HISTORY = "urn:applianced:yang:history"
NETCONF = "urn:ietf:params:xml:ns:netconf:base:1.0"
SYSTEM = ("subtree", '<system xmlns="urn:applianced:yang:system"/>')
APPLICATIONS = ("subtree", '<applications xmlns="urn:applianced:yang:applications"/>')


def start(
    state_dir: Path, config: Path | str, public_key: Path | str, shown: Sequence[str] = ()
) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(state_dir), str(config), str(public_key), *shown]
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


def test_the_server_counts(tmp_path: Path, keys: Path) -> None:
    with serving(tmp_path, keys) as (_, session):
        with pytest.raises(RPCError):
            session.edit_config(target="running", config=APPLICATION.format("x", 1))
        shown = str(session.get(filter=SYSTEM))
    for counted in (
        *("<in-sessions>1<", "<in-rpcs>1<", "<out-rpc-errors>1<", "<in-bad-rpcs>0<", "<login-failures>0<"),
        "<private-candidates-refused>0<",
    ):
        assert counted in shown


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


@pytest.mark.parametrize("persist", [None, "token"])
def test_a_start_of_the_machine_rolls_back_what_was_not_confirmed(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch, persist: str | None
) -> None:
    """And one of management alone, what its session would have had to confirm."""
    with serving(tmp_path, keys) as (process, session):
        session.edit_config(target="candidate", config=APPLICATION.format("one", 1))
        session.commit(confirmed=True, timeout="600", persist=persist)
        shown = str(session.get(filter=SYSTEM))
        assert "<rollback-to>1</rollback-to>" in shown
        assert f"<persistent>{str(persist is not None).lower()}</persistent>" in shown
        process.kill()
        process.wait()
    if persist:
        monkeypatch.setenv(BOOT_VARIABLE, "another")
    with serving(tmp_path, keys) as (process, session):
        assert ">one<" not in str(session.get_config("running", filter=APPLICATIONS))
        shown = str(session.get(filter=SYSTEM))
        assert "<comment>commit 2 was not confirmed before a restart: back to commit 1</comment>" in shown
        assert "awaiting-confirmation" not in shown
        with pytest.raises(RPCError):
            session.commit(persist_id="token")


@pytest.mark.parametrize("confirm", [True, False])
def test_a_kill_leaves_a_persistent_confirmed_commit_under_way(tmp_path: Path, keys: Path, confirm: bool) -> None:
    with serving(tmp_path, keys) as (process, session):
        session.edit_config(target="candidate", config=APPLICATION.format("one", 1))
        session.commit(confirmed=True, timeout="600", persist="token")
        process.kill()
        process.wait()
    with serving(tmp_path, keys) as (_, session):
        assert ">one<" in str(session.get_config("running", filter=APPLICATIONS))
        shown = str(session.get(filter=SYSTEM))
        assert "<rollback-to>1</rollback-to>" in shown
        assert "<persistent>true</persistent>" in shown
        with pytest.raises(RPCError, match="persist-id"):
            session.commit()
        if confirm:
            session.commit(persist_id="token")
        else:
            session.cancel_commit(persist_id="token")
        assert "awaiting-confirmation" not in str(session.get(filter=SYSTEM))
    with serving(tmp_path, keys) as (_, session):
        assert (">one<" in str(session.get_config("running", filter=APPLICATIONS))) is confirm


@pytest.mark.parametrize("confirm", [True, False])
def test_a_persistent_confirmed_commit_with_ncclient(tmp_path: Path, keys: Path, confirm: bool) -> None:
    with serving(tmp_path, keys) as (_, session):
        session.edit_config(target="candidate", config=APPLICATION.format("one", 1))
        session.commit(confirmed=True, persist="token")
        if confirm:
            session.commit(persist_id="token")
        else:
            session.cancel_commit(persist_id="token")
        assert (">one<" in str(session.get_config("running", filter=APPLICATIONS))) is confirm


def test_history_with_ncclient(tmp_path: Path, keys: Path) -> None:
    with serving(tmp_path, keys) as (process, session):
        session.edit_config(target="candidate", config=APPLICATION.format("one", 1))
        reply = session.dispatch(history("compare")).xml
        for line in ("protocol tcp", "destination-port 1"):
            assert f"set applications application one {line}\n" in reply
        comment = f'<comment xmlns="{HISTORY}">for the shop</comment>'
        session.dispatch(etree.fromstring(f'<commit xmlns="{NETCONF}">{comment}</commit>'))
        session.dispatch(history("save-rescue"))
        shown = str(session.get(filter=SYSTEM))
        assert "<comment>for the shop</comment>" in shown
        assert "<rescue><id>2</id>" in shown
        assert "<unchanged>" not in shown
        session.commit()
        assert re.search(
            "<unchanged><count>1</count><time>[^<]+</time><user>admin</user><client>127",
            str(session.get(filter=SYSTEM)),
        )
        process.kill()
        process.wait()
    with serving(tmp_path, keys) as (_, session):
        session.dispatch(history("rollback", "<number>1</number>"))
        session.commit()
        assert ">one<" not in str(session.get_config("running", filter=APPLICATIONS))
        session.dispatch(history("rollback", "<rescue/>"))
        session.commit()
        assert ">one<" in str(session.get_config("running", filter=APPLICATIONS))


def history(operation: str, inner: str = "") -> etree._Element:
    return etree.fromstring(f'<{operation} xmlns="{HISTORY}">{inner}</{operation}>')


def test_a_configuration_that_checks_refuse_names_its_place(tmp_path: Path, keys: Path) -> None:
    with serving(tmp_path, keys) as (_, session):
        session.edit_config(target="candidate", config=APPLICATION.format("junos-mine", 1))
        for attempt in (session.validate, session.commit):
            with pytest.raises(RPCError) as caught:
                attempt()
            assert "junos-mine" in str(caught.value.path)
        session.discard_changes()
        session.edit_config(target="candidate", config=NAMELESS)
        for attempt in (session.validate, session.commit):
            with pytest.raises(RPCError) as caught:
                attempt()
            paths = [str(each.path) for each in caught.value.errlist]
            assert [name for path in paths for name in ("nx1", "nx2", "nx3") if name in path] == ["nx1", "nx2", "nx3"]


def test_nobody_who_could_log_in_is_an_error(tmp_path: Path) -> None:
    process = start(tmp_path, EXAMPLE, "")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "no super-user could log in" in errors
    assert "--admin-key" in errors
    assert not list((tmp_path / "commits").iterdir())


def test_a_first_configuration_that_lets_netconf_in_nowhere_is_refused_on_request(tmp_path: Path, keys: Path) -> None:
    """Its interfaces are not those of this machine."""
    program = f"import socket\nsocket.if_nameindex = lambda: [(1, 'lo'), (2, 'eth0')]\n{PROGRAM}"
    program = program.replace("port=0", "port=0, require_netconf=True")
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), str(EXAMPLE), f"{keys}.pub"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "zones: NETCONF could be reached from nowhere" in done.stderr
    assert not list((tmp_path / "commits").iterdir())


@pytest.mark.parametrize("text", ["ssh-rsa garbage", "ssh-dss AAAAB3NzaC1kc3M=", "ssh-ed25519 AAAA"])
def test_a_key_that_is_none_starts_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "key.pub").write_text(text)
    process = start(tmp_path / "state", EXAMPLE, tmp_path / "key.pub")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"{tmp_path}/key.pub: " in errors
    assert "Traceback" not in errors


def test_a_commit_that_locks_everybody_out_is_refused(tmp_path: Path, keys: Path) -> None:
    nobody = (
        '<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0">'
        '<system xmlns="urn:applianced:yang:system"><login nc:operation="delete"/></system></config>'
    )
    with serving(tmp_path, keys) as (_, session):
        for option in ("test-only", "test-then-set"):
            with pytest.raises(RPCError, match="leave at least one user"):
                session.edit_config(target="candidate", config=nobody, test_option=option)
        assert "admin" in str(session.get_config("candidate", filter=SYSTEM))
        session.edit_config(target="candidate", config=nobody)
        for attempt in (session.validate, session.commit):
            with pytest.raises(RPCError, match="leave at least one user"):
                attempt()
        assert "admin" in str(session.get_config("running", filter=SYSTEM))


def test_admin_key_is_the_way_back_in(tmp_path: Path, keys: Path) -> None:
    log = CommitLog(tmp_path)
    log.stage(time_s=1.0, user="x", source="y", comment="", body=b'{"applianced-system:system": {}}').publish()
    log.close()
    with serving(tmp_path, keys) as (_, session):
        history = str(session.get(filter=SYSTEM))
        assert "<client>--admin-key</client>" in history
        assert "no super-user can log in" not in history
    process = start(tmp_path, "", "")
    try:
        assert process.stdout
        assert process.stdout.readline().startswith("ready "), "the key was stored"
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    "text", ["{", '{"nowhere:x": 1}', "<a", "<x xmlns='urn:none'/>", "{} {}", "<config>x</config>"]
)
def test_a_broken_file_is_named(tmp_path: Path, keys: Path, text: str) -> None:
    file = tmp_path / "broken"
    file.write_text(text)
    process = start(tmp_path / "state", file, Path(f"{keys}.pub"))
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert str(file) in errors
    assert "Traceback" not in errors


def test_messages_name_what_was_given(tmp_path: Path, keys: Path) -> None:
    shown = ["/given/state", "/given/file", "/given/key"]
    (tmp_path / "broken").write_text("{")
    (tmp_path / "commits").mkdir()
    for state_dir, config, key, said in (
        (tmp_path / "a", tmp_path / "broken", Path(f"{keys}.pub"), "/given/file: not well-formed JSON"),
        (tmp_path / "a", EXAMPLE, tmp_path / "broken", "/given/key"),
        (tmp_path, EXAMPLE, Path(f"{keys}.pub"), "no commit in /given/state/commits can be used"),
    ):
        (tmp_path / "commits" / "commit-0000000001.json").write_text("")
        process = start(state_dir, config, key, shown)
        _, errors = process.communicate(timeout=30)
        assert said in errors
        assert "Traceback" not in errors


def test_host_keys_are_shown_and_replaced(tmp_path: Path, keys: Path) -> None:
    regenerate = '<regenerate-ssh-host-key xmlns="urn:applianced:yang:state"/>'
    fingerprints = re.compile("<fingerprint[^>]*>(SHA256:[^<]+)<")
    with serving(tmp_path, keys) as (_, session):
        shown = str(session.get(filter=SYSTEM))
        before = fingerprints.findall(shown)
        assert len(before) == 2
        assert "PRIVATE" not in shown
        assert session.dispatch(etree.fromstring(regenerate)).ok
        after = fingerprints.findall(str(session.get(filter=SYSTEM)))
        assert not set(before) & set(after)
    with serving(tmp_path, keys) as (_, session):
        assert fingerprints.findall(str(session.get(filter=SYSTEM))) == after


CALL_HOME = (
    '<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><system xmlns="urn:applianced:yang:system"><services>'
    "<netconf><call-home><netconf-client><name>c</name><endpoint><name>e</name><address>127.0.0.1</address>"
    "<port>{}</port></endpoint><reconnect-strategy><interval>1</interval></reconnect-strategy></netconf-client>"
    "</call-home></netconf></services></system></config>"
)


def test_ncclient_is_called_home_to(tmp_path: Path, keys: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with serving(tmp_path, keys) as (_, session):
        session.edit_config(target="candidate", config=CALL_HOME.format(port))
        session.commit()
        until(lambda: "<last-failure" in str(session.get(filter=SYSTEM)), what="an attempt before anybody listens")
        home = manager.call_home(
            host="127.0.0.1",
            port=port,
            username="admin",
            key_filename=str(keys),
            hostkey_verify=False,
            look_for_keys=False,
            allow_agent=False,
        )
        shown = str(home.get(filter=SYSTEM))
        assert re.search("<connected-endpoint[^>]*>e<", shown)
        home.close_session()
