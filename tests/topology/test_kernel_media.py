"""Media through the gates table, without an appliance: who is admitted, translated, marked, and ended."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

import pytest

from applianced.compiler.marks import ALG_NUMBERS, CONTROL, DATA, DSCP_SET, DSCP_SHIFT, GATES_TABLE, UNEXPECTED
from applianced.dataplane import nft
from applianced.dataplane.kernel import NetlinkKernel
from applianced.dataplane.netlink import Netlink
from applianced.model.gates import Gate
from applianced.model.media import ControlGate, MediaGate, inside_of
from applianced.model.tuples import UDP, Endpoint, packed
from applianced.tools.namespaces import IPV4, IPV6, Plan, Topology
from tests.support.inside import Inside
from tests.support.netns import unique_topology
from tests.support.sockets import datagrams_in
from tests.support.until import until

PORT, KNOWN, FAR = 4000, 50000, 6000
LAB = """
table inet lab {
  chain post { type nat hook postrouting priority 100; oifname "wan0" masquerade; }
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    ct mark & 0x600 != 0 accept
    iifname "lan0" accept
  }
}
"""
BOTH = pytest.mark.parametrize("plan", [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")])


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Topology, Inside]]:
    with unique_topology() as topology, closing(Inside(topology.gateway)) as inside:
        for plan in (IPV4, IPV6):
            topology.add_address(topology.server, plan, third(plan))
        topology.sysctl(topology.gateway, "net/netfilter/nf_conntrack_acct", "1")
        yield topology, inside


def third(plan: Plan) -> str:
    """A second host outside."""
    return plan.server + "3"


class Lab:
    """A gateway that lets the inside out behind its address, and nobody in."""

    def __init__(self, topology: Topology, inside: Inside) -> None:
        self.topology, self.inside = topology, inside
        self.kernel = inside(NetlinkKernel)
        self.sockets = ExitStack()
        self.now = 0.0

    def socket(self, namespace: str, address: str, port: int = 0) -> socket.socket:
        made = self.sockets.enter_context(datagrams_in(namespace, address, port=port, timeout_s=3))
        if made.family == socket.AF_INET:
            made.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        else:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
        return made

    def open(self, *gates: Gate) -> None:
        assert self.inside(self.kernel.exchange, gates, (), self.now)

    def close(self, *gates: Gate) -> None:
        assert self.inside(self.kernel.exchange, (), gates, self.now)

    def marks(self) -> list[int]:
        """Of the sessions of media under way."""
        return [entry.mark for entry in self.inside(self.kernel.conntrack.data_sessions)]


@pytest.fixture
def lab(place: tuple[Topology, Inside]) -> Iterator[Lab]:
    topology, inside = place
    inside(lambda: nft.make_gates_table(Netlink()))
    inside(nft.load, LAB)
    made = Lab(topology, inside)
    yield made
    made.sockets.close()
    inside(nft.load, "delete table inet lab")
    inside(nft.remove_tables)
    conntrack = made.kernel.conntrack
    inside(lambda: conntrack.delete_all([each.translation.original for each in conntrack.marked(0, 0)]))


def medium(plan: Plan, number: int = 1, **other: Any) -> MediaGate:
    """The client's port, known outside by another; to the server's."""
    own = other.pop("own", (Endpoint(packed(plan.client), PORT), Endpoint(packed(plan.server), FAR)))
    known = other.pop("known", (Endpoint(packed(plan.public), KNOWN), own[1]))
    side = inside_of(own, known)
    far = own[side.opposite]
    return MediaGate(
        number=number,
        alg="sip",
        session=1,
        protocol=UDP,
        peer=far.address if far else b"",
        inside=own[side],
        outside=known[side],
        one_shot=False,
        source=b"",
        reason="INVITE",
        created_s=0,
        expires_s=60,
        own=own,
        known=known,
        mark=DATA | ALG_NUMBERS["sip"] | UNEXPECTED | other.pop("mark", 0),
        idle_s=60,
        **other,
    )


def talk(sender: socket.socket, to: tuple[str, int], receiver: socket.socket, word: bytes = b"word") -> tuple[str, int]:
    """Whom the receiver takes the sender for."""
    sender.sendto(word, to)
    octets, source = receiver.recvfrom(100)
    assert octets == word
    return str(source[0]), int(source[1])


def unheard(sender: socket.socket, to: tuple[str, int], receiver: socket.socket) -> None:
    """Nothing arrives: what is sent behind it by the same path, does, or would."""
    receiver.settimeout(0.2)
    sender.sendto(b"unheard", to)
    with pytest.raises(TimeoutError):
        receiver.recvfrom(100)
    receiver.settimeout(3)


@BOTH
@pytest.mark.parametrize("first", ["client", "server"])
def test_media_both_ways(lab: Lab, plan: Plan, first: str) -> None:
    """The client's leave from the announced port, whoever sends first; both are one session."""
    lab.open(medium(plan))
    client = lab.socket(lab.topology.client, plan.client, PORT)
    server = lab.socket(lab.topology.server, plan.server, FAR)
    outwards = (client, (plan.server, FAR), server, b"out"), (plan.public, KNOWN)
    inwards = (server, (plan.public, KNOWN), client, b"in"), (plan.server, FAR)
    for arguments, seen in (outwards, inwards) if first == "client" else (inwards, outwards):
        assert talk(*arguments) == seen
    assert lab.marks() == [DATA | ALG_NUMBERS["sip"]], "the announced endpoints, so not unexpected"


