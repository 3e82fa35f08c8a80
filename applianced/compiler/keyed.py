"""IKE and ESP of several hosts behind one address (see dataplane.keyed for what is in the maps).

    esp           sender . destination . SPI : destination that it stands for
    esp_sources   sender . receiver . SPI : address to leave with
    esp_awaited   sender . destination : packet mark of the control session that awaits an SPI
    ike_ports     sender . destination . initiator's SPI : port that the client is known by

An ESP packet that is admitted is not tracked: where it arrives it gets the destination that it stands for and the
packet mark of what policy has admitted; where it leaves, its source. One of an unknown SPI goes to the worker of the
session that awaits it, before anybody has decided where it goes. What is neither is tracked, and for the policy.

IKE is tracked and translated as any datagrams, but for its source port: gateways may insist on 500. So a client's
packets leave with the port that they came with, past NAT, and what comes back to that port is told apart by the
initiator's SPI, before conntrack sees it. Which port NAT has given is written down as a packet leaves.
"""

from __future__ import annotations

from applianced.compiler.marks import ALG_MASK, ALG_NUMBERS, CONTROL, DATA

IKE_IN, IKE_OUT = "ike_in", "ike_out"
"""Their rules, or the last of them, are added by raw netlink: see dataplane.keyed."""
IKE_PORT = 500
_IKE = ALG_NUMBERS["ike-esp-nat"] | CONTROL


def maps(version: int, size: int) -> str:
    """The maps of one family. The two halves of an SPI of IKE have the type of a mark, for want of a wider one."""
    address, ip = ("ipv4_addr", "ip") if version == 4 else ("ipv6_addr", "ip6")
    spi = f"typeof {ip} saddr . {ip} daddr . esp spi : {ip} daddr"
    return f"""\
  map esp{version} {{ {spi}; flags timeout; size {size}; counter; }}
  map esp_sources{version} {{ {spi}; flags timeout; size {size}; }}
  map esp_awaited{version} {{ type {address} . {address} : mark; flags timeout; size {size}; }}
  map ike_ports{version} {{ type {address} . {address} . mark . mark : inet_service; flags timeout, dynamic; \
size {size}; }}
"""


def chains() -> str:
    """The chains, beside those of untracked.py."""
    return f"""\
  chain esp_in {{
{_each("{ip} daddr set {ip} saddr . {ip} daddr . esp spi map @esp{v} meta mark set " + f"{DATA:#x} notrack accept")}\
{_each("meta mark set {ip} saddr . {ip} daddr map @esp_awaited{v} notrack goto untracked_to_queue")}\
  }}
  chain esp_out {{
{_each("{ip} saddr set {ip} saddr . {ip} daddr . esp spi map @esp_sources{v}")}\
  }}
  chain {IKE_IN} {{
  }}
  chain {IKE_OUT} {{
    type filter hook postrouting priority 120; policy accept;
    ct mark & {CONTROL | ALG_MASK:#x} != {_IKE:#x} accept
    ct direction != original accept
    ct status & snat == 0 accept
  }}
  chain untracked_in {{
    meta l4proto esp goto esp_in
    udp dport {IKE_PORT} goto {IKE_IN}
  }}
  chain untracked_out {{
    meta l4proto esp goto esp_out
  }}
"""


def _each(rule: str) -> str:
    return "".join(f"    {rule.format(ip=ip, v=version)}\n" for version, ip in ((4, "ip"), (6, "ip6")))
