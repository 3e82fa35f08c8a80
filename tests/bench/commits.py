"""How long an edit and a commit take with many applications and policies, over NETCONF.

Each case starts a fresh appliance. `first` brings all the entries at once; `next` adds one more to them, which copies
the candidate and pays for the many. `settled` are the edits and commits of one entry after that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from tests.bench.netconf_session import NetconfSession
from tests.support.appliance import appliance_on
from tests.support.netns import unique_topology

APPLICATIONS = "urn:applianced:yang:applications"
SECURITY = "urn:applianced:yang:security"
COMMIT = "<commit/>"
SETTLED = 11
"""Changes of one entry, of which the median counts."""
USED = "bench-0"


def application(number: int) -> str:
    port = 1024 + number % 60000
    return (
        f"<application><name>bench-{number}</name><protocol>tcp</protocol>"
        f"<destination-port>{port}</destination-port></application>"
    )


def applications(numbers: range) -> str:
    return f'<applications xmlns="{APPLICATIONS}">{"".join(map(application, numbers))}</applications>'


def used_applications(numbers: range) -> str:
    """Applications that one policy matches, by a set."""
    members = "".join(f"<application><name>bench-{number}</name></application>" for number in numbers)
    entries = "".join(map(application, numbers))
    catalogue = f"{entries}<application-set><name>bench-set</name>{members}</application-set>"
    return f'<applications xmlns="{APPLICATIONS}">{catalogue}</applications>{policies_of({0: "bench-set"})}'


def one_used(numbers: range) -> str:
    """Applications, the first of which a policy matches."""
    return applications(numbers) + policies_of({0: USED})


def policies(numbers: range) -> str:
    """Policies, each with an application of its own."""
    return applications(numbers) + policies_of({number: f"bench-{number}" for number in numbers})


def policies_of(matched: dict[int, str]) -> str:
    anywhere = "<source-address>any</source-address><destination-address>any</destination-address>"
    entries = "".join(
        f"<policy><name>bench-{number}</name><match>{anywhere}<application>{name}</application></match>"
        "<then><permit/></then></policy>"
        for number, name in matched.items()
    )
    pair = "<from-zone-name>trust</from-zone-name><to-zone-name>untrust</to-zone-name>"
    return f'<security xmlns="{SECURITY}"><policies><policy>{pair}{entries}</policy></policies></security>'


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    entries: int
    configuration: Callable[[range], str]
    changing: str = "bench-1"
    """The application that is changed in the end."""


CASES = (
    Case("10 applications", 10, applications),
    Case("1,000 applications", 1_000, applications),
    Case("10,000 applications", 10_000, applications),
    Case("10,000 applications, the changed one in a policy", 10_000, one_used, USED),
    Case("10,000 applications in one policy", 10_000, used_applications),
    Case("1,000 policies", 1_000, policies),
)


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds from the request to the reply."""

    case: str
    first_edit_s: float
    first_commit_s: float
    next_edit_s: float
    next_commit_s: float
    settled_s: float
    """Edit and commit together."""


def measure(case: Case) -> Timed:
    """One appliance, one case."""
    with unique_topology() as topology, appliance_on(topology) as appliance:
        where = appliance.serving
        return measure_at(where.host, where.port, str(appliance.key), case)


def measure_at(host: str, port: int, key: str, case: Case) -> Timed:
    """One case on an appliance that runs, and has none of it yet. key: file of admin's private key."""
    return asyncio.run(_measure(NetconfSession(host, port, key), case))


async def _measure(opening: NetconfSession, case: Case) -> Timed:
    async with opening as session:

        async def timed(operation: str) -> float:
            began = time.perf_counter()
            await session.rpc(operation)
            return time.perf_counter() - began

        first_edit_s = await timed(edit(case.configuration(range(case.entries))))
        first_commit_s = await timed(COMMIT)
        next_edit_s = await timed(edit(case.configuration(range(case.entries, case.entries + 1))))
        next_commit_s = await timed(COMMIT)
        settled = [await timed(edit(moved(case.changing, turn))) + await timed(COMMIT) for turn in range(SETTLED)]
    return Timed(case.name, first_edit_s, first_commit_s, next_edit_s, next_commit_s, median(settled))


def moved(name: str, turn: int) -> str:
    """An application gets another port."""
    changed = f"<application><name>{name}</name><destination-port>{40000 + turn}</destination-port></application>"
    return f'<applications xmlns="{APPLICATIONS}">{changed}</applications>'


def edit(configuration: str) -> str:
    return f"<edit-config><target><candidate/></target><config>{configuration}</config></edit-config>"
