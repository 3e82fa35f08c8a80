"""Everything dies at a random moment of a stream of commits: what runs next is the last that was acknowledged, or the
one that was under way, in management and in the kernel.
"""

from __future__ import annotations

import random
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count, cycle, islice
from pathlib import Path

import pytest
from ncclient import NCClientError  # type: ignore[import-untyped]

from applianced.tools import serving
from applianced.tools.namespaces import IPV4, Topology
from applianced.tools.netconf_client import NetconfClient, connect
from tests.support.appliance import EXAMPLE, SECURITY_ELEMENT, Appliance
from tests.support.both_ends import both_ends
from tests.support.faults import kill
from tests.support.ftp_session import announcement
from tests.support.until import until

pytestmark = pytest.mark.timeout(900)

LATEST_S = 0.15
"""The cut comes within this time of the first commit: some of them fit in it."""

APPLICATIONS = "urn:applianced:yang:applications"
CHANGE = f"""
<applications xmlns="{APPLICATIONS}"><application><name>moving</name><application-protocol>ftp</application-protocol>
  <protocol>tcp</protocol><destination-port>{{}}</destination-port></application></applications>
""" + SECURITY_ELEMENT.format("""
<policies><policy><from-zone-name>trust</from-zone-name><to-zone-name>untrust</to-zone-name>
  <policy><name>allow-ftp</name><match><application>moving</application></match></policy></policy></policies>
""")


@dataclass
class Stream:
    """Commits, each of which moves the FTP of the application `moving` to the next port."""

    ports: count[int] = field(default_factory=lambda: count(20_000))
    possible: set[int] = field(default_factory=set)
    deaths: int = 0

    def until_death(self, netconf: NetconfClient, cut: Callable[[], None], moment: random.Random) -> None:
        """Commit until `cut` has been called; `possible` then holds the last acknowledged port and the one after it."""
        begun = threading.Event()

        def cut_now() -> None:
            begun.set()
            cut()

        timer = threading.Timer(moment.uniform(0, LATEST_S), cut_now)
        port = next(self.ports)
        netconf.push(CHANGE.format(port))
        # ncclient does not always notice the end of a session. A commit that is later than this counts as under way.
        netconf.session.timeout = 1
        timer.start()
        # ncclient lets what paramiko says of a closed socket through.
        with suppress(NCClientError, OSError, EOFError):
            while True:
                last, port = port, next(self.ports)
                self.possible = {last, port}
                netconf.push(CHANGE.format(port))
        assert begun.is_set(), "the session ended, and nobody had cut anything"
        timer.join()
        self.deaths += 1

    def found(self, netconf: NetconfClient) -> int:
        """The port in running, which must be a possible one."""
        text = netconf.get_config(f'<applications xmlns="{APPLICATIONS}"/>').findtext(
            f".//{{{APPLICATIONS}}}destination-port"
        )
        port = int(text or 0)
        assert port in self.possible
        return port


@pytest.fixture
def moment(request: pytest.FixtureRequest) -> random.Random:
    """Decides when the cuts come; a failure shows its seed."""
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    return random.Random(seed)


def test_management(server_directory: Path, moment: random.Random, soak: bool) -> None:
    key = serving.make_admin_key(server_directory)
    stream = Stream()
    rounds = 201 if soak else 21
    for number in range(rounds):
        running = serving.serve(namespace="", configuration=EXAMPLE, directory=server_directory, key=key)
        try:
            with doomed(running, key) as netconf:
                if number:
                    stream.found(netconf)
                stream.until_death(netconf, partial(kill, [running.process_id]), moment)
            until(partial(dead, running), what="management is gone")
        finally:
            serving.end(running.process_id)
    assert stream.deaths == rounds


@contextmanager
def doomed(running: serving.Serving, key: Path) -> Iterator[NetconfClient]:
    """A session that cannot be closed at its end: there is nobody any more."""
    session = ExitStack()
    try:
        yield session.enter_context(connect(running.host, running.port, key))
    finally:
        with suppress(NCClientError, OSError, EOFError):
            session.close()


def dead(running: serving.Serving) -> bool:
    return not running.alive


def management_dies(appliance: Appliance) -> None:
    """What forwards and reads goes on."""
    kill([appliance.serving.process_id])


def everything_dies(appliance: Appliance) -> None:
    """Stopped first: whoever sees another die would start it again."""
    pids = [appliance.serving.process_id, *appliance.dataplane_processes()]
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            with suppress(ProcessLookupError):
                kill([pid], number)
    until(lambda: not appliance.dataplane_processes(), what="the dataplane is gone")


def power_is_cut(appliance: Appliance) -> None:
    """As above, and the kernel has forgotten too."""
    everything_dies(appliance)
    topology = appliance.topology
    topology.run(topology.gateway, ["nft", "flush", "ruleset"])
    topology.run(topology.gateway, ["conntrack", "-F"])


CUTS = (management_dies, everything_dies, power_is_cut)


def test_kernel_and_workers_agree(topology: Topology, appliance: Appliance, moment: random.Random, soak: bool) -> None:
    stream = Stream()
    for cut in islice(cycle(CUTS), 201 if soak else 21):
        stream.until_death(appliance.netconf, partial(cut, appliance), moment)
        until(lambda: not appliance.serving.alive, what="management is gone")
        appliance.restart()
        port = stream.found(appliance.netconf)
        assert ports_of(topology, "table", "inet", "rules") == {port}
        assert ports_of(topology, "set", "inet", "gates", "control_ports") == {port}
        reads(topology, port)


def ports_of(topology: Topology, *what: str) -> set[int]:
    """Ports of the stream that the kernel knows."""
    listed = topology.run(topology.gateway, ["nft", "--stateless", "list", *what]).stdout
    return {int(number) for number in re.findall(r"\b2\d{4}\b", listed)}


def reads(topology: Topology, port: int) -> None:
    """Sessions to this port pass, and their announcements are translated."""
    with both_ends((topology.client, IPV4), (topology.server, IPV4.server), port) as ends:
        assert ends.command(announcement(IPV4.client, 2000)).startswith(b"PORT 203,0,113,1,")
