"""Several hosts behind one address, to one gateway: whose ESP is whose, who waits for whom."""

from __future__ import annotations

from dataclasses import dataclass, field

from applianced.alg.actions import AwaitKey, CloseGate, LeadKey, OpenKey, Proceed, Refuse, Wait
from applianced.alg.ike_esp import DESCRIPTOR, Exchanges, Gateways, IkeEspSettings
from applianced.alg.ike_esp.gateways import ASKED_MOST, LONGEST_S
from applianced.alg.ike_esp.isakmp import CREATE_CHILD_SA, INFORMATIONAL, MAIN
from applianced.model.tuples import ORIGINAL, REPLY, UDP, Direction, Endpoint, packed
from tests.support.dialog import DatagramPlayer, Meanwhile, control_session
from tests.support.ike import ALICE, BOB, CAROL, GATEWAY, NONE, auth, child, message, setup

OUTSIDE = packed("203.0.113.1")
TIMEOUT_S = 5


@dataclass
class Host(DatagramPlayer):
    """One host's session. said: the names of what was noted."""

    port: int = 500

    def tell(self, direction: Direction, data: bytes) -> bool:
        """Whether a datagram has passed."""
        before = len(self.out)
        self.feed(direction, data)
        return len(self.out) > before

    def both(self, pair: tuple[bytes, bytes]) -> None:
        assert self.tell(ORIGINAL, pair[0])
        assert self.tell(REPLY, pair[1])

    def esp(self, direction: Direction, spi: int) -> bool:
        """Whether the first packet of an SPI finds a gate."""
        before = len(self.keys)
        self.feed(ORIGINAL, Meanwhile(b"first %s %#x" % (b"<" if direction else b">", spi)))
        return len(self.keys) > before

    def gone(self, gate: int) -> None:
        self.feed(ORIGINAL, Meanwhile(b"gone %d" % gate))

    def later(self, seconds: int) -> None:
        self.feed(ORIGINAL, Meanwhile(b"%d" % seconds))

    @property
    def keys(self) -> list[OpenKey]:
        return [action for _, action, reply in self.log if isinstance(action, OpenKey) and reply]

    @property
    def awaits(self) -> dict[Direction, int]:
        """By direction, the gate that awaits first packets."""
        return {gate.speaker: number for number, gate in self.open.items() if isinstance(gate, AwaitKey)}

    def times(self, kind: type) -> int:
        return sum(isinstance(action, kind) for _, action, _ in self.log)

    def noted(self, event: str) -> int:
        return sum(getattr(action, "event", "") == event for _, action, _ in self.log)


@dataclass
class Site:
    """Hosts behind one address."""

    gateways: Gateways = field(default_factory=Gateways)
    settings: IkeEspSettings = field(default_factory=IkeEspSettings)
    hosts: list[Host] = field(default_factory=list)

    def host(self, *, port: int = 500, known: bool = True) -> Host:
        own = f"10.0.0.{len(self.hosts) + 2}"
        session = control_session(own, "198.51.100.1", client_port=port, server_port=500, protocol=UDP)
        host = Host(
            Exchanges(self.settings, session, self.gateways),
            DESCRIPTOR.events,
            {packed(own): OUTSIDE},
            session=session,
        )
        host.binds = None if known else 0
        self.hosts.append(host)
        return host

    def listed(self) -> list[dict]:
        return self.gateways.listing()["state"]


def two() -> tuple[Host, Host]:
    site = Site()
    first, second = site.host(), site.host()
    first.both(setup(ALICE))
    second.both(setup(BOB))
    return first, second


def test_the_second_negotiation_waits_for_the_first_hosts_esp() -> None:
    first, second = two()
    first.both(auth(ALICE))
    request, response = auth(BOB)
    assert not second.tell(ORIGINAL, request)
    assert not second.tell(ORIGINAL, request)
    assert (second.noted("held"), second.times(Wait)) == (1, 2)
    assert REPLY not in second.awaits
    assert first.esp(REPLY, 0x1111)
    assert first.times(Proceed) == 1
    second.both((request, response))
    assert second.esp(REPLY, 0x2222)
    assert [key.key for key in second.keys] == [0x2222]


