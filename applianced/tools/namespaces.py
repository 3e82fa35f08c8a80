"""Three network namespaces: client, gateway, server; a private network inside and a public one outside.

    client eth0 ---- lan0 gateway wan0 ---- eth0 server
    10.71.1.2    10.71.1.1 | 203.0.113.1    203.0.113.2
    fd71:1::2    fd71:1::1 | 2001:db8:71::1 2001:db8:71::2

The server has no route to the private network unless asked for: whatever leaves untranslated is lost, and seen to
be. Rule: everything made here is gone after `close`, and nothing outside the three namespaces is touched.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Any, Self

LAN_INTERFACE = "lan0"
WAN_INTERFACE = "wan0"
HOST_INTERFACE = "eth0"


@dataclass(frozen=True, slots=True)
class Plan:
    """The addresses of one IP version. extra_public: further addresses that the gateway answers for outside."""

    version: int
    prefix_length: int
    client: str
    lan: str
    public: str
    server: str
    private_network: str
    extra_public: str


IPV4 = Plan(4, 24, "10.71.1.2", "10.71.1.1", "203.0.113.1", "203.0.113.2", "10.71.1.0/24", "203.0.113.10")
IPV6 = Plan(
    6, 64, "fd71:1::2", "fd71:1::1", "2001:db8:71::1", "2001:db8:71::2", "fd71:1::/64", "2001:db8:71::10"
)  # fmt: skip
PLANS = {4: IPV4, 6: IPV6}


class CommandError(RuntimeError):
    """A command failed; the text holds what it said."""


def run(
    argv: Sequence[str],
    *,
    timeout_s: float = 30,
    check: bool = True,
    stdin: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return it with its output as text.

    environment: added to our own. Raises CommandError when `check` is set and it fails, and
    subprocess.TimeoutExpired after timeout_s.
    """
    done = subprocess.run(
        list(argv),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout_s,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        env=None if environment is None else {**os.environ, **environment},
        check=False,
    )
    if check and done.returncode:
        raise CommandError(f"{' '.join(argv)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


@dataclass(slots=True)
class Topology:
    """The three namespaces; a context manager.

    name: prefix of the namespaces' names, unique on the machine.
    route_back: the server knows the private network (routed, no NAT). offloads: leave segmentation offloads on;
    without them a capture shows the segments as they are.
    """

    name: str
    route_back: bool = False
    offloads: bool = True
    processes: list[subprocess.Popen[Any]] = field(default_factory=list)

    @property
    def client(self) -> str:
        return f"{self.name}-client"

    @property
    def gateway(self) -> str:
        return f"{self.name}-gateway"

    @property
    def server(self) -> str:
        return f"{self.name}-server"

    @property
    def namespaces(self) -> tuple[str, str, str]:
        return self.client, self.gateway, self.server

    def __enter__(self) -> Self:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Make namespaces, links, addresses and routes, after removing what an earlier run left under this name."""
        self.close()
        for namespace in self.namespaces:
            run(["ip", "netns", "add", namespace])
            run(["ip", "-n", namespace, "link", "set", "lo", "up"])
        self._wire(self.client, LAN_INTERFACE)
        self._wire(self.server, WAN_INTERFACE)
        for plan in (IPV4, IPV6):
            self._address(self.client, HOST_INTERFACE, plan, plan.client)
            self._address(self.gateway, LAN_INTERFACE, plan, plan.lan)
            self._address(self.gateway, WAN_INTERFACE, plan, plan.public)
            self._address(self.server, HOST_INTERFACE, plan, plan.server)
        for plan in (IPV4, IPV6):
            self.add_route(self.client, plan, "default", plan.lan)
            if self.route_back:
                self.add_route(self.server, plan, plan.private_network, plan.public)
        self.sysctl(self.gateway, "net/ipv4/ip_forward", "1")
        self.sysctl(self.gateway, "net/ipv6/conf/all/forwarding", "1")

    def _wire(self, namespace: str, interface: str) -> None:
        peer = ["type", "veth", "peer", "name", interface, "netns", self.gateway]
        run(["ip", "link", "add", HOST_INTERFACE, "netns", namespace, *peer])
        for where, name in ((namespace, HOST_INTERFACE), (self.gateway, interface)):
            self.sysctl(where, f"net/ipv6/conf/{name}/accept_dad", "0")
            run(["ip", "-n", where, "link", "set", name, "up"])
            if not self.offloads:
                off = [word for feature in ("tso", "gso", "gro", "tx") for word in (feature, "off")]
                self.run(where, ["ethtool", "-K", name, *off])

    def _address(self, namespace: str, interface: str, plan: Plan, address: str) -> None:
        nodad = ["nodad"] if plan.version == 6 else []
        value = f"{address}/{plan.prefix_length}"
        run(["ip", "-n", namespace, "address", "add", value, "dev", interface, *nodad])

    def add_route(self, namespace: str, plan: Plan, network: str, via: str) -> None:
        """Give a namespace a route; network: a prefix, or "default"."""
        run(["ip", "-n", namespace, f"-{plan.version}", "route", "add", network, "via", via])

    def add_address(self, namespace: str, plan: Plan, address: str) -> None:
        """Give the client's or the server's namespace one more address."""
        self._address(namespace, HOST_INTERFACE, plan, address)

    def add_public_addresses(self) -> None:
        """The gateway answers for the extra public addresses too, as static and destination NAT need."""
        for plan in (IPV4, IPV6):
            self._address(self.gateway, WAN_INTERFACE, plan, plan.extra_public)

    def sysctl(self, namespace: str, key: str, value: str) -> None:
        """Set a sysctl (its path below /proc/sys) in a namespace."""
        self.run(namespace, ["sh", "-c", f'echo "$0" >/proc/sys/{key}', value])

    def run(
        self,
        namespace: str,
        argv: Sequence[str],
        *,
        timeout_s: float = 30,
        check: bool = True,
        stdin: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """`run` inside a namespace."""
        return run(
            ["ip", "netns", "exec", namespace, *argv],
            timeout_s=timeout_s,
            check=check,
            stdin=stdin,
            environment=environment,
        )

    def nft(self, namespace: str, rules: str) -> None:
        """Load nft rules in a namespace. Raises CommandError."""
        self.run(namespace, ["nft", "-f", "-"], stdin=rules)

    def popen(
        self,
        namespace: str,
        argv: Sequence[str],
        *,
        stdout: int | IO[Any] = subprocess.DEVNULL,
        stderr: int | IO[Any] = subprocess.DEVNULL,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start a program in a namespace, in a session of its own; `close` ends it if nobody did before."""
        process = subprocess.Popen(
            ["ip", "netns", "exec", namespace, *argv],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
            start_new_session=True,
            env=None if environment is None else {**os.environ, **environment},
        )
        self.processes.append(process)
        return process

    def close(self) -> None:
        """End what runs in the namespaces and remove them; safe to call at any time, any number of times."""
        for process in self.processes:
            end(process)
        self.processes.clear()
        existing = {line.split()[0] for line in run(["ip", "netns", "list"]).stdout.splitlines() if line}
        for namespace in self.namespaces:
            if namespace in existing:
                end_all_in(namespace)
                run(["ip", "netns", "delete", namespace], check=False)


def end(process: subprocess.Popen[Any], timeout_s: float = 5) -> None:
    """Ask a process to end, and make it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        process.send_signal(number)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            continue
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def end_all_in(namespace: str, timeout_s: float = 5) -> None:
    """End every process of a namespace: it is ours alone, so they are."""
    deadline = time.monotonic() + timeout_s
    number = signal.SIGTERM
    while pids := processes_in(namespace):
        late = time.monotonic() > deadline
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL if late else number)
            except ProcessLookupError:
                continue
        if late and time.monotonic() > deadline + timeout_s:
            raise CommandError(f"processes {pids} of namespace {namespace} do not end")
        time.sleep(0.05)


def processes_in(namespace: str) -> list[int]:
    """Process ids in a namespace; [] when there is no such namespace."""
    found = run(["ip", "netns", "pids", namespace], check=False)
    return [int(word) for word in found.stdout.split()] if not found.returncode else []
