"""What tests put under `security` to translate addresses otherwise than the example does, and to let traffic in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from applianced.tools.namespaces import Plan
from applianced.tools.netconf_client import NETCONF

NAT = "urn:applianced:yang:nat"
NO_NAT = f'<nat xmlns="{NAT}" xmlns:nc="{NETCONF}" nc:operation="delete"/>'


def host(address: str) -> str:
    """The prefix that holds this address alone."""
    return f"{address}/{128 if ':' in address else 32}"


def from_outside(plan: Plan) -> Plan:
    """The plan as a client outside sees it, whose server is published at the extra public address."""
    return replace(plan, client=plan.server, server=plan.extra_public)


def permit_ftp(source: str, destination: str) -> str:
    """A policy that lets FTP pass from zone to zone."""
    return permit(source, destination, "ftp-server", "junos-ftp")


def permit(source: str, destination: str, name: str, *applications: str) -> str:
    """A policy that lets these applications pass from zone to zone."""
    listed = "".join(f"<application>{each}</application>" for each in applications)
    return f"""
    <policies><policy><from-zone-name>{source}</from-zone-name><to-zone-name>{destination}</to-zone-name>
      <policy><name>{name}</name>
        <match><source-address>any</source-address><destination-address>any</destination-address>
          {listed}</match>
        <then><permit/></then>
      </policy>
    </policy></policies>
    """


def static_nat(plan: Plan) -> str:
    """The client's address stands outside as the extra public one, and the other way round."""
    return f"""
    <nat xmlns="{NAT}"><static><rule-set><name>inside</name><from><zone>untrust</zone></from>
      <rule><name>server{plan.version}</name>
        <match><destination-address>{host(plan.extra_public)}</destination-address></match>
        <then><static-nat><prefix><addr-prefix>{host(plan.client)}</addr-prefix></prefix></static-nat></then>
      </rule></rule-set></static></nat>
    """


def destination_nat(
    plan: Plan,
    *,
    zones: tuple[str, ...] = ("untrust",),
    inside: str = "",
    outside_port: int = 0,
    port: int = 0,
    protocol: str = "tcp",
) -> str:
    """Sessions to the extra public address (of one port, when given) go to an inside host, by default the client's.

    port: instead of the one that they were sent to.
    """
    origin = "".join(f"<zone>{zone}</zone>" for zone in zones)
    new_port = f"<port>{port}</port>" if port else ""
    service = (
        f"<protocol>{protocol}</protocol><destination-port>{outside_port}</destination-port>" if outside_port else ""
    )
    return f"""
    <nat xmlns="{NAT}"><destination>
      <pool><name>server{plan.version}</name>
        <address><ip-prefix>{host(inside or plan.client)}</ip-prefix>{new_port}</address></pool>
      <rule-set><name>inside</name><from>{origin}</from>
        <rule><name>server{plan.version}</name>
          <match><destination-address>{host(plan.extra_public)}</destination-address>{service}</match>
          <then><destination-nat><pool><pool-name>server{plan.version}</pool-name></pool></destination-nat></then>
        </rule></rule-set></destination></nat>
    """


def source_nat(source: str, destination: str, actions: Mapping[str, str]) -> str:
    """A rule-set from zone to zone: for each prefix what stands in <source-nat>."""
    rules = "".join(
        f"""
        <rule><name>rule-{number}</name><match><source-address>{prefix}</source-address></match>
          <then><source-nat>{action}</source-nat></then></rule>
        """
        for number, (prefix, action) in enumerate(actions.items())
    )
    return f"""
    <nat xmlns="{NAT}"><source><rule-set><name>{source}-to-{destination}</name>
      <from><zone>{source}</zone></from><to><zone>{destination}</zone></to>{rules}
    </rule-set></source></nat>
    """


def source_pool(name: str, prefix: str, leaves: str = "") -> str:
    """A pool of source NAT. leaves: what else stands in it."""
    pool = f"<pool><name>{name}</name><address><name>{prefix}</name></address>{leaves}</pool>"
    return f'<nat xmlns="{NAT}"><source>{pool}</source></nat>'
