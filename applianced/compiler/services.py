"""What matches a line: rules for lists of lines, in as few look-ups as the order of first match allows.

Lines of a protocol with ports and without a source port go into one verdict map per protocol; what cannot stand in it
becomes a rule of its own. A rule of its own never overlaps a map unless it names a source port or any protocol, so only
those two end the maps and begin the next.

A map per protocol and not one of `inet_proto . inet_service`: with 10,000 ranges nft loads the first in 0.1 s, the
second in 1 s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from applianced.compiler import intervals
from applianced.compiler.applications import ALL_PORTS, ICMP, ICMPV6, PORT_PROTOCOLS, Line, Outcome
from applianced.compiler.ruleset import Choice, Do, Match, Rule
from applianced.config.schema import PortRange

Verdict = Callable[[Outcome], str]
Segment = tuple[int, int, int, Outcome]

# Words of nft's own grammar: everything else would need /etc/protocols, which a small system lacks.
_WORDS = {1: "icmp", 6: "tcp", 17: "udp", 33: "dccp", 50: "esp", 51: "ah", 58: "icmpv6", 132: "sctp", 136: "udplite"}


def protocol_text(protocol: int) -> str:
    """An IP protocol as nft reads it anywhere."""
    return _WORDS.get(protocol, str(protocol))


def port_element(protocol: int, low: int, high: int) -> str:
    """One element of a set of `inet_proto . inet_service`."""
    return f"{protocol_text(protocol)} . {intervals.text(low, high)}"


def rules(lines: Iterable[Line], verdict: Verdict) -> Iterator[Rule]:
    """Rules that end in `verdict` of the first line that matches, and fall through when none does."""
    mapped: list[Line] = []
    single: list[Line] = []
    for line in lines:
        if line.source_ports is None and line.protocol in PORT_PROTOCOLS:
            mapped.append(line)
            continue
        if line.source_ports is None and line.protocol is not None:
            single.append(line)
            continue
        yield from _run(mapped, single, verdict)
        mapped, single = [], []
        yield _rule(line, verdict)
        if line.source_ports is None:
            return
    yield from _run(mapped, single, verdict)


def segments(lines: Iterable[Line]) -> list[Segment]:
    """(protocol, low, high, outcome) without overlap, sorted, for lines with ports; the earlier line wins."""
    by_protocol: dict[int, list[tuple[int, int, Outcome]]] = {}
    for line in lines:
        assert line.protocol is not None
        by_protocol.setdefault(line.protocol, []).append((*line.ports, line.outcome))
    return [
        (protocol, low, high, outcome)
        for protocol in sorted(by_protocol)
        for low, high, outcome in intervals.first_match(by_protocol[protocol])
    ]


def _run(mapped: list[Line], single: list[Line], verdict: Verdict) -> Iterator[Rule]:
    for protocol, found in groupby(segments(mapped), key=itemgetter(0)):
        yield _of_protocol(protocol, list(found), verdict)
    for line in single:
        yield _rule(line, verdict)


def _of_protocol(protocol: int, found: list[Segment], verdict: Verdict) -> Rule:
    if len(found) == 1:
        _, low, high, outcome = found[0]
        return (port_match(protocol, ((low, high),)), Do(verdict(outcome)))
    elements = tuple((intervals.text(low, high), verdict(outcome)) for _, low, high, outcome in found)
    return (Choice(f"{protocol_text(protocol)} dport", elements),)


def port_match(protocol: int, ports: Sequence[PortRange]) -> Match:
    """The match on one protocol and its destination ports, which do not overlap."""
    if tuple(ports) == (ALL_PORTS,):
        return Match("meta l4proto", (protocol_text(protocol),))
    return Match(f"{protocol_text(protocol)} dport", tuple(intervals.text(*each) for each in ports))


def _rule(line: Line, verdict: Verdict) -> Rule:
    return (*matches(line), Do(verdict(line.outcome)))


def matches(line: Line) -> tuple[Match, ...]:
    """The matches of one line, however odd."""
    if line.protocol is None:
        return ()
    if line.protocol in (ICMP, ICMPV6) and line.icmp_type is not None:
        word = protocol_text(line.protocol)
        kind = Match(f"{word} type", (str(line.icmp_type),))
        return (kind,) if line.icmp_code is None else (kind, Match(f"{word} code", (str(line.icmp_code),)))
    found = [port_match(line.protocol, (line.ports,))]
    if line.source_ports is not None:
        source = Match(f"{protocol_text(line.protocol)} sport", (intervals.text(*line.source_ports),))
        found = [source, *(match for match in found if line.ports != ALL_PORTS)]
    return tuple(found)
