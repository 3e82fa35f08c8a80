"""A DNS server that signs: knot in a namespace, and delv, which validates what it is told (RFC 4035)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from applianced.tools.namespaces import Topology, run
from tests.support.tftp import bound
from tests.support.until import until

ZONE = "test."
_CONFIGURATION = """
server:
    rundir: "{directory}"
    listen: [ "0.0.0.0@53", "::@53" ]
database:
    storage: "{directory}/database"
log:
  - target: stderr
    any: warning
policy:
  - id: signed
    algorithm: ecdsap256sha256
    single-type-signing: on
zone:
  - domain: {zone}
    storage: "{directory}"
    file: "test.zone"
    zonefile-sync: -1
    dnssec-signing: on
    dnssec-policy: signed
"""


@dataclass(frozen=True, slots=True)
class SignedZone:
    """A running server of ZONE. anchors: the file by which delv trusts its key."""

    anchors: Path


def knot(topology: Topology, directory: Path, data: Mapping[str, Sequence[str]], *, namespace: str = "") -> SignedZone:
    """Start knot, which knows these names of ZONE, each with its addresses, and signs them."""
    (directory / "database").mkdir()
    lines = ["$TTL 60", f"{ZONE} SOA ns.{ZONE} admin.{ZONE} 1 600 600 600 60", f"{ZONE} NS ns.{ZONE}"]
    lines += [f"ns.{ZONE} A 192.0.2.1"]
    lines += [
        f"{name} {'AAAA' if ':' in address else 'A'} {address}" for name, found in data.items() for address in found
    ]
    (directory / "test.zone").write_text("\n".join(lines) + "\n")
    configuration = directory / "knot.conf"
    configuration.write_text(_CONFIGURATION.format(directory=directory, zone=ZONE))
    where = namespace or topology.server
    topology.popen(where, ["knotd", "-c", str(configuration)])
    until(lambda: bound(topology, where, 53), what="knot listens")
    until(lambda: key_of(configuration), what="knot has made a key")
    anchors = directory / "anchors"
    flags, protocol, algorithm, *key = key_of(configuration)
    anchors.write_text(f'trust-anchors {{ {ZONE} static-key {flags} {protocol} {algorithm} "{"".join(key)}"; }};\n')
    return SignedZone(anchors)


def key_of(configuration: Path) -> list[str]:
    """Flags, protocol, algorithm and public key; [] while there is none."""
    said = run(["keymgr", "-c", str(configuration), ZONE, "dnskey"], check=False).stdout.split()
    return said[said.index("DNSKEY") + 1 :] if "DNSKEY" in said else []


def validate(topology: Topology, zone: SignedZone, server: str, name: str, kind: str, *options: str) -> str:
    """What delv says of a name: its records, and whether they are what the zone's owner has signed."""
    words = ["delv", f"@{server}", "-a", str(zone.anchors), f"+root={ZONE}", name, kind, *options]
    done = topology.run(topology.client, words, check=False)
    return done.stdout + done.stderr
