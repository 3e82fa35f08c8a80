"""The books of gates: each limit just under and just over, and ports that go back."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from applianced.engine.gatekeeper import LASTING_S, RECENT, RENEWED, GateKeeper, GateLimits
from applianced.model.gates import Gate
from applianced.model.tuples import TCP, Endpoint
from tests.support.engine import CLIENT, PUBLIC, SERVER, FakeKernel, FakePorts


class Books:
    """A keeper with what it asks and tells."""

    def __init__(self, **limits: Any) -> None:
        self.kernel, self.ports = FakeKernel(), FakePorts()
        self.keeper = GateKeeper(self.kernel, self.ports, first_number=100)
        self.keeper.limits = GateLimits(**limits)
        self.counted: Counter[str] = Counter()

    def count(self, event: str) -> None:
        self.counted[event] += 1

    def close(self, number: int) -> None:
        struck = self.keeper.strike(number, 1.0, over=False)
        assert struck is not None
        self.keeper.shut([struck], 1.0)

    def open(self, gate: Gate, *, of_session: int = 0) -> bool:
        return self.keeper.open(gate, [], of_session, self.count)


def gate(address: bytes = CLIENT.address, port: int = 2000, outside: Endpoint | None = None, **more: Any) -> Gate:
    inside = Endpoint(address, port)
    values: dict[str, Any] = {"number": 0, "created_s": 0.0, "expires_s": 30.0, **more}
    return Gate(
        alg="ftp", session=1, protocol=TCP, peer=SERVER.address, inside=inside, outside=outside or inside,
        one_shot=True, source=b"", reason="PORT", bound=outside is not None, **values,
    )  # fmt: skip


def test_numbers_count_up() -> None:
    books = Books()
    first, second = gate(), gate(port=2001)
    assert books.open(first)
    assert books.open(second)
    assert (first.number, second.number) == (101, 102)
    assert books.kernel.gates == books.keeper.gates == {101: first, 102: second}


def test_limit_per_session() -> None:
    books = Books(per_session=2)
    assert books.open(gate(), of_session=1)
    assert not books.open(gate(), of_session=2)
    assert books.counted == {"gates-opened": 1, "gates-refused-session": 1}


def test_limit_per_source() -> None:
    books = Books(per_source=2)
    opened = [gate(port=port) for port in (1, 2)]
    assert all(books.open(each) for each in opened)
    assert not books.open(gate(port=3))
    assert books.open(gate(SERVER.address)), "another source has its own"
    books.close(opened[0].number)
    assert books.open(gate(port=3))
    assert books.counted["gates-refused-source"] == 1


def test_limit_in_total() -> None:
    books = Books(total=2)
    opened = [gate(bytes((10, 0, 0, each))) for each in (1, 2)]
    assert all(books.open(each) for each in opened)
    assert not books.open(gate(bytes((10, 0, 0, 3))))
    books.close(opened[0].number)
    assert books.open(gate(bytes((10, 0, 0, 3))))
    assert books.counted["gates-refused-total"] == 1


def test_never_to_the_appliance_itself() -> None:
    books = Books(own_addresses=frozenset({CLIENT.address}))
    assert not books.open(gate())
    assert books.open(gate(SERVER.address))
    assert books.counted["gates-refused-self"] == 1


def test_a_refusal_of_the_kernel_leaves_the_books() -> None:
    books = Books()
    books.kernel.refuse_gates = True
    closing = [gate()]
    assert not books.keeper.open(gate(), closing, 0, books.count)
    assert len(closing) == 1, "what was to be closed with it is still to be closed"
    assert not books.keeper.gates
    assert books.counted == {"gates-refused-kernel": 1}


@pytest.mark.parametrize("over", [True, False])
def test_ports_go_back_with_their_gate(over: bool) -> None:
    books = Books()
    bound = books.keeper.bind(PUBLIC, TCP, books.count, 2000)
    assert bound is not None
    opened = gate(outside=bound)
    assert books.open(opened)
    assert books.keeper.strike(opened.number, 5.0, over=over) is opened
    assert books.ports.given == [(bound.port, over)]
    assert opened.closed_s == 5.0
    assert books.keeper.strike(opened.number, 6.0, over=over) is None
    assert len(books.ports.given) == 1


def test_a_binding_without_a_gate_goes_back() -> None:
    books = Books()
    bound = books.keeper.bind(PUBLIC, TCP, books.count, 2000)
    assert bound is not None
    books.keeper.unbind(bound, TCP)
    assert not books.ports.held


def test_no_port_left() -> None:
    books = Books()
    books.ports.left = 0
    assert books.keeper.bind(PUBLIC, TCP, books.count, 2000) is None
    assert books.counted == {"bindings-refused": 1}


def test_adopted_gates_count_and_give_their_ports_back() -> None:
    books = Books(per_source=1)
    adopted = gate(outside=Endpoint(PUBLIC, 50123), number=500)
    books.ports.held.add(50123)
    books.keeper.adopt(adopted)
    assert not books.open(gate(port=2001))
    books.close(500)
    assert books.ports.given == [(50123, False)]
    following = gate(port=2002)
    assert books.open(following)
    assert following.number > 500, "numbers never come twice"


def test_expired() -> None:
    books = Books()
    for port, expires in ((1, 10.0), (2, 20.0), (3, 30.0)):
        assert books.open(gate(port=port, expires_s=expires))
    assert [each.inside.port for each in books.keeper.expired(20.0)] == [1, 2]


def test_closing_is_one_transaction_and_remembered() -> None:
    books = Books()
    opened = [gate(port=port) for port in range(1, RECENT + 11)]
    assert all(books.open(each) for each in opened[: books.keeper.limits.per_source])
    struck = [books.keeper.strike(number, 1.0, over=False) for number in tuple(books.keeper.gates)]
    books.keeper.shut([gate for gate in struck if gate is not None], 1.0)
    assert not books.kernel.gates
    assert not books.keeper.gates
    assert len(books.keeper.recent) <= RECENT


def test_what_the_kernel_keeps_is_closed_later() -> None:
    books = Books()
    opened = gate()
    assert books.open(opened)
    books.kernel.refuse_gates = True
    books.close(opened.number)
    assert opened.number in books.kernel.gates
    books.kernel.refuse_gates = False
    books.keeper.shut((), 2.0)
    assert not books.kernel.gates


def test_the_most_gates_at_once() -> None:
    books = Books()
    opened = [gate(port=2000 + number) for number in range(3)]
    assert all(books.open(each) for each in opened)
    books.close(opened[0].number)
    assert books.open(gate(port=3000))
    assert books.keeper.most == 3


def test_a_gate_counts_against_the_host_on_whose_account_it_is() -> None:
    books = Books(per_source=1)
    assert books.open(gate(SERVER.address, account=CLIENT.address))
    assert books.open(gate(SERVER.address, port=2001)), "the listener's own share is untouched"
    assert not books.open(gate(CLIENT.address))


def test_lasting_gates_are_renewed_when_their_time_is_half_over() -> None:
    books = Books(per_source=1000)
    lasting = [gate(port=1 + number, lasting=True, expires_s=LASTING_S) for number in range(RENEWED + 1)]
    assert all(books.open(each) for each in [*lasting, gate(port=9999)])
    assert books.keeper.renew(LASTING_S / 2) == []
    assert books.keeper.renew(LASTING_S / 2 + 1) == lasting
    assert {each.expires_s for each in lasting} == {LASTING_S * 1.5 + 1}
    books.kernel.refuse_gates = True
    assert books.keeper.renew(LASTING_S * 1.5) == []
    assert {each.expires_s for each in lasting} == {LASTING_S * 1.5 + 1}, "the next look tries again"
