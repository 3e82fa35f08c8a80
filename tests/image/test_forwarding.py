"""Real traffic through the image: its kernel has what the development kernel may lack.

Last comes flow offload: what is in the flow table, what is counted, and what ends it.
"""

from __future__ import annotations

import base64
import filecmp
import io
import re
import socket
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from lxml import etree

from applianced.tools.ftp_server import FtpServer, vsftpd
from applianced.tools.lab_report import leaf, state_of
from applianced.tools.namespaces import IPV4, PLANS, run
from applianced.tools.netconf_client import PREFIXES, SECURITY, STATE, NetconfClient
from tests.image.lab import Lab
from tests.image.scan import scanned
from tests.support.ftp_session import FtpSession
from tests.support.offload import OFFLOAD, Stream, flow, outbound, policy, push, shown
from tests.support.sockets import connect_in, datagrams_in, listen_in
from tests.support.syslog_receiver import Receiver
from tests.support.until import until

OPERATIONS = "urn:applianced:yang:operations"
APPLICATIONS = "urn:applianced:yang:applications"
OCTETS = 3_000_000
WAIT_S = 60
"""For what takes a moment on a machine that is not emulated."""
PIECE, PIECES = bytes(range(256)) * 256, 8
REMATCH = "<policies><policy-rematch/></policies>"
HITS = f'<security xmlns="{SECURITY}"><policies><hit-count xmlns="{STATE}"/></policies></security>'
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
    there = scanned(lab.topology.client, plan.server, near, [9])
    assert there == ([server.port], [9]), "the scan itself finds what is there"
    assert scanned(namespace, address) == ([], [])


def test_the_console_shows_the_fingerprint_that_ssh_sees(lab: Lab) -> None:
    scanned = run(["ssh-keyscan", "-t", "ed25519", "-p", str(lab.port), "127.0.0.1"], timeout_s=60).stdout
    shown = run(["ssh-keygen", "-l", "-f", "-"], stdin=scanned).stdout.split()[1]
    until(lambda: shown in lab.console(), 120)
    assert "on appliance" in lab.console(), "the name is the seed's"


@pytest.fixture
def netconf(lab: Lab) -> Iterator[NetconfClient]:
    """A session, under one policy that permits and offloads everything."""
    with lab.netconf() as session:
        push(session, outbound(policy("all")))
        yield session


def offloaded(netconf: NetconfClient) -> int:
    return shown(netconf).sessions


def hits(netconf: NetconfClient, name: str) -> int:
    found = netconf.get(HITS).iterfind(".//state:hit-count/state:policy", PREFIXES)
    return next(int(leaf(each, "sessions")) for each in found if leaf(each, "name") == name)


@pytest.mark.parametrize("version", PLANS)
def test_a_session_passes_the_rules_by_and_all_of_it_is_counted(lab: Lab, netconf: NetconfClient, version: int) -> None:
    receiver = Receiver(lab.topology.server, IPV4.server)
    logged = policy("logged", then=f"{OFFLOAD}<log><session-close/></log>")
    push(netconf, outbound(logged) + f"<log>{receiver.stream('s', format='sd-syslog')}</log>")
    before = hits(netconf, "logged")
    with Stream(lab.topology, PLANS[version]) as stream:
        until(lambda: offloaded(netconf), WAIT_S)
        state = shown(netconf)
        assert (state.state, state.reason) == ("active", "")
        assert len(state.interfaces) == 2
        until(lambda: stream.received > OCTETS, WAIT_S)
        assert offloaded(netconf) == 1
        received = stream.finish()
        by_rules = shown(netconf).by_rules
    wanted = {"policy_name": "logged", "source_address": PLANS[version].client, "reason": "TCP FIN"}
    closed = until(lambda: receiver.find("RT_FLOW_SESSION_CLOSE", **wanted), WAIT_S)
    assert received < int(closed["bytes-from-server"]) < received * 1.2, "with headers, both paths together"
    assert 0 < by_rules < (int(closed["packets-from-server"]) + int(closed["packets-from-client"])) / 4
    assert hits(netconf, "logged") == before + 1
    until(lambda: offloaded(netconf) == 0, WAIT_S)


