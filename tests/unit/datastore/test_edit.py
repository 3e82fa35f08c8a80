"""<edit-config> on a tree: every operation, default-operation, test-option and error-option."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from applianced.datastore.edit import EditError, EditOptions, ErrorOption, Operation, ResultTest, edit
from applianced.datastore.models import load_models
from applianced.datastore.native import Form
from applianced.datastore.tree import Tree
from applianced.errors import ConfigError
from tests.support.shop import DECLARED, content, edited, shop, shop_models, tree_of
from tests.support.work import Work

A = "<item><name>a</name><kind>small</kind></item>"
B = "<item><name>b</name><kind>large</kind></item>"
SHELVES = "".join(f"<shelf><row>1</row><column>{name}</column></shelf>" for name in "abc")


QUEUE = "<queue>a</queue><queue>b</queue>"


def shelf(column: str, attributes: str = "", **anchors: str) -> str:
    """anchors: by local name of the attribute, the column of the entry to insert beside."""
    said = "".join(f""" yang:{name}="[ex:row='1'][ex:column='{other}']\"""" for name, other in anchors.items())
    return f"<shelf {attributes}{said}><row>1</row><column>{column}</column></shelf>"


def shelf_path(column: str) -> str:
    return f"/example:shop/shelf[row='1'][column='{column}']"


def shelves(order: str) -> str:
    return "".join(f"<shelf><row>1</row><column>{name}</column></shelf>" for name in order)


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        pytest.param("", A, A, id="merge makes"),
        pytest.param(A, "<item><name>a</name><price>3</price></item>", A.replace("</name>", "</name><price>3</price>"),
                     id="merge adds a leaf"),
        pytest.param("<size>3</size>", '<size nc:operation="merge">10</size>', "<size>10</size>", id="default value"),
        pytest.param(A, f'<item nc:operation="create">{B[6:]}', A + B, id="create"),
        pytest.param(A + B, '<item nc:operation="delete"><name>a</name></item>', B, id="delete"),
        pytest.param(A + B, '<item nc:operation="remove"><name>a</name></item>', B, id="remove what is"),
        pytest.param(A, '<item nc:operation="remove"><name>z</name></item>', A, id="remove what is not"),
        pytest.param("<size>3</size>", '<size nc:operation="delete"/>', "", id="delete without a value"),
        pytest.param(f"{A}<title>x</title>", f'<item nc:operation="replace">{A[6:].replace("small", "large")}',
                     "<title>x</title>" + A.replace("small", "large"), id="replace"),
        pytest.param("<tag>a</tag>", '<tag>b</tag><tag nc:operation="delete">a</tag>', "<tag>b</tag>", id="leaf-list"),
        pytest.param("<tag>a</tag><tag/>", '<tag nc:operation="delete"/>', "<tag>a</tag>", id="an empty value"),
        pytest.param("<tag>a</tag>", '<tag nc:operation="remove"/>', "<tag>a</tag>", id="an empty value that is not"),
        pytest.param("<tag>a</tag>", '<tag nc:operation="create"/>', "<tag>a</tag><tag/>", id="create an empty value"),
        pytest.param("<tag>a</tag>", '<tag nc:operation="merge"/>', "<tag>a</tag><tag/>", id="merge an empty value"),
        pytest.param("<code>a</code>", '<code nc:operation="remove"/>', "<code>a</code>", id="a value that cannot be"),
        pytest.param("<queue>a</queue><queue>b</queue>", '<queue yang:insert="first"/>',
                     "<queue/><queue>a</queue><queue>b</queue>", id="insert an empty value"),
        pytest.param("<queue>a</queue><queue>b</queue><queue/>", '<queue yang:insert="before" yang:value="">b</queue>',
                     "<queue>a</queue><queue>b</queue><queue/>", id="insert beside an empty value"),
        pytest.param("", "<paint>ex:red</paint>", '<paint xmlns:ex="urn:example:shop">ex:red</paint>', id="identity"),
        pytest.param("<cash/>", "<issuer>v</issuer>", "<issuer>v</issuer>", id="another case deletes the first"),
        pytest.param("<issuer>v</issuer>", "<limit>1</limit>", "<issuer>v</issuer><limit>1</limit>", id="same case"),
        pytest.param(SHELVES, '<shelf yang:insert="first"><row>1</row><column>d</column></shelf>', shelves("dabc"),
                     id="insert first"),
        pytest.param(SHELVES, '<shelf yang:insert="last"><row>1</row><column>a</column></shelf>', shelves("bca"),
                     id="move last"),
        pytest.param(SHELVES, "<shelf yang:insert=\"after\" yang:key=\"[ex:row='1'][ex:column='a']\"><row>1</row>"
                     "<column>c</column></shelf>", shelves("acb"), id="move after"),
        pytest.param(SHELVES, "<shelf yang:insert=\"before\" yang:key=\"[ex:row='1'][ex:column='a']\"><row>1</row>"
                     "<column>d</column></shelf>", shelves("dabc"), id="insert before"),
        pytest.param(SHELVES, '<shelf nc:operation="replace"><row>1</row><column>a</column></shelf>', SHELVES,
                     id="replace keeps the place"),
        pytest.param("<queue>a</queue><queue>b</queue>", '<queue yang:insert="before" yang:value="a">b</queue>',
                     "<queue>b</queue><queue>a</queue>", id="ordered leaf-list"),
        pytest.param("", '<item><name>a</name><kind nc:operation="create">small</kind></item>', A,
                     id="operation below an entry that is not there"),
        pytest.param("", '<open><hours nc:operation="merge">9</hours></open>', "<open><hours>9</hours></open>",
                     id="operation below a container that is not there"),
        pytest.param("<queue>a</queue>", '<queue nc:operation="merge">a</queue><queue>b</queue>',
                     "<queue>a</queue><queue>b</queue>", id="leaf-list entry that is there"),
        pytest.param(A, '<item><name>a</name><kind nc:operation="replace">large</kind></item>',
                     A.replace("small", "large"), id="operation below a list entry"),
        pytest.param("""<item><name>it's "x"</name><kind>small</kind></item>""", """<item nc:operation="delete">"""
                     """<name>it's "x"</name></item>""", "", id="a key with both quotes"),
    ],
)  # fmt: skip
def test_operations(before: str, change: str, after: str) -> None:
    with tree_of(after) as wanted:
        assert edited(before, change) == content(wanted)


