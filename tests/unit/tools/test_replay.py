"""Captures through the same code as traffic. What it tells is kept beside this file: replay/<capture>.txt."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from io import BytesIO
from ipaddress import ip_network
from pathlib import Path
from struct import pack

import pytest

from applianced.config.alg_policies import AlgPolicies, AlgPolicy, PolicyAlg
from applianced.config.schema import AlgConfig, Nat, NatMatch, NatRule, NatRuleSet, Policy
from applianced.errors import ConfigError
from applianced.main import main
from applianced.model.tuples import packed
from applianced.tools import replay as tool
from applianced.tools.capture import packets
from applianced.tools.replay import as_json, as_text, replay
from tests.support.configs import DNS_OUT, FTP_OUT, IKE_OUT, PPTP_OUT, TFTP_OUT
from tests.support.expected import compare

CAPTURES = sorted((Path(__file__).parents[2] / "captures" / "ftp").glob("*.pcap"))
OF_TFTP = sorted((Path(__file__).parents[2] / "captures" / "tftp").glob("*.pcap"))
OF_PPTP = sorted((Path(__file__).parents[2] / "captures" / "pptp").glob("*.pcap"))
OF_IKE = sorted((Path(__file__).parents[2] / "captures" / "ike").glob("*.pcap"))
OF_DNS = sorted((Path(__file__).parents[2] / "captures" / "dns").glob("*.pcap"))
EXPECTED = Path(__file__).parent / "replay"
OUTSIDE = [packed("203.0.113.1"), packed("2001:db8::99")]
LFTP = next(path for path in CAPTURES if path.name == "made-vsftpd-lftp-active.pcap")
CONFIG = {
    "applianced-security:security": {
        "zones": {
            "security-zone": [
                {"name": "trust", "interfaces": [{"name": "lan0"}]},
                {"name": "untrust", "interfaces": [{"name": "wan0"}]},
            ]
        },
        "policies": {
            "policy": [
                {
                    "from-zone-name": "trust",
                    "to-zone-name": "untrust",
                    "policy": [
                        {
                            "name": "ftp",
                            "match": {
                                "source-address": ["any"],
                                "destination-address": ["any"],
                                "application": ["junos-ftp"],
                            },
                            "then": {"permit": {}},
                        }
                    ],
                }
            ]
        },
    }
}


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_captures(capture: Path) -> None:
    lines = as_text(replay(FTP_OUT, capture, addresses=OUTSIDE)).splitlines(keepends=True)
    shown = lines if len(lines) <= 60 else [*lines[:20], f"... {len(lines) - 21} lines\n", lines[-1]]
    compare(EXPECTED / f"{capture.stem}.txt", "".join(shown))


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_routed_captures_keep_every_length(capture: Path) -> None:
    rehearsal = replay(replace(FTP_OUT, nat=Nat()), capture)
    assert all(event.fields.get("growth", 0) == 0 for event in rehearsal.events)
    assert rehearsal.counters.values()["ftp"]["length-change-refused"] == 0


@pytest.mark.parametrize("capture", OF_TFTP, ids=lambda path: path.stem)
def test_tftp(capture: Path) -> None:
    compare(EXPECTED / f"{capture.stem}.txt", as_text(replay(TFTP_OUT, capture, addresses=OUTSIDE)))


@pytest.mark.parametrize("capture", OF_PPTP, ids=lambda path: path.stem)
def test_pptp(capture: Path) -> None:
    compare(EXPECTED / f"{capture.stem}.txt", as_text(replay(PPTP_OUT, capture, addresses=OUTSIDE)))


@pytest.mark.parametrize("capture", OF_IKE, ids=lambda path: path.stem)
def test_ike(capture: Path) -> None:
    compare(EXPECTED / f"{capture.stem}.txt", as_text(replay(IKE_OUT, capture, addresses=OUTSIDE)))


@pytest.mark.parametrize("capture", OF_DNS, ids=lambda path: path.stem)
def test_dns(capture: Path) -> None:
    compare(EXPECTED / f"{capture.stem}.txt", as_text(replay(DNS_OUT, capture, addresses=OUTSIDE)))


def test_static_nat_doctors_a_replayed_answer() -> None:
    """The zones of the policy say which side a reply comes from."""
    mapping = NatRule(
        name="www",
        match=NatMatch(destinations=(ip_network("10.91.2.2/32"),)),
        action="prefix",
        prefix=ip_network("10.91.1.80/32"),
    )
    nat = Nat(static=(NatRuleSet(name="in", from_zones=("untrust",), rules=(mapping,)),))
    capture = next(path for path in OF_DNS if path.stem == "made-unbound-kdig")
    assert replay(replace(DNS_OUT, nat=nat), capture).counters.values()["dns"]["doctored"] > 0
    assert replay(replace(DNS_OUT, nat=Nat()), capture).counters.values()["dns"]["doctored"] == 0


def test_nat_rules_say_the_address() -> None:
    assert as_text(replay(FTP_OUT, LFTP)) == as_text(replay(FTP_OUT, LFTP, addresses=OUTSIDE))


def test_an_address_that_nobody_names_is_said() -> None:
    assert "does not name its address" in as_text(replay(replace(FTP_OUT, interfaces=()), LFTP))


def test_json() -> None:
    document = json.loads(as_json(replay(FTP_OUT, LFTP)))
    kinds = [event["kind"] for event in document["events"]]
    assert kinds.count("gate-opened") == kinds.count("data-session") == kinds.count("rewritten") == 2
    assert document["counters"]["ftp"]["port"] == 2
    assert document["skipped"] == 0


def test_disabled_alg_reads_nothing() -> None:
    config = replace(FTP_OUT, algs={"ftp": AlgConfig(name="ftp", state="disabled")})
    kinds = {event.kind for event in replay(config, LFTP).events}
    assert kinds == {"passed", "denied"}


@pytest.mark.parametrize("on", [True, False])
def test_the_alg_policy_of_the_zone_decides(on: bool) -> None:
    """Against the one of the device, which says the contrary."""
    said = {"zone": PolicyAlg(enabled=on), "device": PolicyAlg(enabled=not on)}
    config = replace(
        FTP_OUT,
        zones={**FTP_OUT.zones, "trust": replace(FTP_OUT.zones["trust"], alg_policy="zone")},
        alg_policies=AlgPolicies(
            policies={name: AlgPolicy(name=name, algs={"ftp": alg}) for name, alg in said.items()}, device="device"
        ),
    )
    kinds = [event.kind for event in replay(config, LFTP).events]
    assert kinds.count("gate-opened") == (2 if on else 0)
    assert on or set(kinds) == {"passed", "denied"}


def test_ftps_extension_admits_what_cannot_be_read() -> None:
    config = replace(FTP_OUT, algs={"ftp": AlgConfig(name="ftp", leaves={"ftps_extension": True})})
    events = replay(
        config, next(path for path in CAPTURES if path.name == "made-vsftpd-curl-ftps-explicit.pcap")
    ).events
    assert [event.kind for event in events] == ["session", "gate-opened", "note", "note", "data-session", "gate-closed"]


def test_zones_decide() -> None:
    events = replay(FTP_OUT, LFTP, zones=("untrust", "trust")).events
    assert {event.kind for event in events} == {"denied"}
    denied = Policy(name="no", from_zone="trust", to_zone="untrust", action="reject")
    assert replay(replace(FTP_OUT, policies=(denied,)), LFTP).events[0].fields["action"] == "reject"


def test_gates_that_the_configuration_forbids() -> None:
    config = replace(FTP_OUT, flow=replace(FTP_OUT.flow, alg_gates_per_session=0))
    kinds = [event.kind for event in replay(config, LFTP).events]
    assert "gate-refused" in kinds
    assert "refused" in kinds
    assert "gate-opened" not in kinds


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    tool.add_arguments(parser)
    return parser.parse_args(arguments)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From a configuration file, through the models, to what is printed."""
    file = tmp_path / "config.json"
    file.write_text(json.dumps(CONFIG))
    assert tool.run(parse(str(LFTP), "--config", str(file), "--outside", "203.0.113.1")) == 0
    assert "PORT 203,0,113,1," in capsys.readouterr().out
    zones = ("--from-zone", "trust", "--to-zone", "untrust")
    assert tool.run(parse(str(LFTP), "--config", str(file), "--json", *zones)) == 0
    assert json.loads(capsys.readouterr().out)["counters"]["ftp"]["gates-opened"] == 2


