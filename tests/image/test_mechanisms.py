"""What the dataplane rests on, on the image's kernel: offsets of sequence numbers, gates for one session, the policy's
table replaced under running sessions, workers replaced. Numbers come from inside the machine."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from lxml import etree

from applianced.tools.ftp_server import FtpServer, vsftpd
from applianced.tools.namespaces import IPV4, PLANS, Plan
from tests.image.lab import Lab, Wanted
from tests.support.appliance import SECURITY_ELEMENT
from tests.support.both_ends import both_ends
from tests.support.faults import SMALL_OCTETS, retrieve
from tests.support.ftp_session import FtpSession, announced_port, announcement, ftp_session, read_all
from tests.support.programs import make_file
from tests.support.sockets import connect_in, listen_in
from tests.support.until import until

WANTED = Wanted(shell=True)
OPERATIONS = "urn:applianced:yang:operations"
APPLICATIONS = "urn:applianced:yang:applications"
BIG_OCTETS = 3_000_000
REFUSED_S = 3.0
"""In which a gate that is open would have let a connection in."""
RECOVERY_S = 120


@pytest.fixture(scope="module")
def server(lab: Lab) -> FtpServer:
    """For the tests that come after those that are the server themselves."""
    directory = lab.directory / "server"
    directory.mkdir()
    made = vsftpd(lab.topology, directory)
    make_file(made.files / "small", SMALL_OCTETS)
    make_file(made.files / "big", BIG_OCTETS)
    return made


@pytest.fixture(params=[4, 6], ids=["ipv4", "ipv6"])
def plan(request: pytest.FixtureRequest) -> Plan:
    return PLANS[request.param]


def fetch(session: FtpSession, name: str, octets: int) -> None:
    """A whole transfer in active mode."""
    assert len(read_all(retrieve(session, name))) == octets
    session.expect(150)
    session.expect(226)


def queued_packets(lab: Lab) -> int:
    """That the kernel has given to user space so far, by its own count."""
    lines = lab.shell.run("cat /proc/net/netfilter/nfnetlink_queue").splitlines()
    return sum(int(line.split()[7]) for line in lines)


def test_the_kernel_is_debian_s(lab: Lab) -> None:
    assert lab.shell.run("uname -r").startswith("6.1.")


def test_offsets_add_up_and_stay_right(lab: Lab, plan: Plan) -> None:
    """Every announcement is longer behind the translation; what follows arrives octet by octet all the same."""
    with both_ends((lab.topology.client, plan), (lab.topology.server, plan.server)) as ends:
        longer = 0
        for number in range(30):
            sent = announcement(plan.client, 20_000 + number * 7)
            heard = ends.command(sent)
            assert plan.public.replace(".", ",") in heard.decode()
            longer += len(heard) - len(sent)
            assert ends.reply(b"200 noted\r\n") == b"200 noted\r\n"
        assert longer > 0, "the public address is longer than the client's"
        for number in range(100):
            said = b"STAT " + b"%03d" % number * 30 + b"\r\n"
            assert ends.command(said) == said
            assert ends.reply(b"211 " + said) == b"211 " + said


def test_a_gate_admits_one_session(lab: Lab, plan: Plan) -> None:
    client, server = lab.topology.client, lab.topology.server
    with (
        both_ends((client, plan), (server, plan.server)) as ends,
        listen_in(client, plan.client) as listener,
        listen_in(client, plan.client) as other,
    ):
        told = ends.command(announcement(plan.client, listener.getsockname()[1])).decode()
        assert ends.reply(b"200 noted\r\n") == b"200 noted\r\n"
        port = announced_port(told)
        with connect_in(server, plan.public, port, source=plan.server) as through:
            data, _ = listener.accept()
            with data:
                through.sendall(b"through the gate")
                assert data.recv(100) == b"through the gate"
            for shut in (port, announced_port(announcement(plan.client, other.getsockname()[1]).decode())):
                with pytest.raises(OSError, match=r"timed out|refused|reset"):
                    connect_in(server, plan.public, shut, source=plan.server, timeout_s=REFUSED_S)


def test_the_kernel_s_queue_statement_gives_packets_to_the_workers(lab: Lab, server: FtpServer) -> None:
    before = queued_packets(lab)
    with ftp_session(lab.topology, server, IPV4) as session:
        for _ in range(10):
            session.command("NOOP", 200)
    assert queued_packets(lab) >= before + 20, "a command and a reply ten times"
    assert re.search(r"queue (flags bypass )?(to|num) \d", lab.shell.run("nft list table inet gates"))
    used = {line.split()[0]: int(line.split()[2]) for line in lab.shell.run("lsmod").splitlines()[1:]}
    assert used["nft_queue"] > 0, "each rule with a queue statement holds its module"
    assert "xt_NFQUEUE" not in used


def test_bulk_data_passes_no_queue(lab: Lab, server: FtpServer) -> None:
    with ftp_session(lab.topology, server, IPV4) as session:
        before = queued_packets(lab)
        fetch(session, "big", BIG_OCTETS)
        assert queued_packets(lab) < before + 50


def test_transfers_after_many_offsets(lab: Lab, server: FtpServer, plan: Plan) -> None:
    with ftp_session(lab.topology, server, plan) as session:
        for _ in range(15):
            fetch(session, "small", SMALL_OCTETS)
        fetch(session, "big", BIG_OCTETS)
        session.command("NOOP", 200)


def test_a_new_table_of_rules_leaves_sessions_alone(lab: Lab, server: FtpServer) -> None:
    """Commits replace the policy's table; the gates' table, and whoever passes, stay."""
    lists = "nft -a list table inet {} | head -n 1"
    with ftp_session(lab.topology, server, IPV4) as session, lab.netconf() as netconf:
        fetch(session, "small", SMALL_OCTETS)
        data = retrieve(session, "big")
        before = {name: lab.shell.run(lists.format(name)) for name in ("rules", "gates")}
        for number in range(3):
            netconf.push(FTP_AT.format(number, 2100 + number))
        after = {name: lab.shell.run(lists.format(name)) for name in ("rules", "gates")}
        assert before["gates"] == after["gates"]
        assert before["rules"] != after["rules"]
        assert len(read_all(data)) == BIG_OCTETS
        session.expect(150)
        session.expect(226)
        fetch(session, "small", SMALL_OCTETS)


FTP_AT = f"""
<applications xmlns="{APPLICATIONS}"><application><name>ftp-{{0}}</name><application-protocol>ftp</application-protocol>
<protocol>tcp</protocol><destination-port>{{1}}</destination-port></application></applications>
""" + SECURITY_ELEMENT.format("""
<policies><policy><from-zone-name>trust</from-zone-name><to-zone-name>untrust</to-zone-name>
  <policy><name>ftp-{0}</name><match><source-address>any</source-address><destination-address>any</destination-address>
    <application>ftp-{0}</application></match><then><permit/></then></policy></policy></policies>
