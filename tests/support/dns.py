"""DNS for the tests: unbound in a namespace, with a zone that it makes up, and kdig to ask it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from applianced.tools.namespaces import Topology
from tests.support.tftp import bound
from tests.support.until import until

MANY = 60
"""Addresses of many.test.: too many for a reply of 512 octets."""


def unbound(topology: Topology, directory: Path, data: Mapping[str, Sequence[str]], *, namespace: str = "") -> None:
    """Start unbound, which knows the names of `data` (each with its addresses) and many.test. alone."""
    many = [f"198.18.1.{number}" for number in range(MANY)]
    lines = [
        f'local-data: "{name} 60 IN {"AAAA" if ":" in address else "A"} {address}"'
        for name, addresses in {**data, "many.test.": many}.items()
        for address in addresses
    ]
    configuration = directory / "unbound.conf"
    configuration.write_text(
        "\n".join(
            [
                "server:", "interface: 0.0.0.0", "interface: ::0", "do-daemonize: no", 'username: ""', 'chroot: ""',
                'pidfile: ""', f'directory: "{directory}"', 'module-config: "iterator"', "interface-automatic: yes",
                "access-control: 0.0.0.0/0 allow", "access-control: ::/0 allow", "num-threads: 1",
                'local-zone: "test." static', *lines, "remote-control:", "control-enable: no", "",
            ]
        )
    )  # fmt: skip
    where = namespace or topology.server
    topology.popen(where, ["unbound", "-d", "-c", str(configuration)])
    until(lambda: bound(topology, where, 53), what="unbound listens")


def ask(topology: Topology, namespace: str, server: str, name: str, kind: str = "A", *options: str) -> list[str]:
    """What kdig finds, sorted."""
    words = ["kdig", f"@{server}", name, kind, "+short", "+time=2", "+retry=1", *options]
    return sorted(topology.run(namespace, words).stdout.split())
