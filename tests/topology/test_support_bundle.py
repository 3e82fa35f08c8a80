"""Support bundles of an appliance that forwards: what the kernel and the agent know is in them, and no secret."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

from lxml import etree

from applianced.tools.ftp_server import FtpServer
from applianced.tools.namespaces import IPV4, Topology
from tests.support.appliance import Appliance
from tests.support.faults import SMALL_OCTETS, fetch_small
from tests.support.ftp_session import ftp_session
from tests.support.programs import make_file
from tests.support.until import until

OPERATIONS = "urn:applianced:yang:operations"
OP = {"op": OPERATIONS}
TRACE_OF_FTP = (
    '<alg xmlns="urn:applianced:yang:alg"><traceoptions><file><filename>ftp.trace</filename></file>'
    '<level>extensive</level></traceoptions><ftp xmlns="urn:applianced:yang:alg-ftp"><traceoptions><flag>'
    "<name>all</name></flag></traceoptions></ftp></alg>"
)
HASH = "$6$rounds=5000$Pq8fT1xW9nLk3c2d$" + "Zk3J.w" * 14 + "ab"
USER = (
    '<system xmlns="urn:applianced:yang:system"><login><user><name>robot</name><authentication>'
    f"<encrypted-password>{HASH}</encrypted-password></authentication></user></login></system>"
)


def ask(appliance: Appliance, rpc: str, content: str = "") -> etree._Element:
    reply = appliance.netconf.session.dispatch(etree.fromstring(f'<{rpc} xmlns="{OPERATIONS}">{content}</{rpc}>'))
    return etree.fromstring(reply.xml.encode())


def files_of(archive: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
        contents = {member.name.partition("/")[2]: opened.extractfile(member) for member in opened.getmembers()}
        return {name: file.read().decode() for name, file in contents.items() if file is not None}


def check(files: dict[str, str], appliance: Appliance) -> None:
    """What both ways of making a bundle have in common."""
    assert "chain" in files["kernel/rules.nft"]
    assert "map dnat4" in files["kernel/gates.nft"]
    assert "table inet rules" in files["kernel/rules-as-loaded.nft"]
    assert "tcp established control policy" in files["kernel/connections.txt"]
    assert "nftables v" in files["kernel/versions.txt"]
    assert "net/netfilter/nf_conntrack_max = " in files["kernel/sysctls.txt"]
    assert any("RT_ALG_GATE_OPEN" in text for name, text in files.items() if name.startswith("logs/trace/"))
    state = files["state.json"]
    for part in ("gates-opened", "control-session", "applianced-state:workers", "high-water", "hit-count"):
        assert part in state, part
    assert json.loads(files["configuration.json"])["applianced-system:system"]["login"]["user"][0]["name"] == "admin"
    whole = "\n".join(files.values())
    assert HASH not in whole
    assert appliance.key.with_suffix(".pub").read_text().split()[1] not in whole


def test_bundles(topology: Topology, appliance: Appliance, server: FtpServer, tmp_path: Path) -> None:
    make_file(server.files / "small", SMALL_OCTETS)
    appliance.netconf.edit(USER)
    appliance.push(TRACE_OF_FTP)
    with ftp_session(topology, server, IPV4) as session:
        fetch_small(session)
        traces = appliance.directory / "state" / "dataplane" / "trace"
        until(lambda: any("GATE_OPEN" in file.read_text() for file in traces.glob("ftp.trace")), what="the trace")
        made = ask(appliance, "make-support-bundle")
        assert made.find("op:missing", OP) is None
        name = made.findtext("op:name", namespaces=OP)
        part = ask(appliance, "get-support-bundle", f"<name>{name}</name><length>1048576</length>")
        files = files_of(base64.b64decode(part.findtext("op:content", default="", namespaces=OP)))
        check(files, appliance)
        assert "ietf-netconf-monitoring:netconf-state" in files["state.json"]

        output = tmp_path / "mine.tar.gz"
        command = [sys.executable, "-m", "applianced", "support-bundle", "--state-dir"]
        command += [str(appliance.directory / "state"), "--output", str(output)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str(output)
        assert "missing: logs/management.log" in done.stderr
        check(files_of(output.read_bytes()), appliance)
        assert output.stat().st_mode & 0o777 == 0o600
        again = subprocess.run(command, capture_output=True, text=True, check=False)
        assert again.returncode == 1
        assert "File exists" in again.stderr
        fetch_small(session)
