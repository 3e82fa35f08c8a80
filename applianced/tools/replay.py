"""`applianced replay`: what the appliance would make of a capture, without root and without a kernel.

The capture is taken as seen on the inside: private addresses are private, outside ones real. The configuration decides
which ALG reads a session and, unless --outside is given, which addresses stand for the inside ones.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

from applianced.alg.registry import REGISTRY
from applianced.config.checks import check
from applianced.config.decode import decode
from applianced.config.schema import Config
from applianced.datastore.models import load_models
from applianced.datastore.tree import InvalidTreeError
from applianced.engine.kernel import Translation
from applianced.errors import ConfigError, ProtocolError
from applianced.model.tuples import FlowTuple, packed
from applianced.northbound.initial import load_file
from applianced.tools import outside
from applianced.tools.capture import packets
from applianced.tools.rehearsal import Event, Rehearsal, Translate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.description = __doc__
    parser.add_argument("capture", type=Path, metavar="CAPTURE", help="pcap or pcapng")
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="configuration, RFC 7951 JSON or XML"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")
    parser.add_argument("--from-zone", default="", metavar="ZONE", help="where sessions come from; needs --to-zone")
    parser.add_argument("--to-zone", default="", metavar="ZONE", help="where sessions go to")
    parser.add_argument(
        "--outside",
        action="append",
        type=packed,
        default=[],
        metavar="ADDRESS",
        help="outside address of the clients, one per family; without it the NAT rules say",
    )


def run(options: argparse.Namespace) -> int:
    """Replay and print, of a capture with a fault what came before it. Returns the exit status.

    Raises ConfigError, also for a capture with a fault, when what came before has been printed.
    """
    if bool(options.from_zone) != bool(options.to_zone):
        raise ConfigError("", "--from-zone and --to-zone go together")
    zones = (options.from_zone, options.to_zone) if options.from_zone else None
    config = load_config(options.config)
    for option, zone in zip(("--from-zone", "--to-zone"), zones or (), strict=False):
        if zone not in config.zones:
            there = ", ".join(config.zones) or "none"
            raise ConfigError("", f"{option} {zone}: the configuration has no such zone; its zones: {there}")
    rehearsal = _rehearsal(config, zones, options.outside)
    fault: ConfigError | None = None
    try:
        _feed(rehearsal, options.capture)
    except ConfigError as error:
        fault = error
    sys.stdout.write(as_json(rehearsal, str(fault or "")) if options.json else as_text(rehearsal))
    if fault:
        raise fault
    return 0


def load_config(path: Path) -> Config:
    """A configuration file, XML or RFC 7951 JSON, that a commit would accept. Raises ConfigError, with every fault."""
    with load_file(load_models(), path) as tree:
        tree.validate()
        faults: list[ConfigError] = []
        config = decode(tree.data(), faults=faults)
    if faults := [*faults, *check(config, frozenset(REGISTRY))]:
        raise InvalidTreeError(faults)
    return config


def replay(
    config: Config, capture: Path, *, zones: tuple[str, str] | None = None, addresses: list[bytes] | None = None
) -> Rehearsal:
    """Run a capture through. addresses: packed outside addresses of the clients, at most one per family.

    Raises ConfigError that names the capture.
    """
    rehearsal = _rehearsal(config, zones, addresses or [])
    _feed(rehearsal, capture)
    return rehearsal


def _rehearsal(config: Config, zones: tuple[str, str] | None, addresses: list[bytes]) -> Rehearsal:
    return Rehearsal(config, translate=_translate(config, addresses), zones=zones)


def _feed(rehearsal: Rehearsal, capture: Path) -> None:
    """Every packet up to the end or the first fault, which is raised as a ConfigError that names the capture."""
    try:
        with capture.open("rb") as file:
            for packet in packets(file):
                rehearsal.feed(packet)
    except OSError as error:
        raise ConfigError("", f"{capture}: {error.strerror}") from error
    except ProtocolError as error:
        raise ConfigError("", f"{capture}: {error}") from error


def _translate(config: Config, addresses: list[bytes]) -> Translate:
    return partial(_choose, config, {len(address): address for address in addresses})


def _choose(config: Config, given: dict[int, bytes], flow: FlowTuple, from_zone: str, to_zone: str) -> Translation:
    address = given.get(len(flow.source.address))
    return outside.given(flow, address) if address else outside.translate(config, flow, from_zone, to_zone)


def as_text(rehearsal: Rehearsal) -> str:
    """The events, one per line, then every counter that is not zero."""
    start = rehearsal.events[0].time_s if rehearsal.events else 0.0
    lines = [_line(event, start) for event in rehearsal.events]
    for alg, counters in _counters(rehearsal).items():
        lines.append(f"{alg}: " + ", ".join(f"{name} {count}" for name, count in counters.items()))
    if rehearsal.skipped:
        lines.append(
            f"{rehearsal.skipped} packets left out: neither TCP, UDP nor calls in GRE, fragments, or malformed"
        )
    return "".join(line + "\n" for line in lines)


def _line(event: Event, start_s: float) -> str:
    number = f"#{event.session}" if event.session else "-"
    return f"{event.time_s - start_s:10.3f} {number:>4} {event.text}"


def as_json(rehearsal: Rehearsal, error: str = "") -> str:
    """The same as one JSON document: events, counters, skipped; and error, where the capture has one."""
    events: list[dict[str, Any]] = [
        {"time": event.time_s, "session": event.session, "kind": event.kind, "text": event.text, **event.fields}
        for event in rehearsal.events
    ]
    document: dict[str, Any] = {"events": events, "counters": _counters(rehearsal), "skipped": rehearsal.skipped}
    if error:
        document["error"] = error
    return json.dumps(document, indent=1) + "\n"


def _counters(rehearsal: Rehearsal) -> dict[str, dict[str, int]]:
    found = {
        alg: {name: count for name, count in values.items() if count}
        for alg, values in rehearsal.counters.values().items()
    }
    return {alg: values for alg, values in found.items() if values}
