"""Operational RPCs under access control: what they show, and what they end, with the shipped models."""

from __future__ import annotations

from pathlib import Path

import pytest

from applianced.access.decider import WHOLE
from applianced.access.rules import known_way
from applianced.access.schema import SchemaIndex
from applianced.netconf.server import NetconfServer
from applianced.netconf.shown import SHOWN
from tests.netconf.test_alg_policies import ACM, edit, play
from tests.support.netconf_session import Client, tags
from tests.yang.models import shipped

OPERATIONS = "urn:applianced:yang:operations"
CLEARING = {
    "clear-gate": "<number>1</number>",
    "clear-control-session": "<id>1</id>",
    "clear-data-session": "<id>1</id>",
    "clear-alg-sessions": "<alg>ftp</alg>",
    "clear-alg-counters": "",
    "clear-resources": "",
    "restart-worker": "",
    "break-lock": "<datastore>running</datastore>",
    "make-support-bundle": "",
    "get-support-bundles": "",
}
STATE = 'xmlns:s="urn:applianced:yang:security" xmlns:a="urn:applianced:yang:alg" xmlns:st="urn:applianced:yang:state"'


def call(rpc: str, inner: str = "") -> str:
    return f'<{rpc} xmlns="{OPERATIONS}">{inner}</{rpc}>'


def rules(*listed: str) -> str:
    """For olga."""
    group = "<groups><group><name>g</name><user-name>olga</user-name></group></groups>"
    entries = "".join(f"<rule><name>r{number}</name>{each}</rule>" for number, each in enumerate(listed))
    return f'<nacm xmlns="{ACM}">{group}<rule-list><name>l</name><group>g</group>{entries}</rule-list></nacm>'


def rpc_rule(name: str) -> str:
    return f"<rpc-name>{name}</rpc-name><action>permit</action>"


def hiding(way: str) -> str:
    return f"<path {STATE}>{way}</path><action>deny</action>"


EVERYTHING = "<module-name>*</module-name><action>permit</action>"


@pytest.mark.parametrize("way", [way for way in SHOWN.values() if way != WHOLE])
def test_what_an_rpc_shows_is_state_that_there_is(way: str) -> None:
    assert known_way(SchemaIndex(shipped()), way)[1]


def test_who_has_no_rule_ends_nothing(tmp_path: Path) -> None:
    async def scenario(server: NetconfServer) -> None:
        admin, olga = await Client(server).connected(), await Client(server, "olga").connected()
        for rpc, inner in CLEARING.items():
            assert tags(await olga.rpc(call(rpc, inner))) == ["access-denied"], rpc
            assert "access-denied" not in tags(await admin.rpc(call(rpc, inner))), rpc
            assert await edit(admin, rules(rpc_rule(rpc))) == []
            assert "access-denied" not in tags(await olga.rpc(call(rpc, inner))), rpc
            assert await edit(admin, rules(f"<rpc-name>{rpc}</rpc-name><action>deny</action>")) == []

    play(tmp_path, scenario)


CALLS = "<rpc-name>*</rpc-name><access-operations>exec</access-operations><action>permit</action>"
BUNDLES = ("make-support-bundle", "get-support-bundle")


@pytest.mark.parametrize(
    "hidden",
    [
        "/ap:applications/ap:application/ap:description",
        "/ap:applications/ap:application[ap:name='hidden']",
        "/s:security/a:alg/st:gates",
        "/n:netconf-state/n:sessions",
    ],
)
@pytest.mark.parametrize("permit", [CALLS, EVERYTHING, "named"])
def test_a_support_bundle_is_for_those_who_may_read_all_of_it(tmp_path: Path, hidden: str, permit: str) -> None:
    deny = hiding(hidden).replace(
        "<path ",
        '<path xmlns:ap="urn:applianced:yang:applications" '
        'xmlns:n="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring" ',
    )
    # Every leaf that a rule of the same name had before.
    deny = f"<module-name>*</module-name><access-operations>*</access-operations>{deny}"
    permits = [rpc_rule(rpc) for rpc in BUNDLES] if permit == "named" else [permit]

    async def scenario(server: NetconfServer) -> None:
        admin, olga = await Client(server).connected(), await Client(server, "olga").connected()
        made = await admin.rpc(call(BUNDLES[0]))
        name = f"<name>{made.partition('support-')[1]}{made.partition('support-')[2].partition('<')[0]}</name>"
        assert await edit(admin, rules(*permits)) == []
        # What the models guard is in no bundle: to read that takes no right.
        assert "<content" in await olga.rpc(call(BUNDLES[1], name))
        assert "access-denied" not in tags(await olga.rpc(call(BUNDLES[0])))
        assert await edit(admin, rules(deny, *permits)) == []
        for rpc, inner in ((BUNDLES[0], ""), (BUNDLES[1], name), (BUNDLES[1], "<name>none</name>")):
            reply = await olga.rpc(call(rpc, inner))
            assert tags(reply) == ["access-denied"]
            assert f"to call &lt;{rpc}&gt; is denied by what hides a part" in reply
        assert "<content" in await admin.rpc(call(BUNDLES[1], name))

    play(tmp_path, scenario)


@pytest.mark.parametrize("rpc", [name.partition(":")[2] for name, way in SHOWN.items() if way != WHOLE])
def test_an_rpc_shows_no_state_that_is_hidden(tmp_path: Path, rpc: str) -> None:
    way = SHOWN[f"applianced-operations:{rpc}"]
    for module, prefix in (("applianced-security", "s"), ("applianced-alg", "a"), ("applianced-state", "st")):
        way = way.replace(f"{module}:", f"{prefix}:")
    way = way.replace("/flow", "/s:flow")

    async def scenario(server: NetconfServer) -> None:
        admin, olga = await Client(server).connected(), await Client(server, "olga").connected()
        assert "access-denied" not in tags(await olga.rpc(call(rpc)))
        for hidden in (hiding(way), hiding("/s:security")):
            # Also where a wide rule permits the rest.
            for rest in ((), (EVERYTHING,)):
                assert await edit(admin, rules(hidden, *rest)) == []
                reply = await olga.rpc(call(rpc))
                assert tags(reply) == ["access-denied"]
                assert f"is denied by what hides {SHOWN[f'applianced-operations:{rpc}']}" in reply
                gone = rules().replace(
                    "<rule-list>",
                    '<rule-list xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="delete">',
                )
                assert await edit(admin, gone) == []
        assert await edit(admin, rules(hiding(way), rpc_rule(rpc))) == []
        assert "access-denied" not in tags(await olga.rpc(call(rpc))), "a rule that names it decides"

    play(tmp_path, scenario)
