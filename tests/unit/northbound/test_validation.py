"""What is validated and built entry by entry is what is validated and built as a whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from applianced.datastore import native, violations, writer
from applianced.datastore.edit import EditError, EditOptions, edit
from applianced.datastore.edits import edits, entry_edits
from applianced.datastore.inherited import inherited
from applianced.datastore.models import load_models
from applianced.datastore.native import Defaults, Form
from applianced.datastore.spare import Difference, Spare
from applianced.datastore.tree import Tree
from applianced.datastore.writer import Texts, Writer
from applianced.errors import ConfigError
from applianced.northbound import validation
from applianced.northbound.building import builder
from applianced.northbound.inforce import Built
from applianced.northbound.validation import Valid, Validation
from tests.support.soak import rounds

APPLICATIONS = "urn:applianced:yang:applications"
ACM = "urn:ietf:params:xml:ns:yang:ietf-netconf-acm"
NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
MODELS = load_models()
NAMES = st.sampled_from([*"abcdef", "junos-x", "any", "é"])
LEAVES = st.fixed_dictionaries(
    {},
    optional={
        "protocol": st.sampled_from(["tcp", "udp", "icmp", "58", "gre"]),
        "destination-port": st.sampled_from(["21", "ftp", "100-200", "200-100"]),
        "source-port": st.just("1024-65535"),
        "icmp-type": st.sampled_from(["0", "8"]),
        "application-protocol": st.sampled_from(["ftp", "sip", "ignore"]),
        "inactivity-timeout": st.sampled_from(["never", "60"]),
        "term": st.sampled_from(["", "<name>t</name><protocol>tcp</protocol><destination-port>80</destination-port>"]),
    },
)
CHANGES = st.lists(
    st.tuples(NAMES, st.sampled_from(["merge", "replace", "remove"]), LEAVES), min_size=1, max_size=4
)  # fmt: skip
ELSEWHERE = st.sampled_from(
    ["", "", "set", "zone", "host", "algs", "unbuilt", "group", "other group", "rule", "url", "certificate", "event"]
)
POLICY = (
    '<security xmlns="urn:applianced:yang:security"><alg xmlns="urn:applianced:yang:alg"><policies '
    'xmlns="urn:applianced:yang:alg-policies"><policy><name>p</name>'
)
POLICY_END = "</policy></policies></alg></security>"
SERVER = '<system xmlns="urn:applianced:yang:system"><services><netconf><url><https-server><host>h</host>'
FIRST = "".join(
    f"<application><name>{name}</name><protocol>tcp</protocol><destination-port>{port}</destination-port></application>"
    for port, name in enumerate("abcdef", 100)
)
_OTHERS = {
    "": "",
    "set": f'<applications xmlns="{APPLICATIONS}"><application-set><name>s</name><application><name>a</name>'
    "</application></application-set></applications>",
    "zone": '<security xmlns="urn:applianced:yang:security"><zones><security-zone><name>z</name></security-zone>'
    "</zones></security>",
    "host": '<system xmlns="urn:applianced:yang:system"><host-name>h</host-name></system>',
    # What applications are decides whether an ALG may read them.
    "algs": f"{POLICY}<alg><name>ftp</name><service>a</service><service>b</service></alg><permissions>"
    f"<enterprise-operator>hide</enterprise-operator></permissions>{POLICY_END}",
    "unbuilt": f"{POLICY}<alg><name>rtsp</name><service>c</service></alg>{POLICY_END}",
    "group": f'<nacm xmlns="{ACM}"><groups><group><name>g</name><user-name>u</user-name></group></groups></nacm>',
    "other group": f'<nacm xmlns="{ACM}"><groups><group nc:operation="replace"><name>g</name><user-name>v</user-name>'
    "</group></groups></nacm>",
    "rule": f'<nacm xmlns="{ACM}"><rule-list><name>l</name><group>g</group><rule><name>r</name><path '
    'xmlns:a="urn:applianced:yang:applications">/a:applications/a:application</path><action>deny</action></rule>'
    "</rule-list></nacm>",
    "url": f"{SERVER}</https-server></url></netconf></services></system>",
    "certificate": f"{SERVER}<ca-certificate>AAAA</ca-certificate></https-server></url></netconf></services></system>",
    "event": '<system xmlns="urn:applianced:yang:system"><services><netconf><notification><event>'
    "<name>netconf-config-change</name><disable/></event></notification></netconf></services></system>",
}


def elements(change: list[tuple[str, str, dict[str, str]]], elsewhere: str) -> list[Any]:
    entries = "".join(
        f'<application nc:operation="{operation}"><name>{name}</name>'
        + "".join(f"<{leaf}>{value}</{leaf}>" for leaf, value in leaves.items() if operation != "remove" and value)
        + "</application>"
        for name, operation, leaves in change
    )
    text = f'<c xmlns:nc="{NC}"><applications xmlns="{APPLICATIONS}">{entries}</applications>{_OTHERS[elsewhere]}</c>'
    return list(etree.fromstring(text))


class Outcome:
    """A validation, and what was built or refused."""

    def __init__(self, tree: Tree, whole: bool, build: Any, way: Validation, in_force: Valid | None) -> None:
        self.errors: list[tuple[str, str, str]] = []
        self.valid: Valid | None = None
        self.built: Built | None = None
        try:
            self.valid = way.validated(tree, None if whole or in_force is None else in_force.rendered)
            self.built = build(self.valid.rendered.data, None)
        except ConfigError as error:
            self.errors = [(one.path, one.message, one.tag) for one in getattr(error, "errors", [error])]
        self.shown = tree.render(Form.XML, defaults=Defaults.TAGGED)


def carried_over(former: Tree, tree: Tree, behind: Difference) -> int:
    """Texts of the former tree serve the next one as far as they are what it prints; how many do."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(writer, "KEPT_FROM", 1)
        former.texts = Texts()
        for defaults in Defaults:
            printing = Writer(defaults)
            printing.texts = former.texts
            printing.all_of(former.roots())
        texts = inherited(former, tree, behind)
    former.texts = None
    for (identity, defaults, above), text in texts.items():
        (root,) = (root for root in tree.roots() if native.identity(root) == identity)
        assert text == Writer(defaults).whole(root, above)
    return len(list(texts.items()))


