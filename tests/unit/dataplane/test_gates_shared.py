"""Gates of several calls that announce the same endpoints: the end of one takes nothing from the others."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.dataplane.gates import Gates, elements
from applianced.dataplane.netlink import attributes
from applianced.model.gates import Gate
from applianced.model.media import ControlGate, MediaGate
from applianced.model.tuples import UDP, Endpoint, packed
from tests.support.soak import rounds

PHONE, PUBLIC, FAR = packed("10.0.0.1"), packed("203.0.113.1"), packed("192.0.2.9")


class Maps:
    """A Netlink that keeps what is in every map and set, and fails when told to."""

    def __init__(self) -> None:
        self.elements: dict[tuple[str, bytes], bytes] = {}
        self.code = 0

    def transaction(self, messages: Sequence[bytes]) -> int:
        after = dict(self.elements)
        for message in messages:
            found = attributes(message[20:])
            element = attributes(attributes(found[3])[1])
            place = found[2].rstrip(b"\0").decode(), attributes(element[1])[1]
            if message[4] == 14:
                del after[place]
            elif message[4] == 30:
                after.pop(place, None)
            else:
                data = attributes(element[2])[1] if 2 in element else b""
                assert after.get(place, data) == data, "an add of other data fails"
                after[place] = data
        if not self.code:
            self.elements = after
        return self.code


def medium(number: int, ours: int = 4000, told: int = 50000, mark: int = 1024) -> MediaGate:
    """Of a phone inside, with the same party outside every time."""
    inside, outside, other = Endpoint(PHONE, ours), Endpoint(PUBLIC, told), Endpoint(FAR, 6000)
    return MediaGate(
        number=number, alg="sip", session=1, protocol=UDP, peer=FAR, inside=inside, outside=outside, one_shot=False,
        source=b"", reason="", created_s=0.0, expires_s=60.0, own=(inside, other), known=(outside, other), mark=mark,
        idle_s=60.0,
    )  # fmt: skip


def control(number: int) -> ControlGate:
    end = Endpoint(PHONE, 5070)
    return ControlGate(
        number=number, alg="sip", session=1, protocol=UDP, peer=FAR, inside=end, outside=end, one_shot=False,
        source=b"", reason="", created_s=0.0, expires_s=60.0, mark=512,
    )  # fmt: skip


@pytest.mark.parametrize("destroys", [False, True])
@pytest.mark.parametrize("make", [medium, control])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_it_stays_until_the_last_one_ends(make: type[Gate], order: tuple[int, ...], destroys: bool) -> None:
    maps = Maps()
    gates = Gates(maps, destroys=destroys)  # type: ignore[arg-type]
    opened = [make(number) for number in range(3)]  # type: ignore[call-arg]
    for gate in opened:
        gates.exchange((gate,), (), 0.0)
    whole = dict(maps.elements)
    for number in order[:2]:
        gates.exchange((), (opened[number],), 1.0)
        assert maps.elements == whole
        assert not gates.gone, "its session goes on"
    gates.exchange((), (opened[order[2]],), 2.0)
    assert not maps.elements
    assert gates.gone == [opened[order[2]]]


def test_also_after_a_restart() -> None:
    maps = Maps()
    before, gates = Gates(maps), Gates(maps)  # type: ignore[arg-type]
    opened = [medium(1), medium(2)]
    for gate in opened:
        before.exchange((gate,), (), 0.0)
        gates.adopt(gate)
    gates.exchange((), (opened[1],), 1.0)
    assert maps.elements
    gates.exchange((), (opened[0],), 1.0)
    assert not maps.elements


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=rounds(30)), st.booleans())
def test_the_kernel_holds_what_is_open_and_nothing_else(steps: list[tuple[int, bool]], destroys: bool) -> None:
    """Whatever the order, also where the kernel refuses, and where they differ in what they write."""
    maps = Maps()
    gates = Gates(maps, destroys=destroys)  # type: ignore[arg-type]
    known = [medium(number, 4000 + number % 2, 50000 + number % 3, 1024 + number) for number in range(6)]
    order: list[MediaGate] = []
    for number, refused in steps:
        gate = known[number]
        maps.code = 12 if refused else 0
        closing = gate in order
        if gates.exchange(() if closing else (gate,), (gate,) if closing else (), 0.0) == 0:
            order = [each for each in order if each is not gate] + ([] if closing else [gate])
        # As silence does: written again, the last one counts.
        if order and number % 2 and gates.exchange((order[0],), (), 1.0) == 0:
            order = [*order[1:], order[0]]
        wanted = {(name, key): data for each in order for name, key, data in elements(each)}
        assert maps.elements == wanted
    maps.code = 0
    gates.exchange((), order, 2.0)
    assert not maps.elements
    assert not gates._owners
    assert not gates._beside