def test_datagrams(lab: Lab, netconf: NetconfClient) -> None:
    with (
        datagrams_in(lab.topology.server, IPV4.server) as server,
        datagrams_in(lab.topology.client, IPV4.client) as own,
    ):
        for _ in range(20):
            own.sendto(b"there", server.getsockname())
            _, sender = server.recvfrom(100)
            server.sendto(b"back", sender)
            assert own.recv(100) == b"back"
        assert offloaded(netconf) == 1


def test_without_it_the_rules_see_everything(lab: Lab, netconf: NetconfClient) -> None:
    push(netconf, outbound(policy("all", then="<permit/>")))
    with Stream(lab.topology, IPV4) as stream:
        until(lambda: stream.received > OCTETS, WAIT_S)
        assert shown(netconf) == ("unused", "", frozenset(), 0, 0)


def ftp_data(netconf: NetconfClient) -> etree._Element:
    """FTP's one data session that is under way."""
    found = flow(netconf, "data-sessions")
    (entry,) = [each for each in found if leaf(each, "alg") == "ftp" and leaf(each, "state") == "established"]
    return entry


def upload(session: FtpSession, *, active: bool) -> socket.socket:
    """The data connection of a STOR that has begun."""
    store = f"STOR {session.server.remote}up"
    if not active:
        data = session.connect(*session.passive())
        session.command(store, 150)
        return data
    listener, announced = session.listen()
    with listener:
        session.send(announced)
        session.expect(200)
        session.command(store, 150)
        return listener.accept()[0]


@pytest.mark.parametrize("version", PLANS)
@pytest.mark.parametrize("active", [True, False], ids=["active", "passive"])
def test_ftp_s_data_are_offloaded_and_its_control_session_is_read(
    lab: Lab, netconf: NetconfClient, server: FtpServer, active: bool, version: int
) -> None:
    with closing(FtpSession(lab.topology, server, PLANS[version])) as session:
        with upload(session, active=active) as data:
            for _ in range(PIECES):
                data.sendall(PIECE)
            until(lambda: int(leaf(ftp_data(netconf), "octets")) > len(PIECE) * PIECES, WAIT_S)
            entry = ftp_data(netconf)
            assert leaf(entry, "offloaded") == "true"
            assert offloaded(netconf) == 1, "the data session alone"
            control = {leaf(each, "id"): leaf(each, "state") for each in flow(netconf, "control-sessions")}
            assert control[leaf(entry, "control-session")] == "reading"
        session.expect(226)
    assert (server.files / "up").read_bytes() == PIECE * PIECES
    until(lambda: offloaded(netconf) == 0, WAIT_S)


@pytest.mark.parametrize(
    "security",
    [
        outbound(policy("all", then="<permit/>")),
        outbound(policy("all", "junos-ftp", then="<permit/>"), policy("web", "junos-http")),
        "<flow><alg-data-session-coupled>true</alg-data-session-coupled></flow>",
    ],
    ids=["no policy", "not this policy", "coupled"],
)
def test_ftp_s_data_are_not_offloaded(lab: Lab, netconf: NetconfClient, server: FtpServer, security: str) -> None:
    push(netconf, security)
    with closing(FtpSession(lab.topology, server, IPV4)) as session:
        with upload(session, active=False) as data:
            for _ in range(PIECES):
                data.sendall(PIECE)
            until(lambda: int(leaf(ftp_data(netconf), "octets")) > len(PIECE) * PIECES, WAIT_S)
            assert leaf(ftp_data(netconf), "offloaded") == "false"
        session.expect(226)
    push(netconf, "<flow><alg-data-session-coupled>false</alg-data-session-coupled></flow>")


