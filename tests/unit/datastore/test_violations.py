"""One fault does not hide the next: a validation that refuses names all that there is to mend."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from lxml import etree

from applianced.config.modules import Module
from applianced.datastore import violations
from applianced.datastore.models import load_models
from applianced.datastore.native import Form
from applianced.datastore.tree import ERRORS_MAX, InvalidTreeError, Tree
from applianced.errors import ConfigError
from applianced.northbound.initial import load_file
from tests.support.shop import tree_of

MODELS = load_models()
EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
APPLICATIONS = '<applications xmlns="urn:applianced:yang:applications">{}</applications>'
SECURITY = '<security xmlns="urn:applianced:yang:security">{}</security>'
CODE = "<protocol>tcp</protocol><icmp-code>1</icmp-code>"
TYPE = "<protocol>tcp</protocol><icmp-type>1</icmp-type>"
GOOD = "<protocol>tcp</protocol><destination-port>80</destination-port>"
TERM = "<term><name>{}</name></term>"
SET = (
    "<address-book><name>b</name><address-set><name>s</name><address><name>gone</name></address>"
    "<address><name>lost</name></address></address-set></address-book>"
)
PAIR = (
    "<policies><policy><from-zone-name>{}</from-zone-name><to-zone-name>{}</to-zone-name><policy><name>p</name>"
    "<match><source-address>any</source-address><destination-address>any</destination-address></match>"
    "<then><log><session-init/></log></then></policy></policy></policies>"
)
A_PAIR = "policies/policy[from-zone-name='a'][to-zone-name='b']"


def refused(text: str) -> list[ConfigError]:
    with Tree.parse(MODELS, text.encode(), Form.XML) as tree, pytest.raises(InvalidTreeError) as caught:
        tree.validate()
    return caught.value.errors


def application(name: str, inner: str) -> str:
    return f"<application><name>{name}</name>{inner}</application>"


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (APPLICATIONS.format(application("a", CODE) + application("b", CODE)),
         [("operation-failed", "must-violation", "icmp-code", "application[name='a']/icmp-code"),
          ("operation-failed", "must-violation", "icmp-code", "application[name='b']/icmp-code")]),
        (APPLICATIONS.format(application("a", TYPE) + application("b", CODE)),
         [("operation-failed", "must-violation", "icmp-type", "application[name='a']/icmp-type"),
          ("operation-failed", "must-violation", "icmp-code", "application[name='b']/icmp-code")]),
        (APPLICATIONS.format(application("a", CODE) + application("b", TERM.format("t"))),
         [("operation-failed", "must-violation", "icmp-code", "application[name='a']/icmp-code"),
          ("missing-element", "", "protocol", "application[name='b']/term[name='t']/protocol")]),
        (APPLICATIONS.format(application("a", "".join(TERM.format(at) for at in range(10)).replace(
            "</name>", "</name><protocol>tcp</protocol>")) + application("b", CODE)),
         [("operation-failed", "too-many-elements", "term", "application[name='a']/term[name='8']"),
          ("operation-failed", "must-violation", "icmp-code", "application[name='b']/icmp-code")]),
        (SECURITY.format(SET),
         [("data-missing", "instance-required", "name",
           f"address-book[name='b']/address-set[name='s']/address[name='{name}']/name") for name in ("gone", "lost")]),
        (SECURITY.format(PAIR.format("a", "b")),
         [("data-missing", "instance-required", "from-zone-name", f"{A_PAIR}/from-zone-name"),
          ("data-missing", "instance-required", "to-zone-name", f"{A_PAIR}/to-zone-name"),
          ("operation-failed", "too-few-elements", "application", f"{A_PAIR}/policy[name='p']/match/application"),
          ("data-missing", "missing-choice", "action", f"{A_PAIR}/policy[name='p']/then/action")]),
    ],
    ids=["one must", "two musts", "must and mandatory", "too many", "references", "a policy"],
)  # fmt: skip
def test_each_fault_is_told_once_and_in_order(text: str, faults: list[tuple[str, str, str, str]]) -> None:
    told = refused(text)
    assert [(one.tag, one.app_tag, one.bad_element, one.path.split("/", 2)[2]) for one in told] == faults
    assert all(one.message for one in told)


@pytest.mark.parametrize("example", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_nothing_is_found_in_a_valid_tree(example: Path) -> None:
    with load_file(MODELS, example) as tree:
        tree.validate()
        assert list(violations.found(MODELS, tree.first)) == []


def test_faults_of_several_modules_are_told_together() -> None:
    told = refused(SECURITY.format(SET) + APPLICATIONS.format(application("a", CODE)))
    assert sorted(one.path.split("/")[-1] for one in told) == ["icmp-code", "name", "name"]


def test_what_libyang_alone_looks_at_is_told_first() -> None:
    door = "<door><name>{}</name><lock>{}</lock>{}<key-holder>x</key-holder><key-holder>y</key-holder></door>"
    way = "<way><inside/></way>"
    doors = door.format("a", "l", way) + door.format("b", "l", way) + door.format("c", "m", "")
    with tree_of(doors) as tree, pytest.raises(InvalidTreeError) as caught:
        tree.validate()
    assert [one.app_tag for one in caught.value.errors] == ["data-not-unique", "missing-choice"]


TOPS = """module tops { yang-version 1.1; namespace "urn:example:tops"; prefix t;
  leaf must-be { type string; mandatory true; }
  choice one { mandatory true; leaf this { type empty; } container that { leaf-list x { type string; } } }
  list few { key name; min-elements 2; leaf name { type string; } }
  leaf-list many { type string; max-elements 2; }
  choice any { case both { leaf given { type string; } leaf needed { type string; mandatory true; } } }
  container held { leaf inside { type string; mandatory true; } } }"""


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", ["/tops:must-be", "/tops:one", "/tops:few", "/tops:held/inside"]),
        ("<few><name>a</name></few><many>a</many><many>b</many><many>c</many><given>g</given><this/>",
         ["/tops:must-be", "/tops:few", "/tops:needed", "/tops:many[.='c']", "/tops:held/inside"]),
        ("<must-be>m</must-be><this/><few><name>a</name></few><few><name>b</name></few><held><inside>i</inside></held>",
         []),
    ],
    ids=["nothing", "some", "all"],
)  # fmt: skip
def test_at_the_top(text: str, faults: list[str], tmp_path: Path) -> None:
    (tmp_path / "tops.yang").write_text(TOPS)
    models = load_models(tmp_path, [Module("tops")])
    elements = etree.fromstring(f'<t xmlns="urn:example:tops">{text}</t>')
    tops = "".join(etree.tostring(element).decode() for element in elements)
    with Tree.parse(models, tops.encode(), Form.XML) as tree:
        told = []
        try:
            tree.validate()
        except InvalidTreeError as error:
            told = [one.path for one in error.errors]
    assert told == faults


@pytest.mark.parametrize(("count", "more"), [(ERRORS_MAX, 0), (ERRORS_MAX + 1, 1)])
def test_the_last_one_says_that_there_are_more(count: int, more: int) -> None:
    told = refused(APPLICATIONS.format("".join(application(f"a{at}", CODE) for at in range(count))))
    assert [one.path.partition("'")[2].partition("'")[0] for one in told[:ERRORS_MAX]] == [
        f"a{at}" for at in range(ERRORS_MAX)
    ]
    assert [one.message for one in told[ERRORS_MAX:]] == [
        f"there are more faults than these {ERRORS_MAX}: mend them, then try again"
    ] * more


@pytest.mark.parametrize(
    ("entries", "count"),
    [
        ([CODE] * 10_000, ERRORS_MAX + 1),
        ([TERM.format("t")] * 10_000, ERRORS_MAX + 1),
        ([GOOD] * 9_999 + [CODE], 1),
    ],
    ids=["musts", "mandatory", "the last"],
)
def test_ten_thousand_take_bounded_time(entries: list[str], count: int) -> None:
    text = APPLICATIONS.format("".join(application(f"a{at}", inner) for at, inner in enumerate(entries)))
    with Tree.parse(MODELS, text.encode(), Form.XML) as tree:
        began_s = time.process_time()
        with pytest.raises(InvalidTreeError) as caught:
            tree.validate()
        assert time.process_time() - began_s < 5
    assert len(caught.value.errors) == count


def test_a_tree_that_was_refused_can_be_mended() -> None:
    with Tree.parse(MODELS, APPLICATIONS.format(application("a", CODE)).encode(), Form.XML) as tree:
        with pytest.raises(InvalidTreeError):
            tree.validate()
        (code,) = tree.find_all("/applianced-applications:applications/application/icmp-code")
        tree.detach(code)
        tree.validate()