@BOTH
def test_closing_ends_what_is_under_way(lab: Lab, plan: Plan) -> None:
    gate = medium(plan)
    lab.open(gate)
    client = lab.socket(lab.topology.client, plan.client, PORT)
    server = lab.socket(lab.topology.server, plan.server, FAR)
    talk(client, (plan.server, FAR), server)
    talk(server, (plan.public, KNOWN), client)
    assert lab.inside(lab.kernel.packets, [gate]) == [2]

    lab.close(gate)

    assert not lab.marks()
    unheard(server, (plan.public, KNOWN), client)
    assert talk(client, (plan.server, FAR), server) != (plan.public, KNOWN), "general source NAT again"


@BOTH
def test_who_sends_from_another_port_is_admitted_and_found(lab: Lab, plan: Plan) -> None:
    gate = medium(plan)
    lab.open(gate)
    client = lab.socket(lab.topology.client, plan.client, PORT)
    server = lab.socket(lab.topology.server, plan.server, FAR)
    odd_server = lab.socket(lab.topology.server, plan.server, FAR + 10)
    odd_client = lab.socket(lab.topology.client, plan.client, PORT + 10)
    talk(client, (plan.server, FAR), server)
    talk(odd_server, (plan.public, KNOWN), client)
    assert talk(odd_client, (plan.server, FAR), server)[0] == plan.public
    expected = DATA | ALG_NUMBERS["sip"]
    assert sorted(lab.marks()) == [expected, expected | UNEXPECTED, expected | UNEXPECTED]
    lab.inside(lab.kernel.tidy)
    assert lab.inside(lab.kernel.packets, [gate]) == [1], "nothing looked for before anybody asks to"

    lab.close(gate)
    assert len(lab.marks()) == 2
    lab.inside(lab.kernel.tidy)

    assert not lab.marks()
    unheard(odd_server, (plan.public, KNOWN), client)


@BOTH
def test_unexpected_sessions_of_open_media_go_on(lab: Lab, plan: Plan) -> None:
    ends = Endpoint(packed(plan.client), 4100), Endpoint(packed(plan.server), 6100)
    gate, other = medium(plan), medium(plan, 2, own=ends, known=(Endpoint(packed(plan.public), 50100), ends[1]))
    lab.open(gate, other)
    client = lab.socket(lab.topology.client, plan.client, PORT)
    odd_server = lab.socket(lab.topology.server, plan.server, FAR + 10)
    talk(odd_server, (plan.public, KNOWN), client)
    lab.close(other)
    lab.inside(lab.kernel.tidy)
    assert len(lab.marks()) == 1
    assert lab.inside(lab.kernel.packets, [gate]) == [1], "now they are known"


@BOTH
def test_nobody_else_is_admitted(lab: Lab, plan: Plan) -> None:
    lab.open(medium(plan))
    client = lab.socket(lab.topology.client, plan.client, PORT)
    stranger = lab.socket(lab.topology.server, third(plan), FAR)
    unheard(stranger, (plan.public, KNOWN), client)
    server = lab.socket(lab.topology.server, plan.server)
    unheard(server, (plan.public, KNOWN + 1), client)


@BOTH
def test_media_to_an_unknown_end(lab: Lab, plan: Plan) -> None:
    """Anybody may send, and is answered from where it sent to."""
    own, known = (Endpoint(packed(plan.client), PORT), None), (Endpoint(packed(plan.public), KNOWN), None)
    gate = medium(plan, own=own, known=known)
    lab.open(gate)
    client = lab.socket(lab.topology.client, plan.client, PORT)
    for address in (plan.server, third(plan)):
        far = lab.socket(lab.topology.server, address, 7000)
        talk(far, (plan.public, KNOWN), client)
        assert talk(client, (address, 7000), far) == (plan.public, KNOWN)
    assert lab.inside(lab.kernel.packets, [gate]) == [4]
    lab.close(gate)
    lab.inside(lab.kernel.tidy)
    assert not lab.marks()


@BOTH
def test_the_first_who_comes_is_learnt(lab: Lab, plan: Plan) -> None:
    """Hosted NAT traversal: the far end announced something else than it sends from, and is taken for that."""
    own = (Endpoint(packed(plan.client), PORT), None)
    known = (Endpoint(packed(plan.public), KNOWN), Endpoint(packed(plan.server), 9999))
    gate = medium(plan, own=own, known=known, learn=True)
    lab.open(gate)
    client = lab.socket(lab.topology.client, plan.client, PORT)
    far = lab.socket(lab.topology.server, third(plan), 7000)
    unheard(client, (plan.server, 9999), far)  # nobody knows yet where that is
    assert talk(far, (plan.public, KNOWN), client) == (plan.server, 9999)
    assert talk(client, (plan.server, 9999), far) == (plan.public, KNOWN)
    unheard(lab.socket(lab.topology.server, plan.server, 7000), (plan.public, KNOWN), client)
    lab.close(gate)
    lab.inside(lab.kernel.tidy)
    assert not lab.marks()


