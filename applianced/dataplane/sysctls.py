"""Settings of the namespace that the appliance needs, put back when it leaves.

Conntrack is strict (nf_conntrack_tcp_be_liberal=0): the sequence offsets are exact. Accounting and timestamps feed the
state. The appliance forwards; what was there before is restored at the end.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from applianced.dataplane.host import keep, kept, read, write
from applianced.errors import DataplaneError

FIXED = {
    "/proc/sys/net/ipv4/ip_forward": "1",
    "/proc/sys/net/ipv6/conf/all/forwarding": "1",
    "/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal": "0",
    "/proc/sys/net/netfilter/nf_conntrack_acct": "1",
    "/proc/sys/net/netfilter/nf_conntrack_timestamp": "1",
    "/proc/sys/net/netfilter/nf_conntrack_events": "0",
}
TIMEOUTS = {
    "tcp_session_timeout_s": ("nf_conntrack_tcp_timeout_established",),
    "udp_session_timeout_s": ("nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"),
    "icmp_session_timeout_s": ("nf_conntrack_icmp_timeout", "nf_conntrack_icmpv6_timeout"),
}


OFFLOADED = "/proc/sys/net/netfilter/nf_flowtable_tcp_timeout", "/proc/sys/net/netfilter/nf_flowtable_udp_timeout"
"""How long a silent session stays in a flow table, where the kernel has them."""


class Sysctls:
    """The settings of this process's namespace; `directory` keeps what an agent after a crash must know."""

    def __init__(self, directory: Path) -> None:
        self._found: dict[str, str] = {}
        self._originals = directory / "sysctls.json"
        self._plan = directory / "applied-plan.json"
        self._staged = directory / "applied-plan.staged"
        self._plan_before = directory / "applied-plan.before"

    def take(self) -> None:
        """Remember what is set and set what is needed. Raises DataplaneError."""
        self._found = kept(self._originals) or {}
        for path, value in FIXED.items():
            self._set(path, value)
        keep(self._originals, self._found)

    def _set(self, path: str, value: str) -> None:
        try:
            found = read(path)
        except OSError as error:
            raise DataplaneError(path, f"{error.strerror}: the kernel lacks connection tracking") from error
        self._found.setdefault(path, found)
        if found != value:
            write(path, value)

    def timeouts(self, flow: dict[str, Any], offloaded_s: int) -> None:
        """Session timeouts of the configuration, and of offloaded sessions without packets, in seconds.

        Raises DataplaneError.
        """
        known = len(self._found)
        for name, settings in TIMEOUTS.items():
            for setting in settings:
                self._set(f"/proc/sys/net/netfilter/{setting}", str(flow[name]))
        for path in OFFLOADED:
            if Path(path).exists():
                self._set(path, str(offloaded_s))
        if len(self._found) > known:
            keep(self._originals, self._found)

    def stage_plan(self, plan: dict[str, Any]) -> None:
        """Write a plan that may come into force, while there is still a way back: the disk may be full.

        Raises DataplaneError.
        """
        keep(self._staged, plan)

    def keep_plan(self) -> None:
        """The staged plan is in force: an agent that takes this one's place is to find it."""
        with contextlib.suppress(FileNotFoundError):
            os.replace(self._plan, self._plan_before)
        os.replace(self._staged, self._plan)

    def keep_plan_before(self) -> None:
        """The plan before the last `keep_plan` is in force again."""
        self._plan.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.replace(self._plan_before, self._plan)

    def forget_plan_before(self) -> None:
        """There is no way back to the plan before the last `keep_plan`."""
        with contextlib.suppress(OSError):
            self._plan_before.unlink(missing_ok=True)

    def kept_plan(self) -> dict[str, Any] | None:
        """What `keep_plan` kept, when this namespace's dataplane was not shut down in order."""
        return _plan(self._plan)

    def kept_plan_before(self) -> dict[str, Any] | None:
        """The plan before it, when the commit was under way."""
        return _plan(self._plan_before)

    def release(self) -> None:
        """Put everything back."""
        for path, value in self._found.items():
            with contextlib.suppress(DataplaneError):
                write(path, value)
        for file in (self._originals, self._plan, self._staged, self._plan_before):
            file.unlink(missing_ok=True)


def _plan(file: Path) -> dict[str, Any] | None:
    plan = kept(file)
    return plan if isinstance(plan, dict) else None