""")


@pytest.fixture
def session_with_offset(lab: Lab, server: FtpServer) -> Iterator[FtpSession]:
    """A control session whose sequence numbers are shifted, and which must get through what happens to the workers."""
    with ftp_session(lab.topology, server, IPV4) as session:
        fetch(session, "small", SMALL_OCTETS)
        yield session
        fetch(session, "small", SMALL_OCTETS)
        fetch(session, "small", SMALL_OCTETS)


def asked(lab: Lab, rpc: str) -> etree._Element:
    """The reply to an RPC without input."""
    with lab.netconf() as netconf:
        return etree.fromstring(netconf.session.dispatch(etree.Element(f"{{{OPERATIONS}}}{rpc}")).xml.encode())


def workers(lab: Lab) -> set[int]:
    return {int(str(each.text)) for each in asked(lab, "get-workers").iterfind(f".//{{{OPERATIONS}}}pid")}


def test_workers_are_restarted_under_a_session(lab: Lab, session_with_offset: FtpSession) -> None:
    before = workers(lab)
    reply = asked(lab, "restart-worker")
    kept = [int(str(each.text)) for each in reply.iterfind(f".//{{{OPERATIONS}}}control-sessions")]
    lost = [int(str(each.text)) for each in reply.iterfind(f".//{{{OPERATIONS}}}control-sessions-lost")]
    assert sum(kept) >= 1
    assert sum(lost) == 0
    assert before.isdisjoint(workers(lab))


def test_workers_are_killed_under_a_session(lab: Lab, session_with_offset: FtpSession) -> None:
    before = workers(lab)
    lab.shell.run("kill -9 " + " ".join(str(pid) for pid in before))
    until(lambda: len(workers(lab) - before) == len(before), RECOVERY_S, what="others read the queues")


def main_process(lab: Lab, unit: str) -> str:
    """Of a unit that is up, else "0"."""
    script = f"systemctl is-active {unit} >/dev/null && systemctl show -P MainPID {unit} || echo 0"
    return lab.shell.run(script).strip()


def test_management_is_killed_under_a_session(lab: Lab, session_with_offset: FtpSession) -> None:
    before, readers = main_process(lab, "applianced"), workers(lab)
    lab.shell.run("systemctl kill -s KILL applianced.service")
    session_with_offset.command("NOOP", 200)
    until(lambda: main_process(lab, "applianced") not in ("0", before), RECOVERY_S)
    assert workers(lab) == readers


def test_the_whole_dataplane_is_killed(lab: Lab, server: FtpServer) -> None:
    """Nothing passes until all rules are in force again, without anybody's help."""
    before = main_process(lab, "applianced"), main_process(lab, "applianced-dataplane")
    lab.shell.run("systemctl kill -s KILL applianced-dataplane.service")
    until(lambda: not lab.shell.tried("nft list table inet boot")[0], RECOVERY_S, what="nothing passes")
    until(lambda: main_process(lab, "applianced") not in ("0", before[0]), RECOVERY_S)
    assert main_process(lab, "applianced-dataplane") not in ("0", before[1])
    assert lab.shell.tried("nft list table inet boot")[0]
    with ftp_session(lab.topology, server, IPV4) as session:
        fetch(session, "small", SMALL_OCTETS)
