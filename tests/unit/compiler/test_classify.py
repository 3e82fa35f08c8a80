"""The decision in Python, by hand."""

from __future__ import annotations

import pytest

from applianced.compiler.classify import Classified, classify
from applianced.config.schema import Config, Policy
from applianced.model.tuples import Endpoint, FlowTuple, packed
from tests.compiler.configurations import ZONES, known, outbound

CONFIG = Config(
    applications=known(),
    zones=ZONES,
    policies=(outbound("ping", "junos-icmp-ping"), outbound("ftp", "junos-http", "junos-ftp")),
    global_policies=(Policy(name="ssh", from_zone="", to_zone="", applications=("junos-ssh",), action="reject"),),
)


def flow(protocol: int, port: int) -> FlowTuple:
    return FlowTuple(protocol, Endpoint(packed("10.0.0.1"), 40000), Endpoint(packed("192.0.2.1"), port))


@pytest.mark.parametrize(
    ("protocol", "port", "expected"),
    [
        (1, 8 * 256, Classified("permit", "ping", 1, "junos-icmp-ping")),
        (1, 0, Classified("deny", "default-policy", 0)),
        (6, 21, Classified("permit", "ftp", 2, "junos-ftp", "ftp")),
        (6, 80, Classified("permit", "ftp", 2, "junos-http", "", 300)),
        (6, 22, Classified("reject", "ssh", 3, "junos-ssh")),
        (17, 21, Classified("deny", "default-policy", 0)),
    ],
)
def test_classify(protocol: int, port: int, expected: Classified) -> None:
    assert classify(CONFIG, flow(protocol, port), "trust", "untrust") == expected


def test_the_other_direction_has_only_the_global_policies() -> None:
    assert classify(CONFIG, flow(6, 21), "untrust", "trust").policy == "default-policy"
    assert classify(CONFIG, flow(6, 22), "untrust", "trust").policy == "ssh"
