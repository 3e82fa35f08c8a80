"""Calls as plain values, and back: what a worker needs to go on with those of the one before it.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from typing import Any

from applianced.alg.sip.bound import Belongings
from applianced.alg.sip.calls import Branch, Call, Offer
from applianced.alg.sip.media import Line, Way
from applianced.model.tuples import Endpoint


def plain(call: Call) -> tuple[Any, ...]:
    """A call as numbers, octets, strings and tuples of them."""
    if call.kept is None:
        call.kept = _media_plain(call)
    times = call.created_s, call.expires_s, call.ends_s
    return (call.key, call.sides, times, call.state, call.caller, call.callee, call.tags, *call.kept)


def _media_plain(call: Call) -> tuple[Any, ...]:
    # Lists here and below: they cost half of what a generator does.
    offers = [(name, _lines_plain(offer.lines), offer.serial, offer.answered) for name, offer in call.offers.items()]
    branches = [(tag, *_branch_plain(branch)) for tag, branch in call.branches.items()]
    bound = [(protocol, tuple(own), tuple(told), pair) for (protocol, own), (told, pair) in call.bound]
    gates = [(_way_plain(way), numbers) for way, numbers in call.gates.items()]
    return tuple(offers), tuple(branches), tuple(bound), tuple(gates)


def restored(values: tuple[Any, ...], belongings: Belongings) -> Call:
    """The call that `plain` was asked for."""
    key, sides, (created_s, expires_s, ends_s), state, caller, callee, tags, offers, branches, bound, gates = values
    call = Call(key, sides, belongings, created_s, expires_s)
    call.ends_s, call.state, call.caller, call.callee, call.tags = ends_s, state, caller, callee, tags
    for name, lines, serial, answered in offers:
        call.offers[name] = offer = Offer(_lines(lines), serial)
        offer.answered = answered
    for tag, (first, second), serial, used, confirmed in branches:
        call.branches[tag] = branch = Branch()
        branch.lines, branch.serial, branch.confirmed = (_lines(first), _lines(second)), serial, confirmed
        branch.ways = tuple(map(_way, used))
    for protocol, inside, outside, pair in bound:
        call.bound.add(protocol, Endpoint(*inside), (Endpoint(*outside), pair))
    for way, numbers in gates:
        call.own(_way(way), numbers, belongings)
    return call


def _branch_plain(branch: Branch) -> tuple[Any, ...]:
    first, second = branch.lines
    used = tuple([_way_plain(way) for way in branch.ways])
    return (_lines_plain(first), _lines_plain(second)), branch.serial, used, branch.confirmed


def _lines_plain(lines: tuple[Line, ...]) -> tuple[Any, ...]:
    return tuple(
        [
            (protocol, own and tuple(own), known and tuple(known), rtcp and tuple(rtcp), above and tuple(above), *rest)
            for protocol, own, known, rtcp, above, *rest in lines
        ]
    )


def _way_plain(way: Way) -> tuple[Any, ...]:
    protocol, (first, second), (third, fourth), reach, learn = way
    ends, known = (first and tuple(first), second and tuple(second)), (third and tuple(third), fourth and tuple(fourth))
    return protocol, ends, known, reach, learn


def _endpoint(values: Any) -> Endpoint | None:
    return None if values is None else Endpoint(*values)


def _line(values: tuple[Any, ...]) -> Line:
    protocol, own, known, rtcp, rtcp_known, *rest = values
    return Line(protocol, _endpoint(own), _endpoint(known), _endpoint(rtcp), _endpoint(rtcp_known), *rest)


def _lines(values: tuple[Any, ...]) -> tuple[Line, ...]:
    return tuple(map(_line, values))


def _way(values: tuple[Any, ...]) -> Way:
    protocol, (first, second), (third, fourth), reach, learn = values
    ends, known = (_endpoint(first), _endpoint(second)), (_endpoint(third), _endpoint(fourth))
    return Way(protocol, ends, known, reach, learn)