@pytest.mark.parametrize(
    ("before", "change", "tag", "path"),
    [
        (A, f'<item nc:operation="create">{A[6:]}', "data-exists", "/example:shop/item[name='a']"),
        ("", '<item nc:operation="delete"><name>a</name></item>', "data-missing", "/example:shop/item[name='a']"),
        ("", '<size nc:operation="delete"/>', "data-missing", "/example:shop/size"),
        ("<tag>a</tag>", '<tag nc:operation="delete"/>', "data-missing", "/example:shop/tag"),
        ("<tag/>", '<tag nc:operation="create"/>', "data-exists", "/example:shop/tag"),
        ("<code>a</code>", '<code nc:operation="delete"/>', "data-missing", "/example:shop/code"),
        ("<code>a</code>", '<code nc:operation="create"/>', "invalid-value", "/example:shop/code"),
        ("<code>a</code>", '<code nc:operation="merge"/>', "invalid-value", "/example:shop/code"),
        ("<code>a</code>", '<code nc:operation="replace"/>', "invalid-value", "/example:shop/code"),
        ("<code>a</code>", "<code/>", "invalid-value", "/example:shop/code"),
        (
            SHELVES,
            "<shelf yang:insert='after' yang:key='frob'><row>1</row><column>a</column></shelf>",
            "bad-attribute",
            "/example:shop/shelf[row='1'][column='a']",
        ),
        (
            SHELVES,
            "<shelf yang:insert='after' yang:key=\"[nobody:row='1'][nobody:column='b']\"><row>1</row>"
            "<column>a</column></shelf>",
            "bad-attribute",
            "/example:shop/shelf[row='1'][column='a']",
        ),
        ("", '<open nc:operation="create"><hours/><bogus/></open>', "unknown-element", "/example:shop/open"),
        (
            A,
            '<item nc:operation="create"><name>b</name><bogus/></item>',
            "unknown-element",
            "/example:shop/item[name='b']",
        ),
        ("", "<bogus/>", "unknown-element", "/example:shop"),
        ("", '<bogus xmlns="urn:none"/>', "unknown-namespace", "/example:shop"),
        ("<paint>red</paint>", "<paint>nn:red</paint>", "invalid-value", "/example:shop/paint"),
        ("<paint>red</paint>", "<paint>example:red</paint>", "invalid-value", "/example:shop/paint"),
        (
            "<paint>red</paint>",
            '<paint xmlns:example="urn:n">example:red</paint>',
            "invalid-value",
            "/example:shop/paint",
        ),
        ("<paint>red</paint>", '<paint nc:operation="merge">nn:red</paint>', "invalid-value", "/example:shop/paint"),
        ("<dye>red</dye>", '<dye nc:operation="merge">example:red</dye>', "invalid-value", "/example:shop/dye"),
        ("<dye>red</dye>", '<dye nc:operation="create">example:red</dye>', "invalid-value", "/example:shop/dye"),
        ("<dye>red</dye>", '<dye nc:operation="create">ex:red</dye>', "data-exists", "/example:shop/dye"),
        ("<dye>red</dye>", '<dye nc:operation="delete">example:red</dye>', "data-missing", "/example:shop/dye"),
        ("", "<size>200</size>", "invalid-value", "/example:shop/size"),
        ("", "<item><name>q</name><kind>huge</kind></item>", "invalid-value", "/example:shop/item[name='q']/kind"),
        (A, "<item><name>a</name><kind>huge</kind></item>", "invalid-value", "/example:shop/item[name='a']/kind"),
        ("", "<visitors>1</visitors>", "unknown-element", "/example:shop"),
        ("", "<item><kind>small</kind></item>", "missing-element", "/example:shop/item"),
        ("", '<size nc:operation="frob">1</size>', "bad-attribute", "/example:shop/size"),
        ("", '<size frob="1">1</size>', "unknown-attribute", "/example:shop/size"),
        ("", '<size operation="delete">1</size>', "unknown-attribute", "/example:shop/size"),
        (A, '<item><name nc:operation="delete">a</name></item>', "bad-attribute", "/example:shop/item[name='a']"),
        ("", '<item yang:insert="first"><name>a</name></item>', "bad-attribute", "/example:shop/item[name='a']"),
        (A, f"{B}<item><name>b</name><price>3</price></item>", "bad-element", "/example:shop/item[name='b']"),
        (A, f"<item nc:operation='merge'>{A[6:]}{A}", "bad-element", "/example:shop/item[name='a']"),
        ("", "<size>1</size><size>2</size>", "bad-element", "/example:shop/size"),
        (A, A.replace("<name>", "<name>a</name><name>"), "bad-element", "/example:shop/item"),
        (A, "<item nc:operation='delete'><name>a</name><name>b</name></item>", "bad-element", "/example:shop/item"),
        ("", A.replace("<name>", "<name>a</name><name>"), "bad-element", "/example:shop/item"),
        ("", "<open><hours>1</hours><hours>2</hours></open>", "bad-element", "/example:shop/open/hours"),
        ("", "<cash/><issuer>v</issuer>", "bad-element", "/example:shop/issuer"),
        ("", "text", "bad-element", "/example:shop"),
        ("", "<title>x</title>text", "bad-element", "/example:shop"),
        ("", "<open>text<hours>1</hours></open>", "bad-element", "/example:shop/open"),
        ("", "<open><hours>1</hours>text</open>", "bad-element", "/example:shop/open"),
        ("", "<title><x/></title>", "bad-element", "/example:shop/title"),
        ("", '<queue yang:insert="after" yang:value="a">a</queue>', "bad-attribute", "/example:shop/queue"),
        (QUEUE, '<queue yang:insert="before" yang:value="z">z</queue>', "bad-attribute", "/example:shop/queue"),
        (QUEUE, '<queue yang:insert="after" yang:key="a">b</queue>', "unknown-attribute", "/example:shop/queue"),
        (
            QUEUE,
            '<queue yang:insert="after" yang:value="a" yang:key="a">b</queue>',
            "unknown-attribute",
            "/example:shop/queue",
        ),
        (QUEUE, '<queue yang:insert="first" yang:value="a">b</queue>', "bad-attribute", "/example:shop/queue"),
        (QUEUE, '<queue yang:value="a">b</queue>', "bad-attribute", "/example:shop/queue"),
        (QUEUE, '<queue nc:operation="delete" yang:value="a">b</queue>', "bad-attribute", "/example:shop/queue"),
        ("", '<tag yang:value="a">b</tag>', "unknown-attribute", "/example:shop/tag"),
        ("", '<title yang:key="a">b</title>', "unknown-attribute", "/example:shop/title"),
        ("", f"<item yang:key='[ex:name=\"a\"]'>{A[6:]}", "unknown-attribute", "/example:shop/item[name='a']"),
        (SHELVES, shelf("c", "yang:insert='after'", value="a"), "unknown-attribute", shelf_path("c")),
        (SHELVES, shelf("c", "yang:insert='last'", key="a"), "bad-attribute", shelf_path("c")),
        (SHELVES, shelf("c", key="a"), "bad-attribute", shelf_path("c")),
        (SHELVES, shelf("z", "yang:insert='before'", key="z"), "bad-attribute", shelf_path("z")),
        ("", '<queue yang:insert="after">a</queue>', "missing-attribute", "/example:shop/queue"),
        ("", '<queue yang:insert="after" yang:value="z">a</queue>', "bad-attribute", "/example:shop/queue"),
    ],
)
def test_errors(before: str, change: str, tag: str, path: str) -> None:
    with tree_of(before) as tree:
        was = content(tree)
        with pytest.raises(EditError) as caught:
            edit(tree, shop(change), EditOptions())
        assert (caught.value.tag, caught.value.path) == (tag, path)
        assert content(tree) == was


