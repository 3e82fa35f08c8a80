"""What `applianced compile` prints, and that nft loads it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from applianced.main import main

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "netns-ftp.json"
CALL_HOME = {"netconf-client": [{"name": "c", "endpoint": [{"name": "e", "address": "192.0.2.1"}]}]}


def printed(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert main(["compile", str(EXAMPLE), *options]) == 0
    return capsys.readouterr().out


def test_both_tables_in_the_order_of_loading(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys)
    assert text.startswith("# Two tables: gates")
    assert "sequence_offsets" in text.partition("table inet gates")[0], "a comment says what is not in it"
    assert text.index("table inet gates {") < text.index("table inet rules {}")
    assert "queue num" not in text


def test_policy_table_alone(capsys: pytest.CaptureFixture[str]) -> None:
    both, alone = printed(capsys), printed(capsys, "--policy-only")
    assert alone.startswith("table inet rules {}")
    assert both.endswith(alone)


def test_queue_rules_where_the_kernel_has_them(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--queue-statement")
    assert "queue num 0" in text
    assert "xt NFQUEUE" not in text


def test_flow_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert printed(capsys, "--flow-table") == ""
    config = json.loads(EXAMPLE.read_text())
    pair = config["applianced-security:security"]["policies"]["policy"][0]
    pair["policy"][0]["then"] = {"permit": {"services-offload": [None]}}
    changed = tmp_path / "offload.json"
    changed.write_text(json.dumps(config))
    assert main(["compile", str(changed), "--flow-table"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("table inet fastpath {}")
    assert 'devices = { "lan0", "wan0" }' in text


def test_whole_plan(capsys: pytest.CaptureFixture[str]) -> None:
    plan = json.loads(printed(capsys, "--json"))
    assert plan["ruleset"] == printed(capsys, "--policy-only")


@pytest.mark.parametrize(
    ("services", "call_home", "interfaces", "reachable"),
    [
        (["netconf"], False, ["lo", "lan0"], True),
        (["netconf"], False, ["lo", "eth0"], False),
        (["ping"], False, ["lo", "lan0"], False),
        (["ping"], True, ["lo", "lan0"], True),
        (["netconf"], False, ["lo"], True),
    ],
)
def test_what_lets_netconf_in_nowhere_is_refused_on_request(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    services: list[str],
    call_home: bool,
    interfaces: list[str],
    reachable: bool,
) -> None:
    """Unless it calls somebody."""
    monkeypatch.setattr(socket, "if_nameindex", lambda: list(enumerate(interfaces, start=1)))
    config = json.loads(EXAMPLE.read_text())
    for zone in config["applianced-security:security"]["zones"]["security-zone"]:
        zone["host-inbound-traffic"] = {"system-services": [{"name": name} for name in services]}
    if call_home:
        config.setdefault("applianced-system:system", {})["services"] = {"netconf": {"call-home": CALL_HOME}}
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(config))
    assert main(["compile", str(changed), "--policy-only"]) == 0
    assert main(["compile", str(changed), "--policy-only", "--require-netconf"]) == (not reachable)
    assert ("NETCONF could be reached from nowhere" in capsys.readouterr().err) is (not reachable)


def test_one_form_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["compile", str(EXAMPLE), "--json", "--policy-only"])
    assert "not allowed with" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a network namespace: needs root")
def test_loads_into_an_empty_namespace(capsys: pytest.CaptureFixture[str]) -> None:
    script = "nft --file - && nft list tables"
    loaded = subprocess.run(
        ["unshare", "--net", "sh", "-c", script],
        input=printed(capsys),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert not loaded.stderr
    assert loaded.stdout.split("\n") == ["table inet gates", "table inet rules", ""]
