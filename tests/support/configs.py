"""Small configurations as values, for tests that need no YANG."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

from applianced.config.schema import (
    AlgConfig,
    Application,
    Applications,
    Config,
    Link,
    Nat,
    NatMatch,
    NatRule,
    NatRuleSet,
    Policy,
    Term,
    Zone,
)

FTP = Application(name="junos-ftp", terms=(Term(protocol=6, destination_ports=(21, 21), alg="ftp"),), predefined=True)
HTTP = Application(name="junos-http", terms=(Term(protocol=6, destination_ports=(80, 80)),), predefined=True)

TFTP = Application(
    name="junos-tftp", terms=(Term(protocol=17, destination_ports=(69, 69), alg="tftp"),), predefined=True
)
PPTP = Application(
    name="junos-pptp", terms=(Term(protocol=6, destination_ports=(1723, 1723), alg="pptp"),), predefined=True
)
IKE = Application(
    name="junos-ike", terms=(Term(protocol=17, destination_ports=(500, 500), alg="ike-esp-nat"),), predefined=True
)
DNS = Application(
    name="junos-dns",
    terms=tuple(Term(protocol=protocol, destination_ports=(53, 53), alg="dns") for protocol in (6, 17)),
    predefined=True,
)
SIP = Application(
    name="junos-sip",
    terms=tuple(Term(protocol=protocol, destination_ports=(5060, 5060), alg="sip") for protocol in (17, 6)),
    predefined=True,
)

FTP_OUT = Config(
    applications=Applications(applications={"junos-ftp": FTP, "junos-http": HTTP}),
    zones={
        "trust": Zone(name="trust", interfaces=("lan0",)),
        "untrust": Zone(name="untrust", interfaces=("wan0",)),
    },
    policies=(
        Policy(
            name="ftp-out", from_zone="trust", to_zone="untrust", applications=("junos-ftp", "junos-http"),
            action="permit",
        ),
    ),
    interfaces=(Link(name="wan0", addresses=(ip_interface("203.0.113.1/24"), ip_interface("2001:db8::99/64"))),),
    nat=Nat(
        source=(
            NatRuleSet(
                name="out", from_zones=("trust",), to_zones=("untrust",),
                rules=(NatRule(name="hide", match=NatMatch(), action="interface"),),
            ),
        )
    ),
)  # fmt: skip
"""trust may use FTP and HTTP in untrust, behind the address of wan0."""

TFTP_OUT = replace(
    FTP_OUT,
    applications=Applications(applications={"junos-tftp": TFTP}),
    policies=(replace(FTP_OUT.policies[0], name="tftp-out", applications=("junos-tftp",)),),
)
"""The same for TFTP alone."""

PPTP_OUT = replace(
    FTP_OUT,
    applications=Applications(applications={"junos-pptp": PPTP}),
    policies=(replace(FTP_OUT.policies[0], name="pptp-out", applications=("junos-pptp",)),),
)
"""The same for PPTP alone."""

IKE_OUT = replace(
    FTP_OUT,
    applications=Applications(applications={"junos-ike": IKE}),
    policies=(replace(FTP_OUT.policies[0], name="ike-out", applications=("junos-ike",)),),
    algs={"ike-esp-nat": AlgConfig(name="ike-esp-nat", state="enabled")},
)
"""The same for IKE alone, whose ALG is off by default."""

DNS_OUT = replace(
    FTP_OUT,
    applications=Applications(applications={"junos-dns": DNS}),
    policies=(replace(FTP_OUT.policies[0], name="dns-out", applications=("junos-dns",)),),
)
"""The same for DNS alone."""

SIP_OUT = replace(
    FTP_OUT,
    applications=Applications(applications={"junos-sip": SIP}),
    policies=(replace(FTP_OUT.policies[0], name="sip-out", applications=("junos-sip",)),),
)
"""The same for SIP alone."""