NAMED = "/example:shop/item[name='a']"
"""The entry of A."""


@pytest.mark.parametrize("whole", ["", ' nc:operation="create"', ' nc:operation="replace"', ' nc:operation="merge"'])
@pytest.mark.parametrize("here", [False, True])
@pytest.mark.parametrize(
    ("inner", "path", "too_much"),
    [
        ("<kind>small<b/></kind>", f"{NAMED}/kind", "b"),
        ("<kind><b>x</b>tail</kind>", f"{NAMED}/kind", "b"),
        ("<kind>small</kind><twin>a<kind/></twin>", f"{NAMED}/twin", "kind"),
        ("<price>1<b/></price><kind>huge</kind>", f"{NAMED}/price", "b"),
        ('<kind nc:operation="merge">small<b/></kind>', f"{NAMED}/kind", "b"),
    ],
)
def test_a_leaf_with_elements_has_one_answer(whole: str, here: bool, inner: str, path: str, too_much: str) -> None:
    if here and "create" in whole:
        return
    with tree_of(A if here else "") as tree, pytest.raises(EditError) as caught:
        edit(tree, shop(f"<item{whole}><name>a</name>{inner}</item>"), EditOptions())
    wanted = f"<{path.rpartition('/')[2]}> holds a value and no elements: <{too_much}> is too much"
    assert (caught.value.tag, caught.value.path, caught.value.message) == ("bad-element", path, wanted)
    assert caught.value.bad_element == path.rpartition("/")[2]