@settings(max_examples=rounds(150), deadline=None)
@given(st.lists(st.tuples(CHANGES, ELSEWHERE), min_size=1, max_size=4))
def test_entry_by_entry_is_as_strict_as_the_whole(history: list[Any]) -> None:
    way, build, spare = Validation(MODELS), builder(2), Spare()
    running = Tree.parse(MODELS, f'<applications xmlns="{APPLICATIONS}">{FIRST}</applications>'.encode(), Form.XML)
    in_force = way.validated(running, None)
    build(in_force.rendered.data, None)
    for change, elsewhere in history:
        candidate = spare.copy(running)
        assert native.equal(candidate.first, running.first)
        try:
            edit(candidate, elements(change, elsewhere), EditOptions())
        except EditError:
            candidate.close()
            continue
        with candidate.duplicate() as other:
            whole = Outcome(other, True, builder(2), way, None)
            quick = Outcome(candidate, False, build, way, in_force)
            assert quick.errors == whole.errors
            assert quick.shown == whole.shown
            assert quick.built == whole.built
            if quick.valid is None or whole.valid is None or quick.built is None:
                candidate.close()
                continue
            assert native.equal(candidate.first, other.first)
            assert list(violations.found(MODELS, other.first)) == []
        assert quick.valid[:2] == whole.valid[:2]
        if quick.valid.difference:
            carried_over(running, candidate, quick.valid.difference)
        if quick.valid.difference and not quick.valid.difference.ordered:
            named = (edits(running, candidate, most) for most in (100, 2, 1))
            assert [entry_edits(MODELS, quick.valid.difference, most) for most in (100, 2, 1)] == list(named)
        former, running, in_force = running, candidate, quick.valid
        if quick.valid.difference:
            spare.offer(former, quick.valid.difference, candidate)
        else:
            former.close()
    spare.close()
    running.close()


def one_more(name: str) -> list[Any]:
    return elements([(name, "merge", {"protocol": "udp"})], "")


