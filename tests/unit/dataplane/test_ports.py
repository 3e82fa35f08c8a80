"""Outside ports: shares of workers, rest, and return."""

from __future__ import annotations

import pytest

from applianced.dataplane.ports import PortRanges

ADDRESS, OTHER = bytes((203, 0, 113, 1)), bytes((203, 0, 113, 2))
TCP = 6


def ranges(worker: int = 0, workers: int = 1, low: int = 50000, high: int = 50009) -> PortRanges:
    made = PortRanges(worker, workers)
    made.configure((low, high), {})
    return made


def taken(ports: PortRanges, address: bytes = ADDRESS) -> list[int]:
    """Everything that it hands out."""
    found = []
    while (port := ports.take(address, TCP)) is not None:
        found.append(port)
    return found


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 16])
def test_shares_are_disjoint_and_complete(workers: int) -> None:
    shares = [taken(ranges(worker, workers, 49152, 49251)) for worker in range(workers)]
    assert sorted(port for share in shares for port in share) == list(range(49152, 49252))


def test_order_cannot_be_foretold() -> None:
    assert len({tuple(taken(ranges(high=50040))) for _ in range(5)}) == 5


def test_addresses_have_their_own_ranges() -> None:
    ports = ranges()
    ports.configure((50000, 50001), {OTHER: (60000, 60002)})
    assert sorted(taken(ports)) == [50000, 50001]
    assert sorted(taken(ports, OTHER)) == [60000, 60001, 60002]


def test_a_port_that_is_over_comes_back_last() -> None:
    ports = ranges()
    first = ports.take(ADDRESS, TCP)
    assert first is not None
    ports.give(ADDRESS, TCP, first, over=True)
    assert taken(ports)[-1] == first


def test_a_port_rests_until_its_session_is_over() -> None:
    ports = ranges(high=50001)
    first, second = taken(ports)
    for port in (first, second):
        ports.give(ADDRESS, TCP, port, over=False)
    assert ports.resting == 2
    assert taken(ports) == []
    ports.settle({(ADDRESS, TCP, first)})
    assert ports.resting == 1
    assert taken(ports) == [second]
    ports.settle(set())
    assert taken(ports) == [first]


def test_held_ports_are_not_handed_out() -> None:
    before, after = ranges(), ranges()
    before.hold(ADDRESS, TCP, 50003)
    assert 50003 not in taken(before)
    after.take(ADDRESS, TCP)
    after.hold(ADDRESS, TCP, 50003)
    assert 50003 not in taken(after)


def test_ports_of_sessions_from_before_a_restart_rest() -> None:
    ports = ranges(0, 2)
    ports.rest(ADDRESS, TCP, 50001)
    ports.rest(ADDRESS, TCP, 50007)  # another worker's
    ports.rest(ADDRESS, TCP, 80)  # nobody's
    assert ports.resting == 1
    assert sorted(taken(ports)) == [50000, 50002, 50003, 50004]
    ports.settle(set())
    assert taken(ports) == [50001]


def test_a_held_port_does_not_rest() -> None:
    """Its gate is still open, and gives it back."""
    ports = ranges()
    ports.hold(ADDRESS, TCP, 50001)
    ports.rest(ADDRESS, TCP, 50001)
    assert ports.resting == 0


def test_new_ranges_leave_bound_ports_bound() -> None:
    ports = ranges(high=50003)
    bound = ports.take(ADDRESS, TCP)
    assert bound is not None
    ports.configure((50000, 50005), {})
    assert sorted([*taken(ports), bound]) == list(range(50000, 50006))


def test_a_port_outside_the_new_range_does_not_come_back() -> None:
    ports = ranges(high=50001)
    old = taken(ports)
    ports.configure((60000, 60001), {})
    assert ports.take(ADDRESS, TCP) in (60000, 60001)
    for port in old:
        ports.give(ADDRESS, TCP, port, over=True)
    assert len(taken(ports)) == 1


def test_how_many_are_in_use_and_how_many_there_are() -> None:
    ports = ranges(0, 2)
    assert (ports.used, ports.most, ports.offered) == (0, 0, 0)
    first = [ports.take(ADDRESS, TCP) for _ in range(2)]
    assert (ports.used, ports.most, ports.offered) == (2, 2, 5)
    assert first[0] is not None
    ports.give(ADDRESS, TCP, first[0], over=True)
    assert (ports.used, ports.most) == (1, 2)
    ports.take(OTHER, TCP)
    assert (ports.used, ports.offered) == (2, 10)
    ports.configure((50000, 50003), {})
    assert ports.offered == 4, "of those addresses that are still in use"