@BOTH
def test_packets_get_a_code_point(lab: Lab, plan: Plan) -> None:
    lab.open(medium(plan, mark=DSCP_SET | 46 << DSCP_SHIFT))
    client = lab.socket(lab.topology.client, plan.client, PORT)
    server = lab.socket(lab.topology.server, plan.server, FAR)
    client.sendto(b"word", (plan.server, FAR))
    server.sendto(b"word", (plan.public, KNOWN))
    for end in (client, server):
        _, notes, _, _ = end.recvmsg(100, 100)
        assert [int.from_bytes(data, "little") >> 2 for _, _, data in notes] == [46]


@BOTH
def test_what_went_by_another_translation_begins_anew(lab: Lab, plan: Plan) -> None:
    """The client sends before the answer that opens its medium: the policy lets it out, from some port."""
    client = lab.socket(lab.topology.client, plan.client, PORT)
    server = lab.socket(lab.topology.server, plan.server, FAR)
    assert talk(client, (plan.server, FAR), server) != (plan.public, KNOWN)
    lab.open(medium(plan))
    assert talk(client, (plan.server, FAR), server) == (plan.public, KNOWN)
    assert talk(server, (plan.public, KNOWN), client) == (plan.server, FAR)


@BOTH
def test_the_same_opened_again_takes_over(lab: Lab, plan: Plan) -> None:
    first, second = medium(plan), medium(plan, 2)
    lab.open(first)
    client = lab.socket(lab.topology.client, plan.client, PORT)
    server = lab.socket(lab.topology.server, plan.server, FAR)
    talk(client, (plan.server, FAR), server)
    lab.open(second)
    lab.close(first)
    lab.inside(lab.kernel.tidy)
    assert len(lab.marks()) == 1, "it goes on"
    lab.open(second)  # its time begins anew
    lab.close(second)
    assert not lab.marks()


@BOTH
def test_a_control_gate_admits_and_marks(lab: Lab, plan: Plan) -> None:
    inside, outside = Endpoint(packed(plan.client), 5060), Endpoint(packed(plan.public), 1234)
    mark = CONTROL | ALG_NUMBERS["sip"]
    for number, peer in enumerate((packed(plan.server), b""), start=1):
        gate = ControlGate(
            number=number, alg="sip", session=1, protocol=UDP, peer=peer, inside=inside, outside=outside,
            one_shot=False, source=b"", reason="REGISTER", created_s=0, expires_s=60, mark=mark,
        )  # fmt: skip
        lab.open(gate)
        # Nobody reads the queue, and it does not fail open: what is marked was seen here, and is dropped.
        rules = f"type filter hook forward priority 1; ct mark {mark} counter accept\n"
        lab.inside(nft.load, f"table inet {GATES_TABLE} {{ chain seen {{ {rules} }}\n }}")
        caller = lab.socket(lab.topology.server, plan.server if peer else third(plan), 5060)
        caller.sendto(b"OPTIONS", (plan.public, 1234))
        until(partial(seen, lab), 3, what="it is admitted")
        lab.inside(nft.load, f"delete chain inet {GATES_TABLE} seen")
        lab.close(gate)
        assert not [name for name in ("control4", "control6", "dnat_any4", "dnat_any6") if elements(lab, name)]


def seen(lab: Lab) -> bool:
    listed = lab.topology.run(lab.topology.gateway, ["nft", "list", "chain", "inet", GATES_TABLE, "seen"]).stdout
    return "packets 1 " in listed


def elements(lab: Lab, name: str) -> str:
    kind = "set" if name.startswith(("unlearned", "first")) else "map"
    listed = lab.topology.run(lab.topology.gateway, ["nft", "list", kind, "inet", GATES_TABLE, name]).stdout
    return listed.partition("elements")[2]


@BOTH
def test_everything_leaves_the_kernel(lab: Lab, plan: Plan) -> None:
    unknown = medium(
        plan,
        2,
        own=(Endpoint(packed(plan.client), 4002), None),
        known=(Endpoint(packed(plan.public), 50002), Endpoint(packed(plan.server), 1)),
        learn=True,
    )
    gates = medium(plan), unknown
    lab.open(*gates)
    lab.open(*gates)
    names = ("media", "learn", "dnat", "dnat_any", "leave", "leave_any", "arrive_any", "unlearned")
    version = str(plan.version)
    assert all(elements(lab, name + version) for name in names)
    lab.close(*gates)
    assert not [name for name in names if elements(lab, name + version)]