@pytest.mark.parametrize("operation", ["merge", "create", "replace", "delete", "remove"])
@pytest.mark.parametrize("before", ["", A])
def test_a_key_with_elements_names_nothing(before: str, operation: str) -> None:
    for inner in ("a<b/>", "<b/>", '<b nc:operation="merge"/>', "<b>x</b>a"):
        with tree_of(before) as tree:
            change = f'<item nc:operation="{operation}"><name>{inner}</name><kind>small</kind></item>'
            with pytest.raises(EditError, match="<name> holds a value and no elements: <b> is too much") as caught:
                edit(tree, shop(change), EditOptions())
            assert (caught.value.tag, caught.value.bad_element) == ("bad-element", "name")
            assert caught.value.path == "/example:shop/item/name"
            assert content(tree) == before


@pytest.mark.parametrize("change", ["<cash>x</cash>", "<cash> </cash>", '<cash nc:operation="create">0</cash>'])
def test_a_leaf_without_a_value_is_given_none(change: str) -> None:
    with pytest.raises(EditError, match=r"^/example:shop/cash: cash is there or not, and takes no value") as caught:
        edited("", change)
    assert (caught.value.tag, caught.value.bad_element) == ("invalid-value", "cash")


def test_missing_anchor_is_named_as_rfc_7950_says() -> None:
    for value, operation in (("a", "merge"), ("z", "merge"), ("z", "create"), ("z", "replace")):
        change = f'<queue nc:operation="{operation}" yang:insert="after" yang:value="z">{value}</queue>'
        with pytest.raises(EditError, match="there is no entry z") as caught:
            edited(QUEUE, change)
        assert (caught.value.tag, caught.value.app_tag) == ("bad-attribute", "missing-instance")


