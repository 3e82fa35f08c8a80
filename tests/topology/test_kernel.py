"""The kernel's side, without an appliance: tables, gates, conntrack, each as a worker or the agent would ask for it."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from applianced.compiler.marks import CONTROL, CONTROL_PORTS, DATA, GATES_TABLE, POLICY_TABLE, SLOT_SHIFT
from applianced.dataplane import nft
from applianced.dataplane.kernel import NetlinkKernel
from applianced.dataplane.netlink import Netlink
from applianced.dataplane.sysctls import FIXED, Sysctls
from applianced.errors import DataplaneError
from applianced.model.gates import Gate
from applianced.model.tuples import ORIGINAL, REPLY, TCP, Endpoint, FlowTuple, packed
from applianced.tools.namespaces import IPV4, Topology
from tests.support.inside import Inside
from tests.support.netns import unique_topology
from tests.support.sockets import connect_in, listen_in
from tests.support.until import until

MASQUERADE = """
table inet lab {
  chain post { type nat hook postrouting priority 100; oifname "wan0" masquerade; }
}
"""


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Topology, Inside]]:
    with unique_topology() as topology, closing(Inside(topology.gateway)) as inside:
        yield topology, inside


@pytest.fixture
def inside(place: tuple[Topology, Inside]) -> Iterator[Inside]:
    """The gateway with a fresh gates table."""
    _, made = place
    made(lambda: nft.make_gates_table(Netlink()))
    yield made
    made(nft.remove_tables)


@pytest.fixture
def kernel(inside: Inside) -> NetlinkKernel:
    return inside(NetlinkKernel)


def gate(number: int = 1, *, port: int = 2000, lifetime_s: float = 30, **other: object) -> Gate:
    values: dict[str, object] = {
        "alg": "ftp",
        "session": 1,
        "protocol": TCP,
        "peer": packed(IPV4.server),
        "inside": Endpoint(packed(IPV4.client), port),
        "outside": Endpoint(packed(IPV4.public), port + 40000),
        "one_shot": True,
        "source": b"",
        "reason": "PORT",
        "created_s": 0.0,
        "expires_s": lifetime_s,
    }
    return Gate(number=number, **{**values, **other})  # type: ignore[arg-type]


def elements_of(topology: Topology, name: str) -> str:
    """What nft lists of a set or map."""
    kind = "map" if name.startswith(("dnat", "source")) else "set"
    listed = topology.run(topology.gateway, ["nft", "list", kind, "inet", GATES_TABLE, name]).stdout
    return listed.partition("elements")[2]


def test_gates_table_is_made_once_and_removed(place: tuple[Topology, Inside], inside: Inside) -> None:
    topology, _ = place
    inside(nft.load, f"add element inet {GATES_TABLE} {CONTROL_PORTS} {{ tcp . 21 }}")

    inside(lambda: nft.make_gates_table(Netlink()))  # as after a restart: adopted, not made anew

    assert "tcp . 21" in elements_of(topology, CONTROL_PORTS)
    listed = topology.run(topology.gateway, ["nft", "list", "table", "inet", GATES_TABLE]).stdout
    assert "sequence_offsets" in listed
    inside(nft.remove_tables)
    inside(nft.remove_tables)  # whether they are there or not
    assert not inside(nft.has_table, GATES_TABLE)


def test_a_gates_table_of_another_release_gets_the_rules_of_this_one(
    place: tuple[Topology, Inside], inside: Inside, kernel: NetlinkKernel
) -> None:
    """Its gates stay open."""
    topology, _ = place
    opened = gate()
    assert inside(kernel.exchange, (opened,), (), 0.0)

    def listed() -> str:
        text = topology.run(topology.gateway, ["nft", "list", "table", "inet", GATES_TABLE]).stdout
        return re.sub(r"(expires |packets |bytes )\w+", "", text)

    before = listed()
    (marker,) = re.findall(r"layout_\w+", before)
    inside(
        nft.load,
        f"flush chain inet {GATES_TABLE} admit\n"
        f"flush chain inet {GATES_TABLE} attach_extension\n"
        f"delete chain inet {GATES_TABLE} {marker}\n"
        f"add chain inet {GATES_TABLE} layout_old\n"
        f"table inet {GATES_TABLE} {{ chain gone {{ type filter hook forward priority 5; drop\n }}\n }}",
    )
    assert listed() != before

    inside(lambda: nft.make_gates_table(Netlink()))

    assert listed() == before
    assert ". 2000 " in elements_of(topology, "once4")


def test_a_gates_table_with_other_maps_is_made_anew(place: tuple[Topology, Inside], inside: Inside) -> None:
    topology, _ = place
    other = f"table inet {GATES_TABLE} {{ map dnat4 {{ type ipv4_addr : ipv4_addr; }}\n }}"
    element = f"add element inet {GATES_TABLE} dnat4 {{ 10.0.0.1 : 10.0.0.2 }}"
    inside(nft.load, f"delete table inet {GATES_TABLE}\n{other}\n{element}")
    inside(lambda: nft.make_gates_table(Netlink()))
    assert not elements_of(topology, "dnat4")
    assert "admit" in inside(nft.chains, GATES_TABLE)


def test_check_takes_nothing_and_names_the_fault(inside: Inside) -> None:
    inside(nft.check, f"table inet {POLICY_TABLE} {{ chain c {{ accept\n }}\n }}")
    assert not inside(nft.has_table, POLICY_TABLE)
    with pytest.raises(DataplaneError, match="nonsense"):
        inside(nft.check, f"table inet {POLICY_TABLE} {{ chain c {{ nonsense\n }}\n }}")


def test_verify_compares_chain_by_chain(inside: Inside) -> None:
    chains = "chain one { accept\n }\n chain two { jump one\n accept\n }\n"
    inside(nft.load, f"table inet {POLICY_TABLE} {{ {chains} }}")
    inside(lambda: nft.verify_chains(Netlink(), {"one": 1, "two": 2}))
    with pytest.raises(DataplaneError, match="one has 2 rules in the kernel instead of 3"):
        inside(lambda: nft.verify_chains(Netlink(), {"one": 3}))
    with pytest.raises(DataplaneError, match="three is not in the kernel"):
        inside(lambda: nft.verify_chains(Netlink(), {"three": 0}))


def test_exchange_opens_and_closes(place: tuple[Topology, Inside], inside: Inside, kernel: NetlinkKernel) -> None:
    topology, _ = place
    first, second = gate(1), gate(2, port=2001)
    assert inside(kernel.exchange, (first,), (), 0.0)
    assert f"{IPV4.server} . {IPV4.client} . 2000" in elements_of(topology, "once4")
    assert f"{IPV4.server} . {IPV4.public} . 42000" in elements_of(topology, "dnat4")

    assert inside(kernel.exchange, (second,), (first,), 0.0)

    for name, there, gone in (("once4", "2001", "2000"), ("dnat4", "42001", "42000")):
        assert f". {there} " in elements_of(topology, name)
        assert f". {gone} " not in elements_of(topology, name)


def test_closing_what_is_absent_succeeds(inside: Inside, kernel: NetlinkKernel) -> None:
    """A gate that the kernel has used up or let expire is closed like any other: a failed transaction would block."""
    opened = gate()
    assert inside(kernel.exchange, (opened,), (), 0.0)
    inside(nft.load, f"flush set inet {GATES_TABLE} once4\nflush map inet {GATES_TABLE} dnat4")
    assert inside(kernel.exchange, (), (opened,), 0.0)
    assert inside(kernel.exchange, (), (opened,), 0.0)


def test_the_same_endpoint_announced_again_is_refreshed(
    place: tuple[Topology, Inside], inside: Inside, kernel: NetlinkKernel
) -> None:
    topology, _ = place
    first = gate(1)
    second = gate(2, outside=Endpoint(packed(IPV4.public), 45000))
    again = gate(3, inside=Endpoint(packed(IPV4.client), 2002), outside=second.outside)
    assert inside(kernel.exchange, (first,), (), 0.0)
    assert inside(kernel.exchange, (second,), (), 0.0)
    assert inside(kernel.exchange, (again,), (), 0.0), "other data under the same key"
    assert f"{IPV4.client} . 2002" in elements_of(topology, "dnat4").partition("45000")[2]

    assert inside(kernel.exchange, (), (first,), 0.0)

    assert ". 2000 " in elements_of(topology, "once4"), "the second gate's element outlives the first gate"
    assert inside(kernel.exchange, (), (second, again), 0.0)
    assert not elements_of(topology, "once4")


def test_gates_expire_by_themselves(place: tuple[Topology, Inside], inside: Inside, kernel: NetlinkKernel) -> None:
    topology, _ = place
    assert inside(kernel.exchange, (gate(lifetime_s=0.3),), (), 0.0)
    assert elements_of(topology, "once4")
    until(lambda: not elements_of(topology, "once4"), 5, what="the element expires")


def test_adopted_gates_can_be_closed(place: tuple[Topology, Inside], inside: Inside, kernel: NetlinkKernel) -> None:
    """A worker's successor closes what it finds in the books."""
    topology, _ = place
    opened = gate()
    assert inside(kernel.exchange, (opened,), (), 0.0)
    successor = inside(NetlinkKernel)
    assert inside(successor.exchange, (), (opened,), 0.0)
    assert elements_of(topology, "once4"), "not its own: left alone"
    successor.gates.adopt(opened)
    assert inside(successor.exchange, (), (opened,), 0.0)
    assert not elements_of(topology, "once4")


