"""The collection as operators run it: ansible-playbook over both connections, built, installed, and documented."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.ansible.playbooks import DIRECT, PERSISTENT, environment, host, program, run
from tests.ansible.runner import COLLECTION
from tests.support.served import HOST, PASSWORD, Served
from tests.support.until import until

OURS = "applianced.appliance"
CONFIG = [{"name": "ftp-2121", "protocol": "tcp", "destination_port": "2121", "application_protocol": "ftp"}]


def tasks() -> list[dict[str, Any]]:
    merged = {f"{OURS}.applications": {"config": CONFIG}}
    return [
        {"name": "foreseen", "check_mode": True, **merged},
        {"name": "done", **merged},
        {"name": "again", **merged},
        {"name": "there", f"{OURS}.applications": {"state": "gathered"}},
        {"name": "rendered", f"{OURS}.applications": {"state": "rendered", "config": CONFIG}},
        {"name": "facts", f"{OURS}.facts": {"gather_network_resources": ["zones"]}},
        {
            "name": "seen",
            "ansible.builtin.assert": {"that": "ansible_network_resources.zones.security_zone | length == 2"},
        },
        {
            "name": "wrong",
            "ignore_errors": True,
            f"{OURS}.applications": {"config": [{"name": "x", "protocool": "tcp"}]},
        },
        {"name": "refused", "ignore_errors": True, f"{OURS}.config": {"path": "/system/host-name", "config": "-"}},
        {"name": "gone", f"{OURS}.applications": {"state": "deleted"}},
    ]


@pytest.mark.parametrize("connection", [PERSISTENT, DIRECT])
def test_over_both_connections(server: Served, tmp_path: Path, connection: str) -> None:
    results = run(tmp_path, {"gw": host(server, connection)}, tasks(), "--diff")["gw"]
    for name in ("foreseen", "done", "again", "there", "rendered", "facts", "seen", "gone"):
        assert not results[name].get("failed"), json.dumps(results[name])[:2000]
    assert results["foreseen"]["commands"] == results["done"]["commands"]
    assert results["foreseen"]["diff"] == results["done"]["diff"]
    assert [results[name]["changed"] for name in ("foreseen", "done", "again", "there", "gone")] == [
        True,
        True,
        False,
        False,
        True,
    ]
    assert results["again"]["round_trips"] == 1
    assert results["there"]["gathered"] == CONFIG
    assert results["wrong"]["failed"]
    assert "protocool" in results["wrong"]["msg"]
    assert results["refused"]["error"]["path"] == "/system/host-name"
    remembered = list((tmp_path / ".ansible" / "applianced").iterdir())
    assert len(remembered) == 1


def test_what_netcommon_has_works_with_our_plugin(server: Served, tmp_path: Path) -> None:
    wanted = '<system xmlns="urn:applianced:yang:system"><host-name/></system>'
    read = {"name": "read", "ansible.netcommon.netconf_get": {"source": "running", "filter": wanted}}
    results = run(tmp_path, {"gw": host(server, PERSISTENT)}, [read])["gw"]
    assert "host-name" in results["read"]["stdout"]


def test_without_the_right_key_an_appliance_is_unreachable(server: Served, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    task = {"name": "read", f"{OURS}.facts": {}}
    hosts = {"gw": {**host(server, DIRECT), "ansible_ssh_private_key_file": str(other)}, "good": host(server, DIRECT)}
    results = run(tmp_path, hosts, [task])
    assert results["gw"]["read"]["unreachable"]
    assert "Permission denied" in results["gw"]["read"]["msg"]
    assert results["good"]["read"]["ansible_facts"]["ansible_net_hostname"]


def test_a_password_logs_in_over_netcommon(server: Served, tmp_path: Path) -> None:
    by_key = host(server, PERSISTENT)
    variables = {name: value for name, value in by_key.items() if name != "ansible_ssh_private_key_file"}
    tasks = [
        {"name": "done", f"{OURS}.applications": {"config": CONFIG}},
        {"name": "again", f"{OURS}.applications": {"config": CONFIG}},
        {"name": "gone", f"{OURS}.applications": {"state": "deleted"}},
    ]
    results = run(tmp_path, {"gw": {**variables, "ansible_password": PASSWORD}}, tasks)["gw"]
    assert [results[name]["changed"] for name in ("done", "again", "gone")] == [True, False, True]
    refused = run(tmp_path, {"gw": {**variables, "ansible_password": "wrong"}}, tasks[:1])["gw"]
    assert "Authentication failed" in json.dumps(refused["done"])


def test_connections_are_shared_between_playbooks(server: Served, tmp_path: Path) -> None:
    sockets = Path(tempfile.mkdtemp(prefix="cp-"))
    try:
        hosts = {"gw": {**host(server, DIRECT), "ansible_control_path_dir": str(sockets)}}
        for _round in range(2):
            assert run(tmp_path, hosts, [{"name": "read", f"{OURS}.facts": {}}])["gw"]["read"]["round_trips"] == 1
            assert len(list(sockets.iterdir())) == 1
        until(lambda: not list(sockets.iterdir()), timeout_s=20)
    finally:
        shutil.rmtree(sockets)


def test_a_connection_that_is_not_shared(server: Served, tmp_path: Path) -> None:
    """What ~/.ssh/config says of sharing does not let a key in that the appliance does not know."""
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    sockets = Path(tempfile.mkdtemp(prefix="cp-"))
    settings = tmp_path / "ssh_config"
    settings.write_text(f"Host *\n  ControlMaster auto\n  ControlPersist 10\n  ControlPath {sockets}/%C\n")
    try:
        arguments = {"ansible_ssh_common_args": f"-F {settings}", "ansible_netconf_control_persist": 0}
        good = {**host(server, DIRECT), **arguments}
        shared = {**good, "ansible_netconf_control_persist": 10, "ansible_control_path_dir": str(sockets)}
        bad = {**good, "ansible_ssh_private_key_file": str(other)}
        task = {"name": "read", f"{OURS}.facts": {}}
        assert not run(tmp_path, {"gw": shared}, [task])["gw"]["read"].get("unreachable")
        assert len(list(sockets.iterdir())) == 1
        assert not run(tmp_path, {"gw": good}, [task])["gw"]["read"].get("unreachable")
        assert run(tmp_path, {"gw": bad}, [task])["gw"]["read"]["unreachable"]
        until(lambda: not list(sockets.iterdir()), timeout_s=30)
    finally:
        shutil.rmtree(sockets)


def test_a_reset_logs_in_anew_and_ends_no_other_session(server: Served, tmp_path: Path) -> None:
    sockets = Path(tempfile.mkdtemp(prefix="cp-"))
    base = "urn:ietf:params:xml:ns:netconf:base:1.0"
    read = {"name": "read", f"{OURS}.facts": {}}
    hosts = {"gw": {**host(server, DIRECT), "ansible_control_path_dir": str(sockets)}}
    try:
        run(tmp_path, hosts, [read])
        (before,) = (path.stat().st_ino for path in sockets.iterdir())
        command = ["ssh", "-o", f"ControlPath={sockets}/%C", "-o", "ControlMaster=no", "-o", "BatchMode=yes"]
        other = subprocess.Popen(
            [*command, "-p", str(server.port), "-l", "admin", "-s", HOST, "netconf"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert other.stdout
        assert other.stdout.read(1) == "<", "it shares the connection"
        run(tmp_path, hosts, [{"name": "reset", "ansible.builtin.meta": "reset_connection"}, read])
        (after,) = (path.stat().st_ino for path in sockets.iterdir())
        assert after != before
        capability = "<capability>urn:ietf:params:netconf:base:1.0</capability>"
        hello = f'<hello xmlns="{base}"><capabilities>{capability}</capabilities></hello>]]>]]>'
        told, _errors = other.communicate(f'{hello}<rpc xmlns="{base}" message-id="7"><close-session/></rpc>]]>]]>', 20)
        assert 'message-id="7"' in told
        assert "<ok/>" in told
        until(lambda: not list(sockets.iterdir()), timeout_s=20)
    finally:
        shutil.rmtree(sockets)


def test_built_installed_and_documented(tmp_path: Path) -> None:
    settings = environment(tmp_path, tmp_path / "installed")
    galaxy = [program("ansible-galaxy"), "collection"]

    def quietly(*command: str) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    quietly(*galaxy, "build", str(COLLECTION), "--output-path", str(tmp_path))
    (archive,) = tmp_path.glob("applianced-appliance-*.tar.gz")
    quietly(*galaxy, "install", "--offline", "--no-deps", str(archive), "-p", str(tmp_path / "installed"))
    names = [f"{OURS}.{path.stem}" for path in (COLLECTION / "plugins" / "modules").glob("*.py")]
    shown = json.loads(quietly(program("ansible-doc"), "--json", *names))
    assert set(shown) == set(names)
    assert all(entry["doc"]["filename"].startswith(str(tmp_path / "installed")) for entry in shown.values())
    assert all(entry["examples"] and entry["return"] for entry in shown.values())
    for kind, name in (("connection", f"{OURS}.netconf"), ("netconf", f"{OURS}.applianced")):
        assert "appliance" in quietly(program("ansible-doc"), "-t", kind, name)