def test_an_entry_beside_itself_stays_where_it_is() -> None:
    for operation in ("merge", "replace"):
        for where in ("before", "after"):
            change = f'<queue nc:operation="{operation}" yang:insert="{where}" yang:value="a">a</queue>'
            assert edited(QUEUE, change) == QUEUE


def test_a_value_that_cannot_be_looked_up_is_not_blamed_for_the_next_fault() -> None:
    with pytest.raises(EditError, match='"900" is no value of size'):
        edited("<code>a</code>", '<code nc:operation="remove">long</code><size>900</size>')


def test_one_edit_may_take_one_case_away_and_set_the_other() -> None:
    assert edited("<cash/>", '<cash nc:operation="delete"/><issuer>v</issuer>') == "<issuer>v</issuer>"


def test_the_work_of_a_list_in_a_case_grows_as_its_entries_do(monkeypatch: pytest.MonkeyPatch) -> None:
    work, models = Work(monkeypatch), load_models()

    def of(count: int) -> int:
        entries = "".join(f"<destination-ip>192.0.2.{number}/32</destination-ip>" for number in range(count))
        screen = f"<application-screen><protect><deny>{entries}</deny></protect></application-screen>"
        sip = f'<sip xmlns="urn:applianced:yang:alg-sip">{screen}</sip>'
        alg = f'<alg xmlns="urn:applianced:yang:alg">{sip}</alg>'
        change = f'<security xmlns="urn:applianced:yang:security">{alg}</security>'
        with Tree(models) as tree:
            edit(tree, [etree.fromstring(change.replace(entries, "<all/>"))], EditOptions())
            taken = work.of(partial(edit, tree, [etree.fromstring(change)], EditOptions()))
            assert tree.render(Form.XML).decode() == change
            return taken

    assert of(200) < 2.1 * of(100)


def test_both_cases_of_a_choice_are_named() -> None:
    for change in ("<cash/><issuer>v</issuer>", '<cash nc:operation="merge"/><issuer>v</issuer>'):
        with pytest.raises(EditError) as caught:
            edited("", change)
        assert "<cash> and <issuer>" in caught.value.message


def test_what_is_created_as_a_whole_is_looked_into() -> None:
    both = "<cash/><issuer>v</issuer>"
    with tree_of("") as tree, pytest.raises(EditError) as caught:
        edit(tree, [etree.fromstring(f"<shop {DECLARED}>{both}</shop>")], EditOptions())
    assert caught.value.tag == "bad-element"
    with tree_of("") as tree, pytest.raises(EditError) as caught:
        edit(tree, [etree.fromstring(f"<shop {DECLARED}>{A}{A}</shop>")], EditOptions(test_option=ResultTest.TEST_ONLY))
    assert (caught.value.tag, caught.value.path) == ("bad-element", "/example:shop/item[name='a']")


