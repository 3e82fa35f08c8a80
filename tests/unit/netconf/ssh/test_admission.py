"""Who gives way when connections run out."""

from __future__ import annotations

from dataclasses import dataclass, field

from applianced.config.access import RetryOptions, SshLimits
from applianced.netconf.ssh.admission import Admission
from applianced.netconf.ssh.sources import Sources
from applianced.northbound.state import NetconfCounters


@dataclass
class Guest:
    address: str
    peer: str = field(default="")
    gone: bool = False

    def abort(self) -> None:
        self.gone = True

    def limits_changed(self) -> None: ...


class House:
    """An Admission with these limits, and guests that come to it."""

    def __init__(self, **limits: int) -> None:
        self.counters = NetconfCounters()
        self.sources = Sources(lambda: 0.0)
        self.admission = Admission(lambda: SshLimits(**limits), self.counters, self.sources)

    def comes(self, address: str = "192.0.2.1") -> Guest:
        guest = Guest(address, f"{address}:1")
        if not self.admission.arrive(guest):
            guest.gone = True
        return guest


def test_the_oldest_without_a_login_gives_way() -> None:
    house = House(pending_login_limit=2)
    known = house.comes()
    house.admission.logged_in(known)
    guests = [house.comes() for _ in range(3)]
    assert [guest.gone for guest in (known, *guests)] == [False, True, False, False]
    assert (house.counters.logins_abandoned, house.counters.connections_refused) == (1, 0)
    assert not house.admission.leave(guests[0]), "it was counted already"
    assert house.admission.leave(guests[1])
    assert not house.admission.leave(known)
    assert house.admission.everybody() == [guests[2]]


def test_whoever_has_logged_in_never_gives_way() -> None:
    house = House(connection_limit=2)
    one, two = house.comes(), house.comes()
    house.admission.logged_in(one)
    three = house.comes()
    assert (one.gone, two.gone, three.gone) == (False, True, False)
    house.admission.logged_in(three)
    assert house.comes().gone
    assert house.counters.connections_refused == 1
    house.admission.leave(one)
    assert not house.comes().gone


def test_a_source_that_is_locked_out_costs_nothing() -> None:
    house = House()
    house.sources.failed("2001:db8::/64", RetryOptions(tries_before_disconnect=1, lockout_period_s=60), 15)
    assert house.comes("2001:db8::7").gone
    assert not house.comes("2001:db8:0:1::7").gone
    assert len(house.admission.everybody()) == 1