def test_one_entry_costs_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The validation of the whole is not called, and the former tree is the next candidate."""
    way, spare = Validation(MODELS), Spare()
    with Tree.parse(MODELS, f'<applications xmlns="{APPLICATIONS}">{FIRST}</applications>'.encode(), Form.XML) as tree:
        in_force = way.validated(tree, None)
        former = tree.duplicate()
        edit(tree, one_more("c"), EditOptions())
        monkeypatch.setattr(validation.rendered, "read", None)
        valid = way.validated(tree, in_force.rendered)
        assert valid.difference
        assert valid.difference.step.fresh == ['{"name":"c","protocol":"udp","destination-port":"102"}']
        spare.offer(former, valid.difference, tree)
        assert spare.copy(tree) is former
        former.close()


@pytest.mark.parametrize(
    ("change", "serve"),
    [
        ("<application><name>e</name><protocol>udp</protocol></application>", 2),
        ('<application nc:operation="remove"><name>a</name></application>', 2),
        ('<application nc:operation="remove"><name>d</name></application>', 2),
        ("<application><name>a</name><description>first</description></application>", 2),
        ("<application><name>d</name><description>last</description></application>", 2),
        ('<application><name>a</name><description>x</description></application><application nc:operation="remove">'
         "<name>b</name></application>", 2),
        ('<application><name>a</name><description>x</description></application><application nc:operation="remove">'
         "<name>d</name></application>", 1),
    ],
)  # fmt: skip
def test_texts_are_carried_over(change: str, serve: int) -> None:
    way = Validation(MODELS)
    system = '<system xmlns="urn:applianced:yang:system"><host-name>h</host-name></system>'
    entries = "".join(f"<application><name>{name}</name><protocol>tcp</protocol></application>" for name in "abcd")
    text = f'<applications xmlns="{APPLICATIONS}">{entries}</applications>{system}'.encode()
    with Tree.parse(MODELS, text, Form.XML) as former:
        in_force = way.validated(former, None)
        with former.duplicate() as tree:
            config = f'<config><applications xmlns="{APPLICATIONS}" xmlns:nc="{NC}">{change}</applications></config>'
            edit(tree, list(etree.fromstring(config)), EditOptions())
            valid = way.validated(tree, in_force.rendered)
            assert valid.difference
            assert carried_over(former, tree, valid.difference) == serve


def test_a_spare_that_cannot_be_brought_up_is_let_go() -> None:
    way, spare = Validation(MODELS), Spare()
    with Tree.parse(MODELS, f'<applications xmlns="{APPLICATIONS}">{FIRST}</applications>'.encode(), Form.XML) as tree:
        in_force = way.validated(tree, None)
        former = tree.duplicate()
        edit(tree, one_more("x"), EditOptions())
        valid = way.validated(tree, in_force.rendered)
        assert valid.difference
        spare.offer(former, valid.difference, tree)
        edit(tree, elements([], "zone"), EditOptions())
        tree.validate()
        with spare.copy(tree) as copy:
            assert copy is not former
            assert not former.first
            assert native.equal(copy.first, tree.first)


@pytest.mark.parametrize("elsewhere", sorted(_OTHERS))
def test_each_change_elsewhere_is_tested_as_by_the_whole(elsewhere: str) -> None:
    way, build = Validation(MODELS), builder(2)
    text = f'<applications xmlns="{APPLICATIONS}">{FIRST}</applications>'.encode()
    with Tree.parse(MODELS, text, Form.XML) as tree:
        in_force = way.validated(tree, None)
        build(in_force.rendered.data, None)
        edit(tree, elements([], elsewhere), EditOptions())
        with tree.duplicate() as other:
            whole, quick = Outcome(other, True, builder(2), way, None), Outcome(tree, False, build, way, in_force)
        assert quick.errors == whole.errors
        assert quick.built == whole.built
        assert bool(quick.errors) == (elsewhere in ("certificate", "unbuilt"))


def test_an_application_that_changes_is_tested_against_the_alg_policy_that_names_it() -> None:
    way, build = Validation(MODELS), builder(2)
    text = f'<applications xmlns="{APPLICATIONS}">{FIRST}</applications>'.encode()
    with Tree.parse(MODELS, text, Form.XML) as tree:
        edit(tree, elements([], "algs"), EditOptions())
        in_force = way.validated(tree, None)
        build(in_force.rendered.data, None)
        edit(tree, elements([("a", "merge", {"protocol": "udp"})], ""), EditOptions())
        quick = Outcome(tree, False, build, way, in_force)
        assert quick.valid
        assert quick.valid.difference
        assert [path for path, _, _ in quick.errors] == [
            "/applianced-security:security/applianced-alg:alg/applianced-alg-policies:policies/policy[name='p']"
            "/alg[name='ftp']/service[.='a']"
        ]