def test_the_whole_container_can_go_and_come_back() -> None:
    with tree_of(A) as tree:
        gone = etree.fromstring(f'<shop {DECLARED} nc:operation="delete"/>')
        edit(tree, [gone], EditOptions())
        assert not tree.first
        with pytest.raises(EditError) as caught:
            edit(tree, [etree.fromstring(f'<shop {DECLARED} nc:operation="delete"/>')], EditOptions())
        assert (caught.value.tag, caught.value.path) == ("data-missing", "/example:shop")
        made = etree.fromstring(f'<shop {DECLARED} nc:operation="create">{B}</shop>')
        edit(tree, [made], EditOptions())
        assert content(tree) == B


def test_a_fault_after_the_container_went_brings_it_back() -> None:
    with tree_of(A + SHELVES) as tree:
        gone = etree.fromstring(f'<shop {DECLARED} nc:operation="delete"/>')
        with pytest.raises(EditError):
            edit(tree, [gone, *shop("<size>900</size>")], EditOptions())
        assert content(tree) == A + SHELVES


def test_default_operation_replace() -> None:
    options = EditOptions(default_operation=Operation.REPLACE)
    assert edited(A + "<title>x</title>", B, options) == B


def test_default_operation_none() -> None:
    options = EditOptions(default_operation=Operation.NONE)
    assert edited(A + B, '<item nc:operation="delete"><name>a</name></item>', options) == B
    with pytest.raises(EditError) as caught:
        edited(A, "<item><name>z</name></item>", options)
    assert caught.value.tag == "data-missing"


NONE = EditOptions(default_operation=Operation.NONE)


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ("", "<hall><lamp nc:operation='create'>x</lamp></hall>", "<hall><lamp>x</lamp></hall>"),
        ("", "<hall><rug><length nc:operation='merge'>3</length></rug></hall>",
         "<hall><rug><length>3</length></rug></hall>"),
        ("", "<hall><lamp nc:operation='remove'/></hall>", ""),
        ("<cash/>", "<hall><lamp nc:operation='remove'/></hall>", "<cash/>"),
        ("<cash/>", "<hall><lamp nc:operation='create'>x</lamp></hall>", "<hall><lamp>x</lamp></hall>"),
    ],
)  # fmt: skip
def test_containers_without_presence_always_exist(before: str, change: str, after: str) -> None:
    assert edited(before, change, NONE) == after


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ("<hall><lamp nc:operation='delete'/></hall>", "/example:shop/hall/lamp"),
        ("<hall><rug/><lamp/></hall>", "/example:shop/hall/lamp"),
        ("<open><hours nc:operation='create'>9</hours></open>", "/example:shop/open"),
    ],
)
def test_what_does_not_exist_with_default_operation_none(change: str, path: str) -> None:
    with tree_of("<cash/>") as tree:
        with pytest.raises(EditError) as caught:
            edit(tree, shop(change), NONE)
        assert (caught.value.tag, caught.value.path) == ("data-missing", path)
        assert content(tree) == "<cash/>"


def test_default_operation_none_on_nothing_at_all() -> None:
    with Tree(shop_models()) as tree:
        edit(tree, shop("<title nc:operation='create'>x</title>"), NONE)
        assert content(tree) == "<title>x</title>"
    with Tree(shop_models()) as tree:
        edit(tree, shop("<title nc:operation='remove'/>"), NONE)
        assert not tree.first


def test_one_fault_takes_the_whole_edit_back() -> None:
    change = (
        f"<title>new</title>{B}<item nc:operation='delete'><name>a</name></item><cash/>"
        "<shelf yang:insert='first'><row>1</row><column>c</column></shelf><size>900</size>"
    )
    for option in (ErrorOption.STOP, ErrorOption.ROLLBACK):
        with tree_of(f"{A}<issuer>v</issuer>{SHELVES}") as tree:
            was = content(tree)
            with pytest.raises(EditError):
                edit(tree, shop(change), EditOptions(error_option=option))
            assert content(tree) == was


def test_continue_on_error_does_the_rest_and_reports_each_fault() -> None:
    with tree_of(A) as tree:
        with pytest.raises(EditError) as caught:
            edit(tree, shop(f"<size>900</size>{B}<bogus/>"), EditOptions(error_option=ErrorOption.CONTINUE))
        assert [error.tag for error in caught.value.errors] == ["invalid-value", "unknown-element"]
        assert content(tree) == A + B


