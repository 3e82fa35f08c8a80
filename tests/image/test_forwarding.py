"""Real traffic through the image: its kernel has what the development kernel may lack."""

from __future__ import annotations

import base64
import filecmp
import io
import re
import tarfile
from pathlib import Path

import pytest
from lxml import etree

from applianced.tools.ftp_server import FtpServer, vsftpd
from applianced.tools.lab_report import state_of
from applianced.tools.namespaces import IPV4, PLANS, run
from applianced.tools.netconf_client import PREFIXES
from tests.image.lab import Lab
from tests.image.scan import answering_ports, open_ports
from tests.support.until import until

OPERATIONS = "urn:applianced:yang:operations"
SIZE_OCTETS = 300_000


@pytest.fixture(scope="module")
def server(lab: Lab) -> FtpServer:
    directory = lab.directory / "server"
    directory.mkdir()
    made = vsftpd(lab.topology, directory)
    (made.files / "file").write_bytes(bytes(range(256)) * (SIZE_OCTETS // 256))
    (made.files / "file").chmod(0o644)
    return made


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("mode", [["--ftp-port", "-"], ["--ftp-pasv"]], ids=["active", "passive"])
def test_ftp_through_source_nat(lab: Lab, server: FtpServer, mode: list[str], version: int, tmp_path: Path) -> None:
    """The server has no route to the client: an announcement that is not translated ends in nothing."""
    copy = tmp_path / "copy"
    url = server.url(PLANS[version], "file")
    lab.topology.run(lab.topology.client, ["curl", "-sS", *mode, "-o", str(copy), url], timeout_s=120)
    assert filecmp.cmp(copy, server.files / "file", shallow=False)


def counters(lab: Lab, alg: str) -> dict[str, int]:
    with lab.netconf() as session:
        found = state_of(session, "counters").iterfind(f".//state:alg[state:name='{alg}']/state:event", PREFIXES)
        return {
            str(each.findtext("state:name", namespaces=PREFIXES)): int(
                str(each.findtext("state:value", namespaces=PREFIXES))
            )
            for each in found
        }


def test_the_sessions_counted(lab: Lab, server: FtpServer) -> None:
    before = counters(lab, "ftp")
    url = server.url(IPV4, "file")
    lab.topology.run(lab.topology.client, ["curl", "-sS", "-P", "-", "-o", "/dev/null", url], timeout_s=120)
    until(lambda: counters(lab, "ftp")["gates-opened"] == before["gates-opened"] + 1, 30)


def bundle(lab: Lab) -> dict[str, str]:
    """The files of a new support bundle, fetched over NETCONF."""
    with lab.netconf() as session:
        made = session.session.dispatch(etree.Element(f"{{{OPERATIONS}}}make-support-bundle"))
        name = etree.fromstring(made.xml.encode()).findtext(f".//{{{OPERATIONS}}}name")
        assert name
        octets, following = b"", "0"
        while following:
            request = etree.Element(f"{{{OPERATIONS}}}get-support-bundle")
            for leaf, value in (("name", name), ("offset", following)):
                etree.SubElement(request, f"{{{OPERATIONS}}}{leaf}").text = value
            reply = etree.fromstring(session.session.dispatch(request).xml.encode())
            octets += base64.b64decode(reply.findtext(f".//{{{OPERATIONS}}}content") or "")
            following = reply.findtext(f".//{{{OPERATIONS}}}next") or ""
    with tarfile.open(fileobj=io.BytesIO(octets)) as archive:
        files = {member.name: archive.extractfile(member) for member in archive.getmembers() if member.isfile()}
        return {name: file.read().decode(errors="replace") for name, file in files.items() if file}


def test_the_kernel_s_own_queue_statement_is_in_use(lab: Lab, server: FtpServer) -> None:
    rules = "\n".join(text for name, text in bundle(lab).items() if "/kernel/" in name)
    assert re.search(r"queue (flags bypass )?(to|num) 0", rules)
    assert "NFQUEUE" not in rules


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("side", ["inside", "outside"])
def test_nothing_listens_inside_and_outside(lab: Lab, server: FtpServer, side: str, version: int) -> None:
    plan = PLANS[version]
    namespace, address = (lab.topology.client, plan.lan) if side == "inside" else (lab.topology.server, plan.public)
    near = range(server.port - 2, server.port + 3)
    assert open_ports(lab.topology.client, plan.server, near) == [server.port], "the scan itself finds what is there"
    assert answering_ports(lab.topology.client, plan.server, [9]) == [9], "so does that of datagrams"
    assert open_ports(namespace, address) == []
    assert answering_ports(namespace, address) == []


def test_the_console_shows_the_fingerprint_that_ssh_sees(lab: Lab) -> None:
    scanned = run(["ssh-keyscan", "-t", "ed25519", "-p", str(lab.port), "127.0.0.1"], timeout_s=60).stdout
    shown = run(["ssh-keygen", "-l", "-f", "-"], stdin=scanned).stdout.split()[1]
    until(lambda: shown in lab.console(), 120)
    assert "on appliance" in lab.console(), "the name is the seed's"
