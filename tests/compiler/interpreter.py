"""What a compiled ruleset does with the first packet of a session: as much of nft as the compiler uses."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import NamedTuple

from applianced.compiler.ruleset import Chain, Choice, Do, Match, Rule, Ruleset
from applianced.model.tuples import FlowTuple

WORDS = {1: "icmp", 6: "tcp", 17: "udp", 33: "dccp", 50: "esp", 51: "ah", 58: "icmpv6", 132: "sctp", 136: "udplite"}
IGNORED = ("counter", "ct label set", "log ", "ct event", "ct timeout", "ct mark set", "ct status")


class Verdict(NamedTuple):
    """How the packet left, and by which policy chain (name, split at "/")."""

    word: str
    policy: tuple[str, ...]


class Packet(NamedTuple):
    flow: FlowTuple
    iifname: str
    oifname: str


def run(ruleset: Ruleset, packet: Packet) -> Verdict:
    """The fate of a new session's first packet in chain forward."""
    chains = {chain.name: chain for chain in ruleset.table.chains}
    passed: list[str] = []
    word = _chain(chains, chains["forward"], packet, passed)
    decided = [name for name in passed if name.startswith("policy/")]
    return Verdict(word or "drop", tuple(decided[-1].split("/")) if decided else ())


def _chain(chains: dict[str, Chain], chain: Chain, packet: Packet, passed: list[str]) -> str:
    """ "" when the packet falls off the end."""
    passed.append(chain.name)
    for rule in chain.rules:
        verdict = _rule(rule, packet)
        word, _, target = verdict.partition(" ")
        if word in ("goto", "jump"):
            found = _chain(chains, chains[target], packet, passed)
            if found or word == "goto":
                return found
        elif verdict:
            return word
    return ""


def _rule(rule: Rule, packet: Packet) -> str:
    for statement in rule:
        match statement:
            case Match(key, values, negated):
                if any(_in(value, _field(key, packet)) for value in values) is negated or not _has(key, packet):
                    return ""
            case Choice(key, elements):
                field = _field(key, packet) if _has(key, packet) else ()
                return next((verdict for value, verdict in elements if field and _in(value, field)), "")
            case Do(text):
                if text.split()[0] in ("accept", "drop", "reject", "goto", "jump"):
                    return text
                if text.startswith(("ct state", "ct mark &", "tcp flags")):
                    return ""  # a session's first packet: new, unmarked, a SYN where it is TCP
                assert text.startswith(IGNORED), text
    return ""


def _has(key: str, packet: Packet) -> bool:
    version = 4 if len(packet.flow.source.address) == 4 else 6
    word = key.split()[0]
    if word in ("ip", "ip6"):
        return word == ("ip" if version == 4 else "ip6")
    if word in WORDS.values():
        return WORDS.get(packet.flow.protocol) == word
    return True


def _field(key: str, packet: Packet) -> tuple[str, ...]:
    flow = packet.flow
    kind, code = divmod(flow.destination.port, 256)
    return tuple(
        {
            "iifname": f'"{packet.iifname}"',
            "oifname": f'"{packet.oifname}"',
            "nfproto": "ipv4" if len(flow.source.address) == 4 else "ipv6",
            "l4proto": WORDS.get(flow.protocol, str(flow.protocol)),
            "saddr": str(ip_address(flow.source.address)),
            "daddr": str(ip_address(flow.destination.address)),
            "sport": str(flow.source.port),
            "dport": str(flow.destination.port),
            "type": str(kind),
            "code": str(code),
        }[part.split()[-1]]
        for part in key.split(" . ")
    )


def _in(value: str, field: tuple[str, ...]) -> bool:
    return all(_one(part, actual) for part, actual in zip(value.split(" . "), field, strict=True))


def _one(value: str, actual: str) -> bool:
    if value == actual:
        return True
    if actual.isdigit() and "-" in value:
        low, high = value.split("-")
        return int(low) <= int(actual) <= int(high)
    if "/" in value and not value.startswith('"'):
        network = ip_network(value)
        return network.version == ip_address(actual).version and ip_address(actual) in network
    return False