def test_what_the_test_finds_is_reported_beside_what_was_skipped() -> None:
    options = EditOptions(test_option=ResultTest.TEST_THEN_SET, error_option=ErrorOption.CONTINUE)
    with pytest.raises(EditError) as caught:
        edited("", "<size>900</size><item><name>a</name></item>", options)
    assert [error.path.rpartition("/")[2] for error in caught.value.errors] == ["size", "kind"]


def test_test_only_changes_nothing() -> None:
    assert edited(A, B, EditOptions(test_option=ResultTest.TEST_ONLY)) == A


def test_test_then_set_validates_the_whole() -> None:
    for option in (ResultTest.TEST_THEN_SET, ResultTest.TEST_ONLY):
        with tree_of(A) as tree:
            with pytest.raises(EditError) as caught:
                edit(tree, shop("<open/>"), EditOptions(test_option=option))
            assert caught.value.path == "/example:shop/open/hours"
            assert content(tree) == A
    assert edited("", "<open/>", EditOptions(test_option=ResultTest.SET)) == "<open/>"


def test_a_default_does_not_count_as_existing() -> None:
    with tree_of("<title>x</title>") as tree:
        tree.validate()
        edit(tree, shop('<size nc:operation="create">11</size>'), EditOptions())
        assert content(tree) == "<title>x</title><size>11</size>"


def test_the_fast_and_the_exact_way_agree() -> None:
    """A prefix that nobody uses changes nothing; an attribute forces the walk."""
    change = f"{A}{B}<title>t</title><size>3</size>{SHELVES}<queue>q</queue>"
    walked = change.replace("<title>", '<title nc:operation="merge">')
    for before in ("", A, "<title>old</title><size>10</size>", shelves("cx")):
        assert edited(before, change) == edited(before, walked)


def test_depth_comments_and_unused_namespaces_do_no_harm() -> None:
    with tree_of("") as tree:
        element = etree.fromstring('<shop xmlns="urn:example:shop" xmlns:u="urn:u"> <title>x</title> </shop>')
        edit(tree, [element], EditOptions())
        assert content(tree) == "<title>x</title>"


_OPERATION = st.sampled_from(["", "merge", "replace", "create", "delete", "remove"]).map(
    lambda name: f' nc:operation="{name}"' if name else ""
)
_INSERT = st.sampled_from(["", ' yang:insert="first"', ' yang:insert="last"', ' yang:insert="before" yang:value="b"'])
_CHANGE = st.one_of(
    st.builds("<queue{}{}>{}</queue>".format, _OPERATION, _INSERT, st.sampled_from(["a", "b", "c", "d", ""])),
    st.builds(
        "<item{}><name>{}</name><kind{}>small</kind></item>".format, _OPERATION, st.sampled_from("ab"), _OPERATION
    ),
    st.builds("<{0}{1}/>".format, st.sampled_from(["cash", "issuer", "limit", "open", "title"]), _OPERATION),
    st.builds("<issuer{}>v</issuer>".format, _OPERATION),
    st.builds("<size{}>{}</size>".format, _OPERATION, st.integers(1, 20)),
)


def settled(tree: Tree) -> list[str]:
    """The content; entries of a list that the system orders may stand in any order."""
    return [*sorted(re.findall("<item>.*?</item>", content(tree))), re.sub("<item>.*</item>", "", content(tree))]


@given(st.lists(_CHANGE, max_size=6), st.lists(_CHANGE, max_size=6), st.booleans())
def test_an_edit_that_fails_leaves_no_trace(before: list[str], change: list[str], validated: bool) -> None:
    with tree_of("") as tree:
        with suppress(EditError):
            edit(tree, shop("".join(before)), EditOptions(error_option=ErrorOption.CONTINUE))
        if validated:
            with suppress(ConfigError):
                tree.validate()
        was = settled(tree)
        with pytest.raises(EditError):
            edit(tree, shop("".join(change) + "<bogus/>"), EditOptions())
        assert settled(tree) == was
