"""ncclient: its whole operation list, and what it has no operation for by dispatch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from lxml import etree
from ncclient import manager  # type: ignore[import-untyped]
from ncclient.operations import RPCError  # type: ignore[import-untyped]
from ncclient.operations.errors import MissingCapabilityError  # type: ignore[import-untyped]
from ncclient.transport.errors import SessionCloseError, TransportError  # type: ignore[import-untyped]

from tests.support.served import (
    APPLICATIONS,
    NETCONF,
    SYSTEM,
    Served,
    application,
    applications,
    config,
    served,
)
from tests.support.until import until

NMDA = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"
DS = 'xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores"'
LISTED = ("subtree", f'<applications xmlns="{APPLICATIONS}"/>')
SHOWN_HERE = {
    *("get", "get_config", "get_schema", "dispatch", "edit_config", "copy_config", "validate", "commit"),
    *("discard_changes", "cancel_commit", "delete_config", "lock", "unlock", "close_session", "kill_session", "rpc"),
    "create_subscription",
}
NOT_OFFERED = {"poweroff_machine", "reboot_machine"}
EVENTS = "urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("ncclient"), {"url": {"file": [None]}}) as running:
        yield running


@pytest.fixture
def session(server: Served) -> Iterator[Any]:
    with server.connect() as connected:
        yield connected
        connected.discard_changes()


def names(data: Any) -> set[str]:
    tree = etree.fromstring(str(data).encode())
    return {str(name.text) for name in tree.iterfind(f".//{{{APPLICATIONS}}}application/{{{APPLICATIONS}}}name")}


def add(session: Any, name: str, port: int = 2121, **options: Any) -> Any:
    return session.edit_config(config(applications(application(name, port))), target="candidate", **options)


def refused(tag: str, call: Any, *arguments: Any, **options: Any) -> RPCError:
    with pytest.raises(RPCError) as caught:
        call(*arguments, **options)
    assert caught.value.tag == tag
    return caught.value


def test_every_operation_of_its_list_is_somewhere() -> None:
    assert set(manager.OPERATIONS) == SHOWN_HERE | NOT_OFFERED


@pytest.mark.parametrize(
    "wanted",
    [
        LISTED,
        etree.fromstring(f'<filter type="subtree"><applications xmlns="{APPLICATIONS}"/></filter>'),
        ("xpath", "/*"),
        ("xpath", ({"a": APPLICATIONS}, "/a:applications/a:application[a:name='filtered']")),
        ("subtree", applications("<application><name>filtered</name></application>")),
        [applications("<application><name>filtered</name></application>"), f'<system xmlns="{SYSTEM}"/>'],
        None,
    ],
    ids=["subtree", "element", "xpath", "namespaces", "content match", "several", "none"],
)
@pytest.mark.parametrize("how", ["get", "candidate", "running"])
def test_get_and_get_config_with_every_kind_of_filter(session: Any, wanted: Any, how: str) -> None:
    add(session, "filtered")
    session.commit()
    reply = session.get(filter=wanted) if how == "get" else session.get_config(source=how, filter=wanted)
    assert "filtered" in names(reply)
    assert reply.ok


@pytest.mark.parametrize("mode", ["report-all", "report-all-tagged", "trim"])
def test_with_defaults(session: Any, mode: str) -> None:
    for call in (session.get, lambda **options: session.get_config("running", **options)):
        shown = str(call(with_defaults=mode, filter=("subtree", f'<system xmlns="{SYSTEM}"/>')))
        assert ("platform-profile" in shown) is mode.startswith("report-all")


@pytest.mark.parametrize("operation", ["merge", "replace", "none"])
@pytest.mark.parametrize("error", ["stop-on-error", "continue-on-error", "rollback-on-error"])
@pytest.mark.parametrize("test", ["test-then-set", "set", "test-only"])
def test_edit_config_with_every_option(session: Any, operation: str, error: str, test: str) -> None:
    chosen = {"default_operation": operation, "error_option": error, "test_option": test}
    add(session, "other", 2)
    whole = etree.fromstring(str(session.get_config("candidate")).encode())[0]
    whole.tag = f"{{{NETCONF}}}config"
    holder = whole.find(f"{{{APPLICATIONS}}}applications")
    create = f'xmlns="{APPLICATIONS}" xmlns:nc="{NETCONF}" nc:operation="create"'
    holder.append(etree.fromstring(application("optional", 1, create)))
    sent = (
        whole if operation == "replace" else config(applications(application("optional", 1, 'nc:operation="create"')))
    )
    assert session.edit_config(sent, target="candidate", **chosen).ok
    found = names(session.get_config("candidate", filter=LISTED))
    assert ("optional" in found) is (test != "test-only")
    assert "other" in found
    create = 'nc:operation="create"'
    bad = application("fine", 3, create) + application("bad", 4, create).replace("tcp", "frob")
    with pytest.raises(RPCError) as caught:
        session.edit_config(config(applications(bad)), target="candidate", **chosen)
    assert "frob" in str(caught.value)
    kept = "fine" in names(session.get_config("candidate", filter=LISTED))
    # A replacement by two applications would lock everybody out, which a test finds.
    passes = test == "set" or (test == "test-then-set" and operation != "replace")
    assert kept is (error == "continue-on-error" and passes)


@pytest.mark.parametrize(
    ("operation", "tag"),
    [("merge", ""), ("replace", ""), ("create", "data-exists"), ("delete", ""), ("remove", "")],
)
def test_edit_config_with_every_operation(session: Any, operation: str, tag: str) -> None:
    add(session, "there")
    session.commit()
    sent = config(applications(application("there", 7, f'nc:operation="{operation}"')))
    if tag:
        assert "there" in str(refused(tag, session.edit_config, sent, target="candidate").path)
        return
    assert session.edit_config(sent, target="candidate").ok
    assert ("there" in names(session.get_config("candidate"))) is (operation in ("merge", "replace"))
    if operation == "delete":
        refused("data-missing", session.edit_config, sent, target="candidate")


def test_edit_config_by_url(session: Any, server: Served) -> None:
    folder = server.directory / "state" / "url"
    folder.mkdir(exist_ok=True)
    (folder / "edit.xml").write_text(config(applications(application("by-url", 9))))
    assert session.edit_config("file://localhost/edit.xml", format="url", target="candidate").ok
    assert "by-url" in names(session.get_config("candidate"))


def test_copy_config_and_delete_config(session: Any, server: Served) -> None:
    add(session, "copied")
    assert session.copy_config(source="candidate", target="file://localhost/saved.xml").ok
    assert "<name>copied</name>" in (server.directory / "state" / "url" / "saved.xml").read_text()
    assert session.copy_config(source="running", target="candidate").ok
    assert "copied" not in names(session.get_config("candidate"))
    assert session.copy_config(source="file://localhost/saved.xml", target="candidate").ok
    assert "copied" in names(session.get_config("candidate"))
    assert session.validate("file://localhost/saved.xml").ok
    assert session.delete_config("file://localhost/saved.xml").ok
    refused("data-missing", session.delete_config, "file://localhost/saved.xml")
    whole = etree.fromstring(str(session.get_config("running")).encode())[0]
    whole.tag = f"{{{NETCONF}}}config"
    source = etree.Element(f"{{{NETCONF}}}source")
    source.append(whole)
    assert session.copy_config(source=source, target="candidate").ok
    assert "copied" not in names(session.get_config("candidate"))
    refused("operation-not-supported", session.delete_config, "candidate")
    refused("operation-not-supported", session.delete_config, "startup")
    refused("operation-not-supported", session.edit_config, config(""), target="running")


def test_validate(session: Any) -> None:
    assert session.validate().ok
    assert session.validate("running").ok
    sent = etree.fromstring(config(applications(application("junos-mine", 1))))
    assert "junos-mine" in refused("invalid-value", session.validate, sent).path


def test_lock_locked_and_unlock(session: Any, server: Served) -> None:
    with server.connect() as other:
        with session.locked("candidate"):
            denied = refused("lock-denied", other.lock, "candidate")
            assert f"<session-id>{session.session_id}<" in denied.info
            refused("in-use", add, other, "theirs")
        assert other.lock("running").ok
        add(session, "mine")
        refused("in-use", session.commit)
        assert other.unlock("running").ok
        refused("operation-failed", other.unlock, "running")


def test_commit_confirmed_persist_and_cancel(session: Any, server: Served) -> None:
    add(session, "confirmed")
    assert session.commit(confirmed=True, timeout="60").ok
    assert session.commit().ok
    add(session, "cancelled")
    assert session.commit(confirmed=True).ok
    assert session.cancel_commit().ok
    add(session, "persistent")
    assert session.commit(confirmed=True, timeout="60", persist="token").ok
    with server.connect() as other:
        refused("invalid-value", other.commit)
        assert other.commit(persist_id="token").ok
    add(session, "cancelled-too")
    assert session.commit(confirmed=True, persist="other").ok
    assert session.cancel_commit(persist_id="other").ok
    found = names(session.get_config("running"))
    assert {"confirmed", "persistent"} <= found
    assert not {"cancelled", "cancelled-too"} & found
    # The time is up.
    add(session, "late", 77)
    assert session.commit(confirmed=True, timeout="1").ok
    until(lambda: "late" not in names(session.get_config("running")), what="the rollback")


def test_discard_changes(session: Any) -> None:
    add(session, "discarded")
    assert session.discard_changes().ok
    assert "discarded" not in names(session.get_config("candidate"))


def test_kill_session_and_close_session(session: Any, server: Served) -> None:
    victim = server.connect()
    victim.lock("candidate")
    assert session.kill_session(victim.session_id).ok
    assert session.lock("candidate").ok
    assert session.unlock("candidate").ok
    with pytest.raises((SessionCloseError, TransportError)):
        victim.get_config("running")
    refused("invalid-value", session.kill_session, victim.session_id)
    refused("invalid-value", session.kill_session, session.session_id)
    other = server.connect()
    assert other.close_session().ok
    until(lambda: not other.connected, what="the end of the session")


def test_get_schema(session: Any) -> None:
    assert "module applianced-system" in session.get_schema("applianced-system").data
    assert "module ietf-ip" in session.get_schema("ietf-ip", version="2018-02-22", format="yang").data
    refused("invalid-value", session.get_schema, "frob")


def test_dispatch_and_rpc(session: Any) -> None:
    add(session, "dispatched", 4711)
    compare = etree.fromstring('<compare xmlns="urn:applianced:yang:history"/>')
    assert "dispatched destination-port 4711" in session.dispatch(compare).xml
    assert "dispatched" in session.rpc(compare).xml
    for operation in NOT_OFFERED:
        with pytest.raises((RPCError, MissingCapabilityError)):
            getattr(session, operation)()


@pytest.mark.parametrize("store", ["running", "candidate", "operational", "intended"])
def test_get_data_and_edit_data(session: Any, store: str) -> None:
    edit = (
        f'<edit-data xmlns="{NMDA}"><datastore {DS}>ds:candidate</datastore>'
        f"<default-operation>merge</default-operation>"
        f"<config>{applications(application(f'nmda-{store}', 5))}</config></edit-data>"
    )
    assert session.dispatch(etree.fromstring(edit)).ok
    session.commit()
    get = (
        f'<get-data xmlns="{NMDA}"><datastore {DS}>ds:{store}</datastore>'
        f"<subtree-filter>{applications('')}</subtree-filter></get-data>"
    )
    assert f"<name>nmda-{store}</name>" in session.dispatch(etree.fromstring(get)).xml


def test_partial_lock_by_dispatch(session: Any, server: Served) -> None:
    add(session, "locked")
    session.commit()
    namespace = "urn:ietf:params:xml:ns:netconf:partial-lock:1.0"
    lock = (
        f'<partial-lock xmlns="{namespace}" xmlns:a="{APPLICATIONS}">'
        "<select>/a:applications/a:application[a:name='locked']</select></partial-lock>"
    )
    granted = session.dispatch(etree.fromstring(lock)).xml
    lock_id = etree.fromstring(granted.encode()).findtext(f".//{{{namespace}}}lock-id")
    with server.connect() as other:
        add(other, "locked", 99)
        assert "locked" in refused("in-use", other.commit).path
        unlock = etree.fromstring(f'<partial-unlock xmlns="{namespace}"><lock-id>{lock_id}</lock-id></partial-unlock>')
        assert session.dispatch(unlock).ok
        assert other.commit().ok


def told(session: Any) -> etree._Element:
    """The content of the next notification."""
    notification = session.take_notification(timeout=10)
    assert notification is not None
    return etree.fromstring(notification.notification_xml.encode())[1]


def texts(event: etree._Element, name: str) -> list[str]:
    return [str(one.text) for one in event.iter(f"{{{EVENTS}}}{name}")]


def test_create_subscription_and_take_notification(session: Any, server: Served) -> None:
    wanted = f'<netconf-config-change xmlns="{EVENTS}"/>'
    add(session, "before")
    session.commit()
    assert session.create_subscription(stream_name="NETCONF", filter=("subtree", wanted)).ok
    refused("in-use", session.create_subscription)
    with server.connect() as other:
        add(other, "told", 4712)
        assert other.commit().ok
        event = told(session)
        assert texts(event, "session-id") == [other.session_id]
        assert any("application[" in target and "'told'" in target for target in texts(event, "target"))
    # The session that is told goes on asking.
    assert "told" in names(session.get_config("running"))
    assert session.take_notification(block=False) is None


def test_what_the_server_offers_changes(session: Any, server: Served) -> None:
    """<url> is switched off and on again: subscribers learn of it, and the next hello says so."""
    url = "urn:ietf:params:netconf:capability:url:1.0"
    services = "<services><netconf><url>{}</url></netconf></services>"
    here = f'<system xmlns="{SYSTEM}" xmlns:nc="{NETCONF}">{services}</system>'
    assert session.create_subscription(filter=("subtree", f'<netconf-capability-change xmlns="{EVENTS}"/>')).ok
    with server.connect() as other:
        assert any(uri.startswith(url) for uri in other.server_capabilities)
        other.edit_config(config(here.format('<file nc:operation="delete"/>')), target="candidate")
        assert other.commit().ok
        event = told(session)
        assert texts(event, "deleted-capability") == [f"{url}?scheme=file"]
        assert not texts(event, "added-capability")
        modified = texts(event, "modified-capability")
        assert [uri.partition("?")[0] for uri in modified] == [NETCONF]
        assert "url" not in modified[0]
        assert texts(event, "session-id") == [other.session_id]
        assert texts(event, "username") == ["admin"]
        with server.connect() as later:
            assert not any(uri.startswith(url) for uri in later.server_capabilities)
        other.edit_config(config(here.format("<file/>")), target="candidate")
        # What nobody confirms is taken back by the server, which says that it was the server.
        assert other.commit(confirmed=True, timeout="1").ok
        assert texts(told(session), "added-capability") == [f"{url}?scheme=file"]
        event = told(session)
        assert texts(event, "deleted-capability") == [f"{url}?scheme=file"]
        assert texts(event, "server") == ["None"]
        other.discard_changes()
        other.edit_config(config(here.format("<file/>")), target="candidate")
        assert other.commit().ok
        assert texts(told(session), "added-capability") == [f"{url}?scheme=file"]


@pytest.mark.parametrize("store", ["running", "candidate"])
def test_a_reply_of_a_megabyte(session: Any, store: str) -> None:
    many = "".join(application(f"bulk-{number:05}", 1 + number % 60000) for number in range(8000))
    session.edit_config(config(applications(many)), target="candidate")
    if store == "running":
        session.commit()
    assert sum(name.startswith("bulk-") for name in names(session.get_config(store, filter=LISTED))) == 8000
    if store == "running":
        gone = "".join(
            f'<application nc:operation="delete"><name>bulk-{number:05}</name></application>' for number in range(8000)
        )
        session.edit_config(config(applications(gone)), target="candidate")
        session.commit()
