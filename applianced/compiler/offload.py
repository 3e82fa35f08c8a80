"""Flow offload: the kernel forwards sessions from the ingress of a device, past all chains (nft's flowtable).

It is a table of its own, since a commit that has nothing to do with it must not end what is offloaded, and since it
names only devices that are there. Taking it away ends all of it: each session's next packet meets the rules again.

A session is offloaded while three things hold: it was admitted under `services-offload` (the label, set with the first
packet where nothing stands against it), its policy has it still (the number in the label), and it is established. Its
mark says what it is: neither bit for one that no ALG has to do with, that of a data session alone for one that came
through a one-shot gate. Control sessions, and media whose packets get a code point, have others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from applianced.compiler import by_policy
from applianced.compiler.marks import CONTROL, DATA, OFFLOAD_TABLE
from applianced.compiler.marks import OFFLOAD_LABEL as LABEL
from applianced.compiler.plan import OFFLOAD_SILENT_S, OffloadPlan
from applianced.compiler.policies import Numbered
from applianced.compiler.render import render
from applianced.compiler.ruleset import Chain, Do, Flowtable, Hook, Match, Rule, Ruleset, Table, Timeout
from applianced.compiler.zones import transit
from applianced.config.schema import Config

FORWARD = Hook(kind="filter", name="forward", priority=60, policy="accept")
"""Behind policies, queue and code points: what arrives here is let through."""
FLOWTABLE = "fast"
BY_POLICY = "by_policy"
BY_RULES = "by_rules"
"""Counts the packets of sessions with the label that come here, and so not by the flow table."""
_ADD = Do(f"flow add @{FLOWTABLE}")


def plan(config: Config, entries: Sequence[Numbered], timeouts: Iterable[Timeout]) -> OffloadPlan:
    """Which policies have it, and the interfaces that their sessions may use.

    timeouts: those of applications. What begins when a session leaves the flow table is the rest of its time.
    """
    numbers = sorted(entry.number for entry in entries if entry.policy.offload)
    if not numbers:
        return OffloadPlan()
    interfaces = sorted(interface for zone in transit(config) for interface in zone.interfaces)
    flow = config.flow
    times = [flow.tcp_session_timeout_s, flow.udp_session_timeout_s, *(timeout.seconds for timeout in timeouts)]
    return OffloadPlan(policies=tuple(numbers), interfaces=tuple(interfaces), silent_s=min(OFFLOAD_SILENT_S, *times))


def table(devices: Sequence[str], policies: Sequence[int]) -> str:
    """nft text that makes the table anew. devices: that are there, at least one. policies: numbers, at least one.

    Raises ConfigError for a name that no interface can have.
    """
    chains = (
        Chain(name="forward", rules=((Do(f"ct label {LABEL}"), Do("goto admitted")),), hook=FORWARD),
        Chain(name="admitted", rules=_admitted()),
        *by_policy.chains(BY_POLICY, policies, lambda _: _ADD),
    )
    flowtable = Flowtable(FLOWTABLE, tuple(devices))
    return render(
        Ruleset(table=Table(name=OFFLOAD_TABLE, counters=(BY_RULES,), flowtables=(flowtable,), chains=chains))
    )


def _admitted() -> tuple[Rule, ...]:
    return (
        (Do(f"ct mark & {CONTROL:#x} == {CONTROL:#x}"), Do("accept")),
        (Do(f'counter name "{BY_RULES}"'),),
        (Match("ct state", ("established",), negated=True), Do("accept")),
        (Match("meta l4proto", ("tcp", "udp"), negated=True), Do("accept")),
        (Match("ct mark", (f"{DATA:#x}",)), _ADD),
        (Do(f"ct mark & {DATA:#x} == 0"), Do(f"goto {BY_POLICY}")),
    )