@pytest.mark.parametrize(
    "security",
    [
        outbound(policy("other", "junos-ssh")),
        outbound(policy("all", then="<deny/>")).replace("</policies>", "") + REMATCH.removeprefix("<policies>"),
    ],
    ids=["the policy goes", "it denies, with policy-rematch"],
)
def test_a_commit_ends_what_is_no_longer_permitted(lab: Lab, netconf: NetconfClient, security: str) -> None:
    with Stream(lab.topology, IPV4) as stream:
        until(lambda: offloaded(netconf), WAIT_S)
        push(netconf, security)
        until(stream.over, WAIT_S)
        received = stream.received
        until(lambda: offloaded(netconf) == 0, WAIT_S)
        assert stream.received == received


def test_a_policy_that_no_longer_offloads_forwards_its_sessions_by_the_rules(lab: Lab, netconf: NetconfClient) -> None:
    with Stream(lab.topology, IPV4) as stream:
        until(lambda: offloaded(netconf), WAIT_S)
        push(netconf, outbound(policy("all", then="<permit/>"), policy("ssh", "junos-ssh")))
        until(lambda: offloaded(netconf) == 0, WAIT_S)
        until(stream.goes_on, WAIT_S)
        assert (shown(netconf).state, offloaded(netconf)) == ("active", 0)


def test_a_commit_about_something_else_leaves_it_alone(lab: Lab, netconf: NetconfClient) -> None:
    with Stream(lab.topology, IPV4) as stream:
        until(lambda: offloaded(netconf), WAIT_S)
        push(netconf, outbound(policy("first", "junos-ssh", then="<permit/>"), policy("all")))
        assert offloaded(netconf) == 1
        until(stream.goes_on, WAIT_S)


def test_an_offloaded_data_session_can_be_cleared(lab: Lab, netconf: NetconfClient, server: FtpServer) -> None:
    with closing(FtpSession(lab.topology, server, IPV4)) as session, upload(session, active=False) as data:
        data.sendall(PIECE)
        until(lambda: leaf(ftp_data(netconf), "offloaded") == "true", WAIT_S)
        request = etree.Element(f"{{{OPERATIONS}}}clear-data-session")
        etree.SubElement(request, f"{{{OPERATIONS}}}id").text = leaf(ftp_data(netconf), "id")
        netconf.session.dispatch(request)
        until(lambda: refused(data), WAIT_S)
        assert not [each for each in flow(netconf, "data-sessions") if leaf(each, "state") == "established"]


def refused(data: socket.socket) -> bool:
    """Whether what is sent now meets a reset."""
    try:
        data.sendall(b"x")
    except ConnectionError:
        return True
    return False


def application(name: str, port: int, timeout_s: int) -> str:
    return (
        f'<applications xmlns="{APPLICATIONS}"><application><name>{name}</name><protocol>tcp</protocol>'
        f"<destination-port>{port}</destination-port><inactivity-timeout>{timeout_s}</inactivity-timeout>"
        "</application></applications>"
    )


def test_a_silent_session_ends_by_the_timeout_of_its_application(lab: Lab, netconf: NetconfClient) -> None:
    push(netconf, outbound(policy("short", "short")), application("short", 9999, 8))
    with listen_in(lab.topology.server, IPV4.server, port=9999) as listener:
        client = connect_in(lab.topology.client, IPV4.server, 9999, timeout_s=10)
        served, _ = listener.accept()
    with client, served:
        for _ in range(5):
            echo(client, served)
        assert offloaded(netconf) == 1
        time.sleep(4)  # silence is the subject
        echo(client, served)
        time.sleep(8 + 5 + 7)  # the timeout, the pause between two looks, and what emulation adds
        with pytest.raises((ConnectionResetError, TimeoutError)):
            echo(client, served)


def echo(client: socket.socket, served: socket.socket) -> None:
    served.settimeout(10)
    client.sendall(b"x")
    assert served.recv(1) == b"x"
    served.sendall(b"y")
    assert client.recv(1) == b"y"