class Flow:
    """An established TCP session from the client to the server, through masquerade, as conntrack has it."""

    def __init__(self, topology: Topology) -> None:
        self._listener = listen_in(topology.server, IPV4.server)
        port = self._listener.getsockname()[1]
        self.client = connect_in(topology.client, IPV4.server, port)
        self.server, _ = self._listener.accept()
        source = Endpoint(packed(IPV4.client), self.client.getsockname()[1])
        self.tuple = FlowTuple(TCP, source, Endpoint(packed(IPV4.server), port))

    def close(self) -> None:
        for end in (self.client, self.server, self._listener):
            end.close()


@pytest.fixture
def routed(place: tuple[Topology, Inside], inside: Inside) -> Iterator[tuple[Topology, Inside]]:
    """The gateway masquerades, and every TCP port is a control port: each session gets the extension."""
    topology, _ = place
    inside(nft.load, f"add element inet {GATES_TABLE} {CONTROL_PORTS} {{ tcp . 1-65535 }}")
    inside(nft.load, MASQUERADE)
    yield topology, inside
    inside(nft.load, "delete table inet lab")


def test_length_change_is_announced_and_read_back(routed: tuple[Topology, Inside], kernel: NetlinkKernel) -> None:
    topology, inside = routed
    with closing(Flow(topology)) as flow:
        flow.client.sendall(b"x")
        flow.server.recv(1)
        found = inside(kernel.translation, flow.tuple, 0)
        assert found is not None
        assert found.translated
        assert found.outside(ORIGINAL) == packed(IPV4.public)
        assert found.outside(REPLY) == packed(IPV4.server)

        assert inside(partial(kernel.announce, first=True), found, ORIGINAL, 1000, 0, 7)
        assert inside(partial(kernel.announce, first=False), found, ORIGINAL, 2000, 7, -5)

        again = inside(kernel.translation, flow.tuple, 0)
        assert again is not None
        assert again.offsets == (-5, 0)


