"""The gateways that are compared: plain masquerade, the kernel's FTP helper, an idle queue, the appliance.

Each is a context manager factory over a fresh topology; what it yields knows its processes and how the client must
announce itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

from applianced.tools.namespaces import IPV4, LAN_INTERFACE, WAN_INTERFACE, Topology, processes_in
from tests.bench.idle_queue import CHAIN, TABLE
from tests.support.appliance import appliance_on

REPOSITORY = Path(__file__).parents[2]
FORWARDED_PORTS = "40000-49999"


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway at work. load_options: what ftp_load needs to get through it. processes: those that it costs."""

    load_options: tuple[str, ...]
    processes: Callable[[], list[int]]


Gateway = Callable[[Topology], AbstractContextManager[Running]]

# Without an ALG the client announces the public address itself, and its ports are forwarded for good.
ANNOUNCING_ITSELF = ("-A", IPV4.public, "-L", FORWARDED_PORTS)

FORWARD = f"""
    chain forward {{
        type filter hook forward priority 0; policy drop;
        ct state established,related accept
        ct status dnat accept
        iifname "{LAN_INTERFACE}" accept
    }}
    chain translate {{
        type nat hook postrouting priority 100;
        oifname "{WAN_INTERFACE}" masquerade
    }}
"""
FORWARDED = f"""
    chain forwarded_ports {{
        type nat hook prerouting priority -100;
        iifname "{WAN_INTERFACE}" tcp dport {FORWARDED_PORTS} dnat ip to {IPV4.client}
    }}
"""
HELPER = """
    ct helper ftp { type "ftp" protocol tcp; }
    chain attach {
        type filter hook prerouting priority -150;
        tcp dport 21 ct helper set "ftp"
    }
"""
QUEUED = f"""
    chain {CHAIN} {{
    }}
    chain queued {{
        type filter hook forward priority 50;
        tcp dport 21 jump {CHAIN}
        tcp sport 21 jump {CHAIN}
    }}
"""


def load(topology: Topology, *parts: str) -> None:
    topology.nft(topology.gateway, f"table inet {TABLE} {{\n{''.join(parts)}}}\n")


@contextmanager
def masquerade(topology: Topology) -> Iterator[Running]:
    load(topology, FORWARDED, FORWARD)
    yield Running(ANNOUNCING_ITSELF, list)


@contextmanager
def kernel_helper(topology: Topology) -> Iterator[Running]:
    load(topology, HELPER, FORWARD)
    yield Running((), list)


@contextmanager
def idle_queue(topology: Topology) -> Iterator[Running]:
    load(topology, FORWARDED, FORWARD, QUEUED)
    argv = [sys.executable, "-m", "tests.bench.idle_queue"]
    process = topology.popen(topology.gateway, argv, stdout=PIPE, environment={"PYTHONPATH": str(REPOSITORY)})
    assert process.stdout is not None
    assert process.stdout.readline() == "READY\n"
    yield Running(ANNOUNCING_ITSELF, lambda: [process.pid])


@contextmanager
def appliance(topology: Topology) -> Iterator[Running]:
    with appliance_on(topology) as made:
        yield Running((), lambda: [made.serving.process_id, *processes_in(topology.gateway)])


GATEWAYS: dict[str, Gateway] = {
    "masquerade": masquerade,
    "kernel-helper": kernel_helper,
    "idle-queue": idle_queue,
    "appliance": appliance,
}
