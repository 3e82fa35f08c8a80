"""Whatever parties say, in whatever order, and whatever dies meanwhile: what was opened is closed in the end."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from applianced.compiler.marks import ALG_NUMBERS, CONTROL
from applianced.model.tuples import UDP, Endpoint, FlowTuple, packed
from tests.support.callers import DESCRIPTOR, PORT
from tests.support.datagrams import DatagramBench, DatagramKernel, octets
from tests.support.soak import rounds

SERVER = Endpoint(packed("192.0.2.1"), PORT)
FRESH = ALG_NUMBERS["sip"] | CONTROL
HOSTS = [Endpoint(packed("10.0.0.1"), 1000 + number) for number in range(3)]

SAID = st.one_of(
    st.tuples(st.just("offer"), st.integers(0, 2), st.integers(0, 3)),
    st.tuples(st.just("open"), st.integers(0, 2), st.integers(0, 3)),
    st.tuples(st.just("close"), st.integers(0, 2), st.integers(0, 3)),
    st.tuples(st.just("drop"), st.integers(0, 2), st.integers(0, 3)),
    st.tuples(st.just("reach"), st.integers(0, 2), st.integers(1, 60)),
    st.tuples(st.just("later"), st.integers(1, 40), st.just(0)),
    st.tuples(st.just("crash"), st.just(0), st.just(0)),
    st.tuples(st.just("refusing"), st.integers(0, 1), st.just(0)),
)


class Story(DatagramBench):
    def say_word(self, client: Endpoint, said: str) -> str:
        flow = FlowTuple(UDP, client, SERVER)
        packet = self.pass_on(octets(client, SERVER, said.encode()), flow, self.marks.get(flow, FRESH))
        return packet.released[28:].decode() if packet.released is not None else ""

    def step(self, name: str, place: int, number: int, known: dict[tuple[int, int], str]) -> None:
        client, own = HOSTS[place % 3], f"10.0.0.1:{4000 + 10 * number}"
        match name:
            case "offer":
                known[place, number] = self.say_word(client, f"offer {own}").partition(" ")[2]
            case "open" if known.get((place, number), "-") != "-":
                self.say_word(client, f"open {number} {own} {known[place, number]} 192.0.2.9:6000 idle 20")
            case "close":
                self.say_word(client, f"close {number}")
            case "drop" if known.get((place, number), "-") != "-":
                self.say_word(client, f"drop {known.pop((place, number))}")
            case "reach":
                self.say_word(client, f"reach {client} {number}")
            case "later":
                self.now += place
                self.engine.tick(self.now)
                self.engine.turn(self.now)
            case "crash":
                self.now += 1
                self.start()
            case "refusing":
                self.kernel.refuse_gates = bool(place)


@given(st.lists(SAID, max_size=40))
@settings(deadline=None, max_examples=rounds(40))
def test_gates_opened_equal_gates_closed(steps: list[tuple[str, int, int]]) -> None:
    story = Story(kernel=DatagramKernel(), descriptor=DESCRIPTOR)
    known: dict[tuple[int, int], str] = {}
    for name, place, number in steps:
        story.step(name, place, number, known)
        assert set(story.keeper.gates) >= {number for session in story.engine.live() for number in session.gates}
    story.kernel.refuse_gates = False
    story.now += 1
    story.engine.tick(story.now)
    assert set(story.kernel.gates) == set(story.keeper.gates)
    for session in story.engine.live():
        story.engine.abandon(session, story.now)
    story.now += 1
    story.engine.tick(story.now)
    assert not story.kernel.gates
    assert not story.keeper.gates
    assert not story.ports.held
    assert not len(story.keeper.bindings)
