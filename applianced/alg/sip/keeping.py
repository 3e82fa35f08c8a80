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
    offers = tuple((name, _plain(offer.lines), offer.serial, offer.answered) for name, offer in call.offers.items())
    branches = tuple(
        (tag, _plain(branch.lines), branch.serial, _plain(branch.ways), branch.confirmed)
        for tag, branch in call.branches.items()
    )
    bound = tuple((*_plain(inside), *_plain(outside)) for inside, outside in call.bound)
    gates = tuple((_plain(way), numbers) for way, numbers in call.gates.items())
    times = call.created_s, call.expires_s, call.ends_s
    return (call.key, call.sides, times, call.state, call.caller, call.callee, offers, branches, bound, gates)


def restored(values: tuple[Any, ...], belongings: Belongings) -> Call:
    """The call that `plain` was asked for."""
    key, sides, (created_s, expires_s, ends_s), state, caller, callee, offers, branches, bound, gates = values
    call = Call(key, sides, belongings, created_s, expires_s)
    call.ends_s, call.state, call.caller, call.callee = ends_s, state, caller, callee
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


def _plain(value: Any) -> Any:
    """Named tuples as tuples, all the way down."""
    return tuple(_plain(each) for each in value) if isinstance(value, tuple) else value


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
