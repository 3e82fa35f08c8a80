"""The codec, the states and the edits, without an appliance; and any change of two lists, with one."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ansible.runner import Controller  # first: it makes the collection importable
from tests.support.soak import rounds

from ansible_collections.applianced.appliance.plugins.module_utils import codec, framing, lines, reconcile  # isort: skip
from ansible_collections.applianced.appliance.plugins.module_utils import rewriting, session  # isort: skip
from ansible_collections.applianced.appliance.plugins.module_utils.device import readable_path  # isort: skip
from ansible_collections.applianced.appliance.plugins.module_utils.schema import DATASTORE, InputError, operation  # isort: skip

NAMES = st.sampled_from("abcdef")
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["applications", "application", "name", "protocol", "term", "security", "zones", "x"]),
            inner,
        )
    ),
    max_leaves=10,
)


@given(ANY_JSON)
def test_any_input_is_read_or_refused(value: Any) -> None:
    for dialect in (codec.Json, codec.Arguments):
        try:
            tree = codec.read(DATASTORE, value, "config", dialect)
        except InputError as error:
            assert error.path.startswith("config")  # noqa: PT017
            continue
        shown = codec.show_container(DATASTORE, tree, dialect)
        assert codec.read(DATASTORE, shown, "config", dialect) == tree
        text = f"<data>{codec.encode(DATASTORE, tree)}</data>"
        assert codec.encode(DATASTORE, codec.decode(DATASTORE, codec.parse_xml(text))) is not None


@given(st.text())
def test_any_xml_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(InputError):
        codec.parse_xml(text)
    for options in ({}, {"strict": True, "operation": "replace"}):
        with contextlib.suppress(InputError):
            rewriting.Inside(text, 0, **options)
    with pytest.raises(InputError, match="document type"):
        codec.parse_xml("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")


@given(st.lists(st.text(max_size=30), max_size=4))
def test_any_lines_are_read_or_refused(given_lines: list[str]) -> None:
    try:
        codec.parse_xml(f'<c xmlns:nc="n" xmlns:yang="y">{lines.edit_of(given_lines)}</c>')
    except InputError as error:
        assert error.path.startswith("lines[")  # noqa: PT017


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4), st.integers(1, 50), st.booleans())
def test_any_split_gives_the_same_messages(messages: list[str], size: int, chunked: bool) -> None:
    sent = bytearray()
    wire = framing.Wire(lambda octets: b"", sent.extend)
    wire.chunked = chunked
    kept = [message for message in messages if "]]>]]>" not in message and message.isascii()]
    for message in kept:
        wire.send(message)
    parts = [bytes(sent[at : at + size]) for at in range(0, len(sent), size)]
    reader = framing.Wire(lambda octets: parts.pop(0) if parts else b"", lambda data: None)
    reader.chunked = chunked
    assert [reader.receive() for _message in kept] == kept
    with pytest.raises(EOFError):
        reader.receive()


@given(st.binary(min_size=1, max_size=60))
def test_any_octets_are_a_message_or_an_error(data: bytes) -> None:
    parts = [data]
    wire = framing.Wire(lambda octets: parts.pop() if parts else b"", lambda sent: None)
    wire.chunked = True
    with contextlib.suppress(EOFError, framing.FramingError):
        wire.receive()


HELLO = "<hello xmlns='urn:ietf:params:xml:ns:netconf:base:1.0'><session-id>1</session-id></hello>]]>]]>"


@pytest.mark.parametrize(
    "reply",
    [
        "<rpc-reply xmlns='urn:ietf:params:xml:ns:netconf:base:1.0' message-id='2'><ok/></rpc-reply>",
        "<rpc-reply xmlns='urn:ietf:params:xml:ns:netconf:base:1.0'><ok/></rpc-reply>",
        "<rpc-reply message-id='1'><ok/></rpc-reply>",
        "<notification xmlns='urn:ietf:params:xml:ns:netconf:notification:1.0' message-id='1'/>",
        "no XML",
        "",
        "<!-- " + "x" * 70_000,
    ],
)
def test_what_is_no_reply_is_an_error(reply: str) -> None:
    parts = [f"{HELLO}{reply}]]>]]>".encode()]
    opened = session.Session(lambda octets: parts.pop() if parts else b"", lambda data: None)
    with pytest.raises(framing.FramingError):
        opened.exchange(["<get/>"])


def test_a_message_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MESSAGE_OCTETS", 200_000)
    for chunked, endless in ((True, b"\n#1000\n" + b"x" * 1000), (True, b"\n#4000000000\n"), (False, b"x" * 1000)):
        wire = framing.Wire(lambda octets, sent=endless: sent, lambda data: None)  # type: ignore[misc]
        wire.chunked = chunked
        with pytest.raises(framing.FramingError, match="more than"):
            wire.receive()


def test_a_message_that_drips() -> None:
    wire = framing.Wire(lambda octets: b"x", lambda data: None, 0.05)
    with pytest.raises(TimeoutError, match="no whole answer"):
        wire.receive()


@pytest.mark.parametrize("value", ["²", "--5", "-", "", "٣", "5x", True])
def test_what_looks_like_a_number(value: Any) -> None:
    with pytest.raises(InputError, match="no whole number"):
        codec.read(DATASTORE, {"system": {"services": {"netconf": {"idle-timeout": value}}}}, "config", codec.Json)
    node = DATASTORE.children["system"].children["services"].children["netconf"].children["idle-timeout"]
    assert codec.show(node, str(value), codec.Arguments) == str(value)


@given(st.lists(NAMES, unique=True), st.lists(NAMES, unique=True))
def test_moves_lead_to_the_order(have: list[str], want: list[str]) -> None:
    moves = reconcile._moves(have, want)
    order = [name for name in have if name in want]
    for name in want:
        if name in moves:
            if name in order:
                order.remove(name)
            order.insert(0 if moves[name] is None else order.index(moves[name]) + 1, name)
        elif name not in have:
            order.append(name)
    assert order == want


def application(draw: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"protocol": draw(st.sampled_from(["tcp", "udp"]))}
    if draw(st.booleans()):
        found["destination_port"] = str(draw(st.integers(1, 9)))
    if draw(st.booleans()):
        names = draw(st.lists(NAMES, unique=True, max_size=3))
        found = {"term": [{"name": name, "protocol": draw(st.sampled_from(["tcp", "udp"]))} for name in names]}
        if not names:
            found = {"protocol": "tcp"}
    return found


@st.composite
def applications(draw: Any) -> list[dict[str, Any]]:
    return [{"name": name, **application(draw)} for name in draw(st.lists(NAMES, unique=True, max_size=4))]


@settings(max_examples=rounds(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["merged", "replaced", "overridden", "deleted"]), applications()),
        min_size=1,
        max_size=4,
    )
)
def test_any_changes_of_applications(operator: Controller, steps: list[tuple[str, list[dict[str, Any]]]]) -> None:
    """Whatever the states, the appliance takes the edits or refuses what they lead to; a second run changes nothing."""
    for state, config in steps:
        done = operator.run("applications", state=state, config=config)
        if done.get("failed"):
            assert done["error"]["path"].startswith("/applications"), done["msg"]
            continue
        again = operator.ok("applications", state=state, config=config)
        assert again["changed"] is False
        if state == "overridden":
            there = operator.ok("applications", state="gathered")["gathered"]
            assert {entry["name"] for entry in there} == {entry["name"] for entry in config}


def test_paths_are_shown_without_modules() -> None:
    path = "/applianced-security:security/applianced-nat:nat/source/pool[name='a:b/c']/address"
    assert readable_path(path) == "/security/nat/source/pool[name='a:b/c']/address"
    assert readable_path('/a:b/a:c[a:name="x:\'y"]') == '/b/c[name="x:\'y"]'


def test_values_of_every_kind() -> None:
    tree = codec.read(
        DATASTORE,
        {"ietf-interfaces:interfaces": {"interface": [{"name": "lan0", "type": "iana-if-type:ethernetCsmacd"}]}},
        "config",
        codec.Json,
    )
    text = codec.encode(DATASTORE, tree)
    assert 'xmlns:id="urn:ietf:params:xml:ns:yang:iana-if-type">id:ethernetCsmacd<' in text
    decoded = codec.decode(DATASTORE, codec.parse_xml(f"<data>{text}</data>"))
    shown = codec.show_container(DATASTORE, decoded, codec.Json)
    (interface,) = shown["ietf-interfaces:interfaces"]["interface"]
    assert interface["type"] == "iana-if-type:ethernetCsmacd"
    wrong: list[tuple[Any, str]] = [
        ({"nacm": {"enable-nacm": "perhaps"}}, "is not true or false"),
        ({"nacm": {"enable-nacm": [True]}}, "a single value is needed"),
        ({"nacm": []}, "a mapping is needed"),
        ({"nacm": {"groups": {"group": {}}}}, "a list of entries is needed"),
        ({"nacm": {"groups": {"group": [{"name": "a"}, {"name": "a"}]}}}, "is there twice"),
        ({"nacm": {"groups": {"group": [{}]}}}, "name must be given"),
        ({"nacm": {"groups": {"group": [{"name": "a", "user-name": "x"}]}}}, "a list of values is needed"),
        ({"system": {"services": {"netconf": {"idle-timeout": "soon"}}}}, "is no whole number"),
        ({"security": {"alg": {"ftp": {"disable": "x"}}}}, "this is there or not"),
        ({"other:nacm": {}}, "is nothing that the configuration has"),
    ]
    for value, message in wrong:
        with pytest.raises(InputError, match=message):
            codec.read(DATASTORE, value, "config", codec.Json)
    assert codec.read(DATASTORE, {"nacm": {"enable_nacm": "yes"}}, "", codec.Arguments) == {
        "nacm": {"enable-nacm": "true"}
    }
    with pytest.raises(InputError, match="give its XML instead"):
        operation("no-such-thing-at-all")
    with pytest.raises(InputError, match="document type"):
        rewriting.Inside("<!DOCTYPE a><a/>", 0)
