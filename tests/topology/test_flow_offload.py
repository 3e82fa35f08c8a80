"""services-offload on whatever kernel this is: a commit succeeds, traffic flows, and the state says who forwards it."""

from __future__ import annotations

from contextlib import closing

import pytest

from applianced.compiler.marks import GATES_TABLE
from applianced.dataplane import nft
from applianced.dataplane.conntrack import Conntrack
from applianced.dataplane.netlink import Netlink
from applianced.errors import DataplaneError
from applianced.tools.ftp_server import FtpServer
from applianced.tools.namespaces import IPV4, PLANS, Topology
from tests.support.appliance import Appliance
from tests.support.ftp_session import FtpSession, read_all
from tests.support.inside import Inside
from tests.support.offload import OFFLOAD, Stream, outbound, policy, push, shown
from tests.support.until import until


def test_the_state_says_who_forwards(topology: Topology, appliance: Appliance) -> None:
    assert shown(appliance.netconf) == ("unused", "", frozenset(), 0, 0)
    push(appliance.netconf, outbound(policy("all")))
    with closing(Inside(topology.gateway)) as inside:
        supported = inside(nft.has_flowtables)
    found = shown(appliance.netconf)
    if supported:
        assert found == ("active", "", frozenset({"lan0", "wan0"}), 0, 0)
    else:
        assert (found.state, found.interfaces, found.sessions) == ("unsupported", frozenset(), 0)
        assert "this kernel has none" in found.reason
        assert appliance.log().count("the rules forward these sessions") == 1
    with Stream(topology, IPV4) as stream:
        until(stream.goes_on, 10)
        until(lambda: shown(appliance.netconf).sessions == supported, 10)
        push(appliance.netconf, outbound(policy("other", "junos-ssh")))
        until(stream.over, 10)


@pytest.mark.parametrize("offload", [True, False], ids=["offload", "plain"])
@pytest.mark.parametrize("version", PLANS)
def test_data_sessions_of_ftp_have_the_label_of_their_control_session(
    topology: Topology, appliance: Appliance, server: FtpServer, version: int, offload: bool
) -> None:
    push(appliance.netconf, outbound(policy("ftp", "junos-ftp", then=OFFLOAD if offload else "<permit/>")))

    def elements(name: str) -> bool:
        listed = topology.run(topology.gateway, ["nft", "list", "set", "inet", GATES_TABLE, f"{name}{version}"]).stdout
        return "elements" in listed

    with closing(FtpSession(topology, server, PLANS[version])) as session, closing(Inside(topology.gateway)) as inside:
        listener, announced = session.listen()
        session.send(announced)
        session.expect(200)
        assert (elements("once_offload"), elements("once")) == (offload, not offload)
        session.command(f"STOR {server.remote}up", 150)
        with listener:
            data, _ = listener.accept()
        assert not elements("once_offload"), "for one session"
        (entry,) = inside(lambda: Conntrack(Netlink()).data_sessions())
        assert entry.translation.offload is offload
        with data:
            data.sendall(b"content")
        session.expect(226)


def test_passive(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    push(appliance.netconf, outbound(policy("ftp", "junos-ftp")))
    with closing(FtpSession(topology, server, IPV4)) as session:
        with session.connect(*session.passive()) as data:
            session.command(f"RETR {server.remote}small", 150)
            assert read_all(data) == (server.files / "small").read_bytes()
        session.expect(226)


def test_only_the_kernel_refuses_the_probe_for_flow_tables(topology: Topology) -> None:
    """A probe that nft itself refuses would find them on no kernel."""
    with closing(Inside(topology.gateway)) as inside:
        if not inside(nft.has_flowtables):
            with pytest.raises(DataplaneError, match=r"No such file or directory|Operation not supported"):
                inside(lambda: nft.check(nft.FLOWTABLE_PROBE))