def test_it_waits_no_longer_than_the_gate() -> None:
    first, second = two()
    first.both(auth(ALICE))
    assert not second.tell(ORIGINAL, auth(BOB)[0])
    second.now += TIMEOUT_S
    assert second.tell(ORIGINAL, auth(BOB)[0])
    first.now += TIMEOUT_S
    first.gone(first.awaits[REPLY])
    assert first.noted("gates-timed-out") == 1


def test_nobody_keeps_others_waiting_for_ever() -> None:
    first, second = two()
    for number in range(int(LONGEST_S) // 4):
        first.tell(ORIGINAL, child(ALICE, number)[0])
        first.now += 4
    second.now = first.now
    assert not second.tell(ORIGINAL, auth(BOB)[0])
    second.now += 4
    assert second.tell(ORIGINAL, auth(BOB)[0])
    first.now = second.now
    assert not first.tell(ORIGINAL, child(ALICE, 999)[0])


def test_the_end_of_a_session_lets_others_go_on() -> None:
    site = Site()
    first, second = site.host(), site.host()
    first.both(setup(ALICE))
    second.both(setup(BOB))
    first.both(auth(ALICE))
    assert not second.tell(ORIGINAL, auth(BOB)[0])
    first.alg.closed()  # type: ignore[attr-defined]
    first.alg.closed()  # type: ignore[attr-defined]
    assert second.tell(ORIGINAL, auth(BOB)[0])
    assert [entry["initiator-cookie"] for entry in site.listed()] == [BOB.hex()]
    second.alg.closed()  # type: ignore[attr-defined]
    assert site.listed() == []


def test_a_client_that_speaks_late_is_answered() -> None:
    first, second = two()
    first.both(auth(ALICE))
    first.now += TIMEOUT_S
    first.gone(first.awaits[REPLY])
    second.now = first.now
    second.both(auth(BOB))
    for _ in range(2):
        assert not first.esp(ORIGINAL, 0x1000), "its answer would be taken for the other's"
    assert (first.noted("esp-held"), first.times(Wait)) == (1, 2)
    assert REPLY not in first.awaits
    assert second.esp(REPLY, 0x2222)
    assert first.esp(ORIGINAL, 0x1000)
    assert first.esp(REPLY, 0x1111)


def test_a_gateway_that_answers_late_is_awaited_with_each_packet() -> None:
    (first, _) = two()
    first.both(auth(ALICE))
    assert first.esp(ORIGINAL, 0x1000)
    first.gone(first.awaits[REPLY])
    assert first.times(CloseGate) == 1, "its next packet is looked at again"
    assert first.esp(ORIGINAL, 0x1000)
    assert first.esp(REPLY, 0x1111)
    assert (first.noted("esp-sessions"), first.noted("esp-again")) == (2, 1)


def test_two_pairs_of_spis_are_awaited_at_once() -> None:
    first, _ = two()
    first.both(auth(ALICE))
    first.both(child(ALICE, 2))
    assert first.esp(REPLY, 0x1111)
    assert REPLY in first.awaits
    assert first.esp(REPLY, 0x2222)
    assert REPLY not in first.awaits
    assert first.esp(ORIGINAL, 0x1000)
    assert REPLY not in first.awaits, "both have come"


def test_while_nobody_knows_how_the_client_is_known_nothing_is_awaited() -> None:
    site = Site()
    first = site.host(known=False)
    first._bind = lambda asked: None  # type: ignore[method-assign,assignment]
    assert first.tell(ORIGINAL, child(ALICE, 7)[0])
    assert site.listed() == []
    first.later(1)
    first.alg.closed()  # type: ignore[attr-defined]


# ----- SAs that the gateway initiates


def test_the_one_that_has_rekeyed_is_meant() -> None:
    first, second = two()
    first.both(auth(ALICE))
    assert first.esp(REPLY, 0x1111)
    second.both(auth(BOB))
    assert second.esp(REPLY, 0x2222)
    new = message(CAROL, GATEWAY, INFORMATIONAL)
    assert not first.tell(REPLY, new), "either may be meant"
    assert first.noted("ambiguous-pair") == 1
    second.both(child(BOB, 2))
    assert not first.tell(REPLY, new)
    led = [action for _, action, _ in first.log if isinstance(action, LeadKey)]
    assert led == [LeadKey(REPLY, CAROL, Endpoint(OUTSIDE, 1500), f"IKEv2 informational {CAROL.hex()}", 14400)]
    assert (first.noted("led"), first.times(Refuse)) == (1, 2)
    assert second.tell(REPLY, new)
    assert second.noted("rekeyed-by-responder") == 1


def test_who_does_not_answer_was_not_meant() -> None:
    first, second = two()
    first.both(auth(ALICE))
    assert first.esp(REPLY, 0x1111)
    second.both(auth(BOB))
    assert second.esp(REPLY, 0x2222)
    first.both(child(ALICE, 2))
    first.now = second.now = second.now + TIMEOUT_S
    second.both(child(BOB, 2))
    new = message(CAROL, GATEWAY, INFORMATIONAL)
    assert not first.tell(REPLY, new), "the one that was the last is likelier"
    assert second.tell(REPLY, new)
    assert not second.tell(REPLY, new), "it has not answered"
    assert [action.outside for _, action, _ in second.log if isinstance(action, LeadKey)] == [Endpoint(OUTSIDE, 1500)]
    assert first.tell(REPLY, new)
    assert first.tell(ORIGINAL, message(CAROL, GATEWAY, INFORMATIONAL, flags=0x20))
    for _ in range(4):
        assert first.tell(REPLY, new), "it has answered"
    other = message(b"\x0e" * 8, GATEWAY, INFORMATIONAL)
    assert second.tell(REPLY, other), "the first host's is known"


def test_a_client_that_has_made_another_is_not_meant() -> None:
    first, second = two()
    first.both(auth(ALICE))
    assert first.esp(REPLY, 0x1111)
    second.both(auth(BOB))
    assert second.esp(REPLY, 0x2222)
    second.both(child(BOB, 2))
    assert second.esp(REPLY, 0x3333)
    first.both(child(ALICE, 2))
    assert first.tell(ORIGINAL, message(CAROL, GATEWAY, INFORMATIONAL))
    assert second.tell(REPLY, message(b"\x0e" * 8, GATEWAY, INFORMATIONAL))


def test_what_is_asked_for_is_remembered_for_a_while() -> None:
    gateways = Gateways()
    assert [gateways.asked(ALICE) for _ in range(3)] == [0, 1, 2]
    for number in range(ASKED_MOST):
        gateways.asked(number.to_bytes(8))
    assert gateways.asked(ALICE) == 0


def test_nobody_is_led_without_a_gate() -> None:
    first, second = two()
    second.both(auth(BOB))
    second.both(child(BOB, 2))
    first.gates = 0
    assert not first.tell(REPLY, message(CAROL, GATEWAY, INFORMATIONAL))
    assert (first.noted("led"), first.noted("refused-message")) == (0, 1)


def test_another_port_is_another_host() -> None:
    site = Site()
    first, second = site.host(), site.host(port=4001)
    first.both(setup(ALICE))
    second.both(setup(BOB))
    assert first.tell(REPLY, message(CAROL, NONE, MAIN))
    assert second.tell(REPLY, message(b"\x0d" * 8, NONE, MAIN))


# ----- state


def test_the_state_shows_pairs_and_spis() -> None:
    site = Site()
    first, second = site.host(), site.host()
    first.both(setup(ALICE))
    second.both(setup(BOB))
    first.both(auth(ALICE))
    assert first.esp(ORIGINAL, 0x1000)
    assert first.esp(REPLY, 0x1111)
    first.tell(REPLY, message(ALICE, GATEWAY, CREATE_CHILD_SA, flags=0))
    shown, other = site.listed()
    assert list(first.alg.gone(999)) == []  # type: ignore[attr-defined]
    assert (other["esp"], other["spi-to-gateway"]) == (False, [])
    assert shown == {
        "initiator-cookie": ALICE.hex(),
        "responder-cookie": GATEWAY.hex(),
        "client-address": "10.0.0.2",
        "gateway-address": "198.51.100.1",
        "outside-address": "203.0.113.1",
        "ike-version": 2,
        "initiated-by": "client",
        "exchange": "create-child-sa",
        "esp": True,
        "created": "1970-01-01T00:16:40.000+00:00",
        "last-message": "1970-01-01T00:16:40.000+00:00",
        "spi-to-gateway": ["0x00001000"],
        "spi-from-gateway": ["0x00001111"],
    }
    assert site.gateways.changes() == []
    site.gateways.restore({})
