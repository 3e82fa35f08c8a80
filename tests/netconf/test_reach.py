"""What is left out because no filter can select it is never missed: answers with and without the hint are the same."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from applianced.datastore.persist import CommitLog
from applianced.netconf.server import NetconfServer
from applianced.northbound.building import builder
from applianced.northbound.configuration import Configuration
from applianced.northbound.initial import initial_tree
from applianced.northbound.state import StateProvider, Wanted, everything
from applianced.supervisor.operational import DataplaneState, PlanMemory
from tests.support.agent_books import Agent
from tests.support.netconf_session import Client
from tests.yang.models import shipped

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "netns-ftp.json"
TREE: dict[str, Any] = {
    "s:security": {
        "al:alg": {
            "st:status": {"st:alg": {"st:name": "ftp", "st:state": "enabled"}},
            "st:counters": {"st:alg": {"st:event": {"st:name": "packets", "st:value": None}}},
            "st:gates": {"st:open": "1", "st:gate": {"st:number": "1", "st:alg": "ftp", "st:packets": "12"}},
            "al:ftp": {},
        },
        "s:flow": {
            "s:gate-timeout": None,
            "st:control-sessions": {"st:control-session": {"st:id": None, "st:state": "reading"}},
            "st:data-sessions": {"st:data-session": {"st:gate": "4294967295"}},
            "st:workers": {"st:worker": {"st:queue": "3", "st:pid": "4711"}},
            "st:resources": {"st:resource": {"st:name": "gates", "st:used": None}},
        },
        "s:policies": {"st:hit-count": {"st:policy": {"st:sessions": None}}, "s:policy": {}},
        "s:zones": {},
    }
}
"""Names of the state and some of the configuration beside it; of leaves a value that is there, where it is known."""
PREFIXES = {
    "s": "urn:applianced:yang:security",
    "al": "urn:applianced:yang:alg",
    "st": "urn:applianced:yang:state",
}


class All:
    """A provider that is never told what is wanted."""

    def __init__(self, beside: StateProvider) -> None:
        self._beside = beside

    async def state(self, wanted: Wanted = everything) -> Mapping[str, Any]:
        return await self._beside.state()

    async def act(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return await self._beside.act(name, arguments)


def children(tree: Any) -> Any:
    return tree if isinstance(tree, dict) else {}


@st.composite
def subtrees(draw: st.DrawFn, tree: Mapping[str, Any]) -> str:
    """Filter elements for some of the names in `tree`."""
    names = draw(st.lists(st.sampled_from(sorted(tree)), max_size=3, unique=True))
    return "".join(draw(element(name, tree[name])) for name in names)


@st.composite
def element(draw: st.DrawFn, name: str, below: Any) -> str:
    prefix, _, local = name.partition(":")
    namespace = draw(st.sampled_from([PREFIXES[prefix], PREFIXES[prefix], "urn:ietf:params:xml:ns:netconf:base:1.0"]))
    if isinstance(below, dict):
        content = draw(subtrees(below)) if below else ""
    else:
        content = draw(st.sampled_from(["", below or "7", "7"]))
    return f'<{local} xmlns="{namespace}">{content}</{local}>'


@st.composite
def paths(draw: st.DrawFn) -> str:
    """An XPath of some steps down the tree, with whatever may stand in one."""
    text, tree = "", TREE
    for _ in range(draw(st.integers(1, 4))):
        step = draw(st.sampled_from([*sorted(tree), "*", "st:gate", "st:worker"]))
        text += draw(st.sampled_from(["/", "/", "/", "//"])) + step
        tree = children(tree.get(step)) or TREE
        text += draw(predicate(tree))
    return text + draw(st.sampled_from(["", "", "/..", " | /s:security/s:flow", "/ancestor::s:security"]))


@st.composite
def predicate(draw: st.DrawFn, tree: Mapping[str, Any]) -> str:
    name = draw(st.sampled_from(sorted(tree)))
    value = children(tree).get(name)
    equal = f"[{name} = '{value if isinstance(value, str) else 'x'}']"
    return draw(st.sampled_from(["", "", "", equal, f"[{name}]", f"[not({name})]", "[count(../*) > 1]", "[1]"]))


class Pair:
    """Two servers with the same configuration, of which one leaves out what is not wanted."""

    def __init__(self, directory: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._clients = [self._loop.run_until_complete(self._serve(directory / kind, kind)) for kind in ("all", "some")]

    async def _serve(self, directory: Path, kind: str) -> Client:
        memory = PlanMemory()
        configuration = Configuration(shipped(), CommitLog(directory), builder(2), [memory])
        await configuration.start(lambda: initial_tree(shipped(), EXAMPLE, None), source="test")
        # An agent that pages forgets where it was: a new one for each request.
        provider = Fresh(memory)
        return await Client(NetconfServer(configuration, All(provider) if kind == "all" else provider)).connected()

    def close(self) -> None:
        for client in self._clients:
            server = client.session.server
            assert isinstance(server, NetconfServer)
            self._loop.run_until_complete(server.close())
            server.configuration.close()
        self._loop.close()

    def answers(self, operation: str) -> Iterator[str]:
        for client in self._clients:
            yield self._loop.run_until_complete(client.rpc(operation))


class Fresh:
    """DataplaneState with an agent that has been asked nothing."""

    def __init__(self, memory: PlanMemory) -> None:
        self._memory = memory

    async def state(self, wanted: Wanted = everything) -> Mapping[str, Any]:
        return await DataplaneState(Agent(), self._memory).state(wanted)  # type: ignore[arg-type]

    async def act(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return await DataplaneState(Agent(), self._memory).act(name, arguments)  # type: ignore[arg-type]


def security(answer: str) -> str:
    """What an answer shows of `security`: the rest has times in it. An error as it is."""
    found = re.search(r"<security .*</security>", answer, re.DOTALL)
    return found[0] if found else "" if answer.startswith("<data") else answer


def test_answers_are_the_same(tmp_path_factory: Any) -> None:
    with closing(Pair(tmp_path_factory.mktemp("reach"))) as pair:
        compare_answers(pair)


def compare_answers(pair: Pair) -> None:
    shown = 0

    def compare(operation: str) -> None:
        nonlocal shown
        every, some = map(security, pair.answers(operation))
        assert some == every
        shown += "urn:applianced:yang:state" in some

    @settings(max_examples=120, deadline=None)
    @given(subtrees(TREE))
    def by_subtree(content: str) -> None:
        compare(f"<get><filter>{content}</filter></get>")

    @settings(max_examples=120, deadline=None)
    @given(paths())
    def by_xpath(text: str) -> None:
        declared = "".join(f' xmlns:{prefix}="{namespace}"' for prefix, namespace in PREFIXES.items())
        compare(f'<get><filter type="xpath"{declared} select="{text.replace("<", "&lt;")}"/></get>')

    by_subtree()
    by_xpath()
    assert shown > 20, "many of them showed some of the state"