def test_what_compile_refuses_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(CONFIG).replace('["junos-ftp"]', '["gopher", "finger"]'))
    for command in (["replay", str(LFTP), "--config", str(file)], ["compile", str(file)]):
        assert main(command) == 1
        said = capsys.readouterr()
        assert not said.out
        assert "/match/application[.='gopher']: there is no application" in said.err
        assert "/match/application[.='finger']: there is no application" in said.err


def test_command_faults(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    with pytest.raises(ConfigError, match="No such file"):
        tool.run(parse(str(LFTP), "--config", str(file)))
    file.write_text(json.dumps(CONFIG))
    with pytest.raises(ConfigError, match="go together"):
        tool.run(parse(str(LFTP), "--config", str(file), "--to-zone", "untrust"))
    for zones, option in ((("lan", "untrust"), "--from-zone lan"), (("trust", "wan"), "--to-zone wan")):
        with pytest.raises(ConfigError, match=f"{option}: .*no such zone; its zones: trust, untrust"):
            tool.run(parse(str(LFTP), "--config", str(file), "--from-zone", zones[0], "--to-zone", zones[1]))
    with pytest.raises(ConfigError, match="No such file"):
        tool.run(parse(str(tmp_path / "none.pcap"), "--config", str(file)))
    with pytest.raises(ConfigError, match=f"{file}: neither pcap nor pcapng"):
        tool.run(parse(str(file), "--config", str(file)))


def test_what_came_before_a_fault_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, broken = tmp_path / "config.json", tmp_path / "broken.pcap"
    file.write_text(json.dumps(CONFIG))
    broken.write_bytes(LFTP.read_bytes() + pack("<IIII", 0, 0, 1 << 31, 1 << 31))
    records = sum(1 for _ in packets(BytesIO(LFTP.read_bytes())))
    arguments = ["--config", str(file), "--outside", "203.0.113.1"]
    assert main(["replay", str(LFTP), *arguments]) == 0
    whole = capsys.readouterr().out
    fault = f"{broken}: record {records + 1} claims a frame of 2147483648 octets"
    assert main(["replay", str(broken), *arguments]) == 1
    said = capsys.readouterr()
    assert said.out == whole
    assert said.err.startswith(f"applianced: {fault}")
    assert main(["replay", str(broken), *arguments, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["error"].startswith(fault)
    assert document["events"]
