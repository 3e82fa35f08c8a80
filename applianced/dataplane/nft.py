"""The nft command: check, load, read back single chains."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from applianced.compiler.gates_table import HELPER_OBJECT, gates_table
from applianced.compiler.marks import GATES_TABLE, OFFLOAD_TABLE, POLICY_TABLE
from applianced.dataplane import extension, layout
from applianced.dataplane.host import run
from applianced.dataplane.netlink import FAMILY_INET, NFTABLES, Netlink, attribute, attributes, number, text
from applianced.errors import DataplaneError

_GETTABLE, _GETCHAIN, _GETOBJ = 1, 4, 19
_CT_EXPECT = 9
_CHAIN_USE = 6
_COUNTER = 1
_DATA, _COUNTER_PACKETS = 4, 2


log = logging.getLogger("applianced.agent")


def check(ruleset: str) -> None:
    """Have the kernel check a ruleset without taking it. Raises DataplaneError."""
    run(["nft", "--check", "--file", "-"], stdin=ruleset)


def load(ruleset: str) -> None:
    """Put a ruleset in force, all of it or nothing. Raises DataplaneError."""
    run(["nft", "--file", "-"], stdin=ruleset)


def has_table(table: str) -> bool:
    """Whether the table is there."""
    listed = json.loads(run(["nft", "--json", "list", "tables"]))
    return any(item.get("table", {}).get("name") == table for item in listed["nftables"])


def table_exists(netlink: Netlink, table: str) -> bool:
    """Whether the table is there, asked for by name: cheap enough for every second. Raises DataplaneError."""
    return netlink.get(NFTABLES, _GETTABLE, FAMILY_INET, attribute(1, text(table))) is not None


QUEUE_PROBE = "table inet applianced_probe { chain c { queue num 0; }; }"
"""What a kernel without NFT_QUEUE refuses, for that alone."""


def has_queue_statement() -> bool:
    """Whether the kernel has NFT_QUEUE."""
    try:
        check(QUEUE_PROBE)
    except DataplaneError:
        return False
    return True


FLOWTABLE_PROBE = """table inet applianced_probe {
  flowtable f { hook ingress priority 0; devices = { lo }; counter; }
  chain c { type filter hook forward priority 0; flow add @f; }
}"""
"""What a kernel refuses that has no flow tables."""


def has_flowtables() -> bool:
    """Whether the kernel has NF_FLOW_TABLE and NFT_FLOW_OFFLOAD."""
    try:
        check(FLOWTABLE_PROBE)
    except DataplaneError:
        return False
    return True


def make_gates_table(netlink: Netlink) -> None:
    """Make the gates table. One that an earlier process left is kept, since its gates are still in use; one of another
    release gets the chains and rules of this one, or makes way when that cannot be. Raises DataplaneError."""
    statement = has_queue_statement()
    ruleset = gates_table(queue_statement=statement)
    additions = extension.additions(queue_rules=not statement)
    name = layout.marker(ruleset, additions)
    if has_table(GATES_TABLE):
        if has_chain(netlink, GATES_TABLE, name):
            return
        try:
            _exchange_layout(netlink, ruleset, name, statement)
        except DataplaneError as error:
            log.warning("the gates table has another layout and is made anew, its gates are closed: %s", error)
            load(f"delete table inet {GATES_TABLE}\n")
        else:
            log.warning("the gates table had another layout; its gates stay open")
            return
    load(layout.fresh(ruleset, name))
    try:
        extension.add(netlink, additions)
    except DataplaneError:
        remove_tables()
        raise


def _exchange_layout(netlink: Netlink, ruleset: str, name: str, statement: bool) -> None:
    """Give a gates table the chains and rules of this release. Raises DataplaneError."""
    load(layout.exchanged(ruleset, name, chains(GATES_TABLE)))
    helper = netlink.get(NFTABLES, _GETOBJ, FAMILY_INET, _named(HELPER_OBJECT) + attribute(3, number(_CT_EXPECT)))
    extension.add(netlink, extension.additions(queue_rules=not statement, helper=helper is None))
    load(layout.unguarded())


def _named(name: str) -> bytes:
    return attribute(1, text(GATES_TABLE)) + attribute(2, text(name))


def chains(table: str) -> list[str]:
    """The names of a table's chains."""
    listed = json.loads(run(["nft", "--json", "list", "chains", "inet"]))
    found = (item["chain"] for item in listed["nftables"] if "chain" in item)
    return [chain["name"] for chain in found if chain["table"] == table]


def has_chain(netlink: Netlink, table: str, chain: str) -> bool:
    """Whether the chain is there. Raises DataplaneError."""
    body = attribute(1, text(table)) + attribute(3, text(chain))
    return netlink.get(NFTABLES, _GETCHAIN, FAMILY_INET, body) is not None


def remove_tables() -> None:
    """Take all tables away, whether they are there or not."""
    for table in (OFFLOAD_TABLE, POLICY_TABLE, GATES_TABLE):
        load(f"table inet {table} {{ }}\ndelete table inet {table}\n")


def verify_chains(netlink: Netlink, chains: Mapping[str, int]) -> None:
    """Every chain of the policy table is there with at least its rules (a use counts rules and jumps to the chain).

    Asked one by one: a dump starts over with every transaction of a busy worker. Raises DataplaneError.
    """
    for chain, rules in chains.items():
        body = attribute(1, text(POLICY_TABLE)) + attribute(3, text(chain))
        found = netlink.get(NFTABLES, _GETCHAIN, FAMILY_INET, body)
        if found is None:
            raise DataplaneError("verify", f"chain {chain} is not in the kernel")
        used = int.from_bytes(found.get(_CHAIN_USE, b""), "big")
        if used < rules:
            raise DataplaneError("verify", f"chain {chain} has {used} rules in the kernel instead of {rules}")


def holds(netlink: Netlink, plan: Mapping[str, Any], applied: Mapping[str, Any] | None) -> bool:
    """Whether the kernel has a plan's ruleset already, as far as can be told at once: it is that of the applied plan,
    and all its chains are there."""
    if applied is None or applied["ruleset"] != plan["ruleset"]:
        return False
    try:
        verify_chains(netlink, applied["chains"])
    except DataplaneError:
        return False
    return True


def counted(netlink: Netlink, table: str, counter: str) -> int:
    """Packets of one named counter; 0 when it is not there. Raises DataplaneError."""
    names = attribute(1, text(table)) + attribute(2, text(counter)) + attribute(3, number(_COUNTER))
    found = netlink.get(NFTABLES, _GETOBJ, FAMILY_INET, names)
    return int.from_bytes(attributes(found[_DATA])[_COUNTER_PACKETS], "big") if found else 0


def counters() -> dict[str, list[int]]:
    """name -> [packets, octets] of the policy table's named counters."""
    listed = json.loads(run(["nft", "--json", "list", "counters", "table", "inet", POLICY_TABLE]))
    return {
        item["counter"]["name"]: [item["counter"]["packets"], item["counter"]["bytes"]]
        for item in listed["nftables"]
        if "counter" in item
    }
