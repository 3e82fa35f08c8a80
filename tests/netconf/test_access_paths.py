"""Paths of rules in the appliance's own model, whose keys take no variable by themselves (RFC 8341 7.5)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from lxml import etree

from applianced.datastore import whole
from applianced.datastore.native import Form
from applianced.errors import ConfigError
from tests.netconf.test_access_example import EDIT, GET, SYSTEM, USERS, Rpc, play, unescaped
from tests.support.shop import PASSWORD_HASH
from tests.yang.models import shipped

ACM = "urn:ietf:params:xml:ns:yang:ietf-netconf-acm"
PREFIXES = {
    "sys": "urn:applianced:yang:system",
    "if": "urn:ietf:params:xml:ns:yang:ietf-interfaces",
    "ip": "urn:ietf:params:xml:ns:yang:ietf-ip",
    "ncm": "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring",
    "sec": "urn:applianced:yang:security",
}
LOGIN = "/sys:system/sys:login"
LEAF = (
    "/ietf-netconf-acm:nacm/ietf-netconf-acm:rule-list[ietf-netconf-acm:name='own']"
    "/ietf-netconf-acm:rule[ietf-netconf-acm:name='bad']/ietf-netconf-acm:path"
)


def rules(*listed: tuple[str, str, str]) -> str:
    """A rule-list before all others, for everybody. listed: name, path, action."""
    declared = " ".join(f'xmlns:{prefix}="{namespace}"' for prefix, namespace in PREFIXES.items())
    inner = "".join(
        f"<rule><name>{name}</name><path {declared}>{path}</path><action>{action}</action></rule>"
        for name, path, action in listed
    )
    order = 'xmlns:yang="urn:ietf:params:xml:ns:yang:1" yang:insert="first"'
    return f'<nacm xmlns="{ACM}"><rule-list {order}><name>own</name><group>*</group>{inner}</rule-list></nacm>'


def unordered(text: str) -> str:
    return text.replace(' yang:insert="first"', "")


def own(variable: str) -> str:
    """Everybody has his own login, and sees no other."""
    return rules(
        ("mine", f"{LOGIN}/sys:user[sys:name={variable}]", "permit"),
        ("others", f"{LOGIN}/sys:user", "deny"),
        ("way", LOGIN, "permit"),
    )


@pytest.mark.parametrize("variable", ["$USER", "'$USER'", '"$USER"', " $USER "])
def test_a_path_may_name_the_user_whatever_the_key_takes(tmp_path: Path, variable: str) -> None:
    async def scenario(rpc: Rpc) -> None:
        assert "<ok/>" in await rpc("admin", EDIT.format(own(variable)))
        assert "<ok/>" in await rpc("admin", "<commit/>")
        for user in USERS[1:]:
            shown = await rpc(user, GET.format("running"))
            login = shown[shown.index("<login>") : shown.index("</login>")]
            assert [name for name in USERS if f"<name>{name}</name>" in login] == [user]
            for other in USERS:
                secret = f"<authentication><encrypted-password>{PASSWORD_HASH}</encrypted-password></authentication>"
                login = f"<login><user><name>{other}</name>{secret}</user></login>"
                reply = await rpc(user, EDIT.format(SYSTEM.format(login)))
                assert ("<ok/>" in reply) == (other == user), reply
                if other != user:
                    assert 'rule "others" of rule-list "own"' in unescaped(reply)
            await rpc("admin", "<discard-changes/>")
        # What is read can be sent again, and is no change.
        kept = await rpc("admin", GET.format("running"))
        assert "[ap-sys:name='$USER']" in kept
        nacm = kept[kept.index("<nacm") : kept.index("</nacm>") + len("</nacm>")]
        assert "<ok/>" in await rpc("admin", EDIT.format(nacm))
        assert await rpc("admin", GET.format("candidate")) == kept

    asyncio.run(play(tmp_path, scenario))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (f"{LOGIN}/sys:user[sys:name='a b']", '"a b" is no value of the key "name"'),
        (f"{LOGIN}/sys:user[sys:name=$NOBODY]", "[name='...']"),
        (f"{LOGIN}/sys:user[1]", "[name='...']"),
        (f"{LOGIN}/sys:nothing", '"nothing", which is not in <login>'),
        ("/sys:nothing", '"nothing", which is not at the top of module applianced-system'),
        ("sys:system", "cannot be read"),
        ("/system", "prefix"),
        ("/none:system", '"none"'),
        ("/sys:system[", "cannot be read"),
        ("/sys:system['", "cannot be read"),
    ],
)
@pytest.mark.parametrize("form", ["merge", "replace", "rule", "leaf", "test-then-set", "copy-config"])
def test_a_fault_is_at_the_path(tmp_path: Path, path: str, said: str, form: str) -> None:
    sent = rules(("bad", path, "deny"))
    first = EDIT.format(rules(("bad", LOGIN, "deny")))
    edit = {
        "merge": EDIT.format(sent),
        "replace": EDIT.format(sent.replace("<nacm ", '<nacm nc:operation="replace" ')),
        "rule": EDIT.format(sent.replace("<rule>", '<rule nc:operation="create">')),
        "leaf": EDIT.format(sent.replace("<path ", '<path nc:operation="replace" ')),
        "test-then-set": EDIT.format(sent).replace("<config>", "<test-option>test-then-set</test-option><config>"),
        "copy-config": "<copy-config><target><candidate/></target><source>"
        f"<config>{unordered(sent)}</config></source></copy-config>",
    }[form]
    edit = edit.replace(">", ' xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0">', 1)

    async def scenario(rpc: Rpc) -> None:
        if form == "leaf":
            assert "<ok/>" in await rpc("admin", first)
        before = await rpc("admin", GET.format("candidate"))
        framed = await rpc("admin", edit)
        reply = etree.fromstring(framed[framed.index("<rpc-reply") : framed.rindex("\n##\n")])
        assert [element.text for element in reply.iter("{*}error-tag")] == ["invalid-value"]
        assert reply.findtext(".//{*}bad-element") == "path"
        assert reply.findtext(".//{*}error-path") == LEAF
        assert said in str(reply.findtext(".//{*}error-message"))
        assert await rpc("admin", GET.format("candidate")) == before

    asyncio.run(play(tmp_path, scenario))


def kept(path: str) -> str:
    """A path as it is kept."""
    sent = rules(("r", path, "deny"))
    with whole.from_elements(shipped(), [etree.fromstring(unordered(sent))]) as tree:
        return path_of(tree.render(Form.JSON))


def path_of(text: bytes) -> str:
    return str(json.loads(text)["ietf-netconf-acm:nacm"]["rule-list"][0]["rule"][0]["path"])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        (
            "/sec:security/sec:policies/sec:policy[sec:to-zone-name='wan']",
            "/applianced-security:security/policies/policy[to-zone-name='wan']",
        ),
        (" /sys:system ", "/applianced-system:system"),
        (f"{LOGIN}<!-- of -->/sys:user<!-- -->[sys:name=$USER]", "/applianced-system:system/login/user[name='$USER']"),
        (
            "/if:interfaces/if:interface[ if:name = 'x' ]/ip:ipv6/ip:address[ip='2001:0::1']",
            "/ietf-interfaces:interfaces/interface[name='x']/ietf-ip:ipv6/address[ip='2001::1']",
        ),
        (
            "/if:interfaces/if:interface[if:name=$USER]/ip:ipv6/ip:address[ip:ip=$USER]",
            "/ietf-interfaces:interfaces/interface[name='$USER']/ietf-ip:ipv6/address[ip='$USER']",
        ),
        (
            "/ncm:netconf-state/ncm:schemas"
            "/ncm:schema[ncm:version=''][ncm:identifier='x'][ncm:format='ncm:yang']/ncm:location[.='NETCONF']",
            "/ietf-netconf-monitoring:netconf-state/schemas"
            "/schema[identifier='x'][version=''][format='ietf-netconf-monitoring:yang']/location[.='NETCONF']",
        ),
    ],
)
def test_keys_are_kept_in_their_canonical_form(path: str, expected: str) -> None:
    assert kept(path) == expected
    data = {
        "ietf-netconf-acm:nacm": {
            "rule-list": [
                {"name": "l", "rule": [{"name": "r", "action": "deny", "path": expected.replace("'$USER'", "$USER")}]}
            ]
        }
    }
    with whole.from_json(shipped(), json.dumps(data).encode()) as tree:
        assert path_of(tree.render(Form.JSON)) == expected


def test_a_fault_in_json_is_at_the_path() -> None:
    data = {
        "ietf-netconf-acm:nacm": {
            "rule-list": [
                {"name": "l", "rule": [{"name": "r", "action": "deny", "path": "/applianced-system:nothing"}]}
            ]
        }
    }
    with pytest.raises(ConfigError, match="nothing") as refused:
        whole.from_json(shipped(), json.dumps(data).encode())
    assert refused.value.path == "/ietf-netconf-acm:nacm/rule-list[name='l']/rule[name='r']/path"
    assert refused.value.bad_element == "path"
