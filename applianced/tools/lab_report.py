"""What the lab shows of the appliance's state, read over NETCONF, and how to go on from there."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from lxml import etree

from applianced.compiler.marks import GATES_TABLE
from applianced.tools.namespaces import IPV4, Topology
from applianced.tools.netconf_client import ALG, PREFIXES, SECURITY, STATE, NetconfClient

STATE_FILTER = f'<security xmlns="{SECURITY}"><alg xmlns="{ALG}"><{{}} xmlns="{STATE}"/></alg></security>'


def state_of(netconf: NetconfClient, container: str) -> etree._Element:
    """One state container under `security alg`: status, counters or gates."""
    return netconf.get(STATE_FILTER.format(container))


def leaf(entry: etree._Element, name: str) -> str:
    """Text of a leaf of a list entry; "" when it is absent."""
    return entry.findtext(f"state:{name}", default="", namespaces=PREFIXES)


def print_gates(netconf: NetconfClient) -> None:
    """Each gate: what asked for it, what it admitted, how long it lived."""
    print("\ngates (NETCONF <get>, security alg gates)")
    for gate in state_of(netconf, "gates").iterfind(".//state:gate", PREFIXES):
        peer = leaf(gate, "peer-address") or "anybody"
        inside = endpoint(leaf(gate, "inside-address"), leaf(gate, "inside-port"))
        outside = endpoint(leaf(gate, "outside-address"), leaf(gate, "outside-port"))
        print(f"  {leaf(gate, 'number'):>9}  {leaf(gate, 'alg')}  {leaf(gate, 'reason')}")
        print(f"             peer {peer} to {outside}, arrives at {inside}; {life(gate)}")


def endpoint(address: str, port: str) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def life(gate: etree._Element) -> str:
    """'used after 0.004 s, closed after 0.010 s, 12 packets': seconds count from the opening."""
    created = moment(leaf(gate, "created"))
    words = []
    for name, past in (("used", "used"), ("closed", "closed")):
        at = moment(leaf(gate, name))
        if at and created:
            words.append(f"{past} after {(at - created).total_seconds():.3f} s")
    if "closed" not in " ".join(words):
        words.append(f"expires {leaf(gate, 'expires')}")
    return ", ".join([*words, f"{leaf(gate, 'packets') or 0} packets"])


def moment(text: str) -> datetime | None:
    """A yang:date-and-time (RFC 6991 section 3); None for no text."""
    return datetime.fromisoformat(text) if text else None


def print_counters(netconf: NetconfClient) -> None:
    """Every counter that has counted something."""
    print("\ncounters that moved (NETCONF <get>, security alg counters)")
    for alg in state_of(netconf, "counters").iterfind(".//state:counters/state:alg", PREFIXES):
        for event in alg.iterfind("state:event", PREFIXES):
            if leaf(event, "value") not in ("", "0"):
                print(f"  {leaf(alg, 'name'):7} {leaf(event, 'name'):32} {leaf(event, 'value'):>8}")


def print_next_steps(topology: Topology, directory: Path, configuration: Path, address: str) -> None:
    """The commands with which to go on."""
    host, _, port = address.rpartition(":")
    log_in = f"ssh -p {port} -i {directory}/admin -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    inside = f"ip netns exec {topology.client}"
    gateway = f"ip netns exec {topology.gateway}"
    lab = f"{sys.executable} -m applianced.tools.lab --directory {directory}"
    print(
        f"""
the lab goes on running; from here:
  any NETCONF client  {log_in} -s admin@{host} netconf
                      (user admin, key {directory}/admin)
  the configuration   {configuration}
  more transfers      {inside} curl -sS --disable-eprt -P - ftp://anonymous:lab@{IPV4.server}/pub/
                      {inside} lftp -u anonymous,lab {IPV4.server}
  change it           {lab} change docs/examples/ftp-line-break-extension.xml
  watch               watch -n 1 {lab} show
                      {gateway} nft list table inet {GATES_TABLE}
                      {gateway} tcpdump -n -A -i wan0 tcp port 21
  the appliance's log tail -f {directory}/serve.log
  end of it           make stop"""
    )