def test_without_the_extension_an_announcement_is_found_out(
    routed: tuple[Topology, Inside], kernel: NetlinkKernel
) -> None:
    """ctnetlink answers "done" and keeps nothing."""
    topology, inside = routed
    inside(nft.load, f"flush set inet {GATES_TABLE} {CONTROL_PORTS}")
    with closing(Flow(topology)) as flow:
        found = inside(kernel.translation, flow.tuple, 0)
        assert found is not None
        assert inside(kernel.conntrack.announce, found, ORIGINAL, 1000, 0, 7) == 0
        assert not inside(partial(kernel.announce, first=True), found, ORIGINAL, 1000, 0, 7)


def test_marks_and_ends_of_sessions(routed: tuple[Topology, Inside], kernel: NetlinkKernel) -> None:
    topology, inside = routed
    conntrack = kernel.conntrack
    with closing(Flow(topology)) as flow:
        assert inside(kernel.alive, flow.tuple, 0)
        mark = 77 << SLOT_SHIFT | CONTROL | 2
        assert inside(conntrack.set_mark, flow.tuple, mark) == 0
        marked = inside(lambda: list(conntrack.marked(CONTROL, CONTROL)))
        assert [entry.translation.original for entry in marked] == [flow.tuple]
        assert marked[0].state == "established"
        assert not inside(conntrack.data_sessions)
        assert inside(conntrack.set_mark, flow.tuple, DATA) == 0
        assert len(inside(conntrack.data_sessions)) == 1

        inside(kernel.forget, flow.tuple, 0)

        assert inside(kernel.translation, flow.tuple, 0) is None
        assert not inside(kernel.alive, flow.tuple, 0)


def test_a_closing_session_is_not_alive(routed: tuple[Topology, Inside], kernel: NetlinkKernel) -> None:
    topology, inside = routed
    with closing(Flow(topology)) as flow:
        flow.client.shutdown(socket.SHUT_WR)
        until(lambda: not inside(kernel.alive, flow.tuple, 0), 5, what="conntrack sees the FIN")


def test_entries_carry_times_and_octets(routed: tuple[Topology, Inside], kernel: NetlinkKernel, tmp_path: Path) -> None:
    topology, inside = routed
    sysctls = Sysctls(tmp_path)
    inside(sysctls.take)
    try:
        with closing(Flow(topology)) as flow:
            flow.client.sendall(b"x" * 1000)
            assert len(flow.server.recv(1000, socket.MSG_WAITALL)) == 1000
            entry = inside(kernel.conntrack.find, flow.tuple, 0)
            assert entry is not None
            assert entry.octets > 1000
            assert entry.packets >= 4
            assert abs(entry.started_s - time.time()) < 30
    finally:
        inside(sysctls.release)


def test_sysctls_are_put_back(inside: Inside, tmp_path: Path) -> None:
    paths = [Path(path) for path in FIXED]
    before = inside(lambda: [path.read_text() for path in paths])
    sysctls = Sysctls(tmp_path)
    inside(sysctls.take)
    assert [text.strip() for text in inside(lambda: [path.read_text() for path in paths])] == list(FIXED.values())

    after_a_crash = Sysctls(tmp_path)
    inside(after_a_crash.take)
    inside(after_a_crash.release)

    assert inside(lambda: [path.read_text() for path in paths]) == before
    assert not list(tmp_path.iterdir())


def test_only_the_kernel_refuses_the_probe_for_the_queue_statement(inside: Inside) -> None:
    """A probe that nft itself refuses would find NFT_QUEUE on no kernel."""
    if not inside(nft.has_queue_statement):
        with pytest.raises(DataplaneError, match="No such file or directory"):
            inside(lambda: nft.check(nft.QUEUE_PROBE))
