"""The RPCs of applianced-operations over NETCONF, on an appliance that runs management alone."""

from __future__ import annotations

import base64
import io
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from lxml import etree
from ncclient.operations import RPCError

from applianced.northbound.bundles import KEPT
from applianced.tools import serving
from applianced.tools.netconf_client import NetconfClient, connect
from tests.support.appliance import private_directory
from tests.support.until import until

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "netns-ftp.json"
OPERATIONS = "urn:applianced:yang:operations"
OP = {"op": OPERATIONS, "sys": "urn:applianced:yang:system", "state": "urn:applianced:yang:state"}
HASH = "$6$rounds=5000$Pq8fT1xW9nLk3c2d$" + "Zk3J.w" * 14 + "ab"
TOKEN = "s3cr3t-token-0815"
DESCRIPTION = f"fetch https://robot:{TOKEN}@files.example.com/x"
NOBODY_LIKES = "this hash $5$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789 was in a comment"


class Served:
    """An appliance without a dataplane. directory: of its files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.key = serving.make_admin_key(directory)
        self.serving = serving.serve(namespace="", configuration=EXAMPLE, directory=directory, key=self.key)

    def connect(self) -> Any:
        return connect(self.serving.host, self.serving.port, self.key)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with private_directory() as directory:
        made = Served(directory)
        yield made
        serving.stop(made.serving)


@pytest.fixture
def client(served: Served) -> Iterator[NetconfClient]:
    with served.connect() as session:
        yield session


def ask(client: NetconfClient, rpc: str, **leaves: object) -> etree._Element:
    given = "".join(f"<{name.replace('_', '-')}>{value}</{name.replace('_', '-')}>" for name, value in leaves.items())
    reply = client.session.dispatch(etree.fromstring(f'<{rpc} xmlns="{OPERATIONS}">{given}</{rpc}>'))
    return etree.fromstring(reply.xml.encode())


def value(reply: etree._Element, name: str) -> str:
    return reply.findtext(f"op:{name}", default="", namespaces=OP)


# --- without a dataplane ----------------------------------------------------------------------------------------


def test_the_status_of_algs_needs_no_dataplane(client: NetconfClient) -> None:
    reply = ask(client, "get-alg-status", alg="ftp")
    assert reply.findtext("op:alg/op:state", namespaces=OP) == "enabled"
    with pytest.raises(RPCError, match='there is no ALG "fttp": there is dns, ftp, '):
        ask(client, "get-alg-status", alg="fttp")


@pytest.mark.parametrize(
    ("rpc", "leaves"),
    [
        *((name, {}) for name in ("get-alg-counters", "clear-alg-counters", "get-gates", "get-control-sessions")),
        *((name, {}) for name in ("get-data-sessions", "get-resources", "clear-resources", "get-workers")),
        ("restart-worker", {}),
        ("clear-gate", {"number": 1}),
        ("clear-control-session", {"id": 1}),
        ("clear-data-session", {"id": 1}),
        ("clear-alg-sessions", {"alg": "ftp"}),
    ],
)
def test_all_else_says_that_there_is_none(client: NetconfClient, rpc: str, leaves: dict[str, object]) -> None:
    with pytest.raises(RPCError, match="runs without a dataplane") as caught:
        ask(client, rpc, **leaves)
    assert caught.value.tag == "operation-failed"


@pytest.mark.parametrize(
    ("rpc", "leaves", "tag"),
    [
        ("get-gates", {"count": 0}, "invalid-value"),
        ("get-gates", {"address": "10.0.0.300"}, "invalid-value"),
        ("get-gates", {"flavour": "sour"}, "unknown-element"),
        ("clear-gate", {}, "missing-element"),
        ("break-lock", {"datastore": "startup"}, "invalid-value"),
        ("break-lock", {}, "data-missing"),
        ("break-lock", {"datastore": "running", "lock_id": 1}, "bad-element"),
        ("break-lock", {"lock_id": 0}, "invalid-value"),
        ("break-lock", {"lock_id": 4711}, "invalid-value"),
        ("get-support-bundle", {"name": "x" * 129}, "invalid-value"),
    ],
)
def test_input_that_does_not_fit(client: NetconfClient, rpc: str, leaves: dict[str, object], tag: str) -> None:
    with pytest.raises(RPCError) as caught:
        ask(client, rpc, **leaves)
    assert caught.value.tag == tag


PRIVILEGED = {
    "clear-alg-counters", "clear-gate", "clear-control-session", "clear-data-session", "clear-alg-sessions",
    "clear-resources", "restart-worker", "break-lock", "make-support-bundle", "get-support-bundles",
    "get-support-bundle", "delete-support-bundle",
}  # fmt: skip
OTHERS = {"get-alg-status", "get-alg-counters", "get-gates", "get-control-sessions", "get-data-sessions",
          "get-resources", "get-workers"}  # fmt: skip


def test_who_has_no_rule_shows_and_neither_clears_nor_breaks(served: Served, client: NetconfClient) -> None:
    module = (Path(__file__).parents[2] / "yang" / "applianced-operations.yang").read_text()
    assert set(re.findall(r"^  rpc (\S+) {", module, re.MULTILINE)) == PRIVILEGED | OTHERS
    public = served.key.with_suffix(".pub").read_text().strip()
    client.edit(
        '<system xmlns="urn:applianced:yang:system"><login><user><name>onlooker</name><authentication>'
        f"<ssh-public-key>{public}</ssh-public-key></authentication></user></login></system>"
    )
    client.session.commit()
    with connect(served.serving.host, served.serving.port, served.key, user="onlooker") as onlooker:
        for rpc in sorted(PRIVILEGED | OTHERS):
            try:
                ask(onlooker, rpc)
                tag = ""
            except RPCError as error:
                tag = error.tag
            assert (tag == "access-denied") == (rpc in PRIVILEGED), rpc


# --- break-lock -------------------------------------------------------------------------------------------------

EDIT = (
    '<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><applications xmlns="urn:applianced:yang:applications">'
    "<application><name>left-behind</name><protocol>tcp</protocol><destination-port>2121</destination-port>"
    "</application></applications></config>"
)


def test_a_lock_is_broken(served: Served, client: NetconfClient) -> None:
    with served.connect() as victim:
        victim.session.lock("candidate")
        victim.session.edit_config(target="candidate", config=EDIT)
        with pytest.raises(RPCError, match="holds the lock"):
            client.session.lock("candidate")
        reply = ask(client, "break-lock", datastore="candidate")
        assert value(reply, "session-id") == victim.session.session_id
        assert value(reply, "username") == "admin"
        assert value(reply, "discarded") == "true"
        assert re.match(r"\d{4}-\d\d-\d\dT", value(reply, "locked-time"))
        assert "left-behind" not in str(victim.session.get_config("candidate")), "as after <unlock>"
        client.session.lock("candidate")
        with pytest.raises(RPCError, match="only it can unlock"):
            victim.session.unlock("candidate")
        with pytest.raises(RPCError, match="holds the lock"):
            victim.session.edit_config(target="candidate", config=EDIT)
        client.session.unlock("candidate")
        victim.session.edit_config(target="candidate", config=EDIT)
        victim.session.discard_changes()
        log = serving.tail(served.serving.log)
        expected = f"session {client.session.session_id} (admin from 127.0.0.1:"
        broken = rf"\d+\) broke the lock of candidate that session {value(reply, 'session-id')} \(admin\) held"
        assert re.search(re.escape(expected) + broken, log)


def test_a_lock_of_running_is_broken_and_the_candidate_stays(served: Served, client: NetconfClient) -> None:
    with served.connect() as victim:
        victim.session.lock("running")
        client.session.edit_config(target="candidate", config=EDIT)
        reply = ask(client, "break-lock", datastore="running")
        assert value(reply, "discarded") == "false"
        assert "left-behind" in str(client.session.get_config("candidate"))
        client.session.discard_changes()
        client.session.lock("running")
        client.session.unlock("running")


def test_a_lock_that_cannot_be_broken(client: NetconfClient) -> None:
    with pytest.raises(RPCError, match="candidate is not locked: there is no lock to break") as caught:
        ask(client, "break-lock", datastore="candidate")
    assert caught.value.tag == "operation-failed"
    with client.session.locked("running"), pytest.raises(RPCError, match="this session holds the lock"):
        ask(client, "break-lock", datastore="running")


SESSIONS = '<netconf-state xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><sessions/></netconf-state>'
PARTIAL_NS = "urn:ietf:params:xml:ns:netconf:partial-lock:1.0"
PARTIAL_LOCK = (
    f'<partial-lock xmlns="{PARTIAL_NS}" xmlns:s="urn:applianced:yang:system"><select>/s:system</select></partial-lock>'
)
HOST_NAME = (
    '<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><system xmlns="urn:applianced:yang:system">'
    "<host-name>freed</host-name></system></config>"
)


def test_a_partial_lock_is_broken(served: Served, client: NetconfClient) -> None:
    with served.connect() as victim:
        granted = etree.fromstring(victim.session.dispatch(etree.fromstring(PARTIAL_LOCK)).xml.encode())
        number = granted.findtext("{*}lock-id")
        client.session.edit_config(target="candidate", config=HOST_NAME)
        with pytest.raises(RPCError, match="holds a partial lock"):
            client.session.commit()
        with pytest.raises(RPCError, match=f"locked in parts only: give the <lock-id> of the part, there is {number}"):
            ask(client, "break-lock", datastore="running")
        with pytest.raises(RPCError, match=f"this session holds partial lock {number} itself"):
            ask(victim, "break-lock", lock_id=number)
        reply = ask(client, "break-lock", lock_id=number)
        assert value(reply, "session-id") == victim.session.session_id
        assert value(reply, "username") == "admin"
        assert value(reply, "discarded") == "false"
        client.session.commit()
        assert "freed" in str(client.session.get_config("running"))
        unlock = f'<partial-unlock xmlns="{PARTIAL_NS}"><lock-id>{number}</lock-id></partial-unlock>'
        with pytest.raises(RPCError, match=f"holds no partial lock {number}"):
            victim.session.dispatch(etree.fromstring(unlock))
        broken = rf"broke partial lock {number} \(/applianced-system:system\) that session \d+ \(admin\) held"
        assert re.search(broken, serving.tail(served.serving.log))
        with pytest.raises(RPCError, match=f"there is no partial lock {number}: there is none"):
            ask(client, "break-lock", lock_id=number)


def test_a_confirmed_commit_whose_token_is_lost_is_rolled_back(served: Served, client: NetconfClient) -> None:
    with pytest.raises(RPCError, match="no confirmed commit is under way"):
        ask(client, "break-lock", confirmed_commit="")
    for gone in (False, True):
        with served.connect() as victim:
            victim.session.edit_config(target="candidate", config=EDIT)
            victim.session.commit(confirmed=True, timeout="4294967295", persist="nobody-knows")
            number = victim.session.session_id
            if not gone:
                reply = ask(client, "break-lock", confirmed_commit="")
                assert (value(reply, "session-id"), value(reply, "username")) == (number, "admin")
    until(lambda: f"<session-id>{number}<" not in str(client.session.get(("subtree", SESSIONS))))
    with pytest.raises(RPCError, match="persist-id"):
        client.session.commit()
    with pytest.raises(RPCError, match="a persistent confirmed commit is under way"):
        client.session.lock("running")
    reply = ask(client, "break-lock", confirmed_commit="")
    assert value(reply, "session-id") == ""
    assert "left-behind" not in str(client.session.get_config("running"))
    with client.session.locked("running"):
        client.session.commit()
    assert re.search(r"\(admin from .*\) rolled back the confirmed commit of session", serving.tail(served.serving.log))


# --- support bundles --------------------------------------------------------------------------------------------


def fetched(client: NetconfClient, name: str, length: int) -> bytes:
    """A bundle, a part at a time."""
    octets, offset = b"", "0"
    while offset:
        part = ask(client, "get-support-bundle", name=name, offset=offset, length=length)
        octets += base64.b64decode(value(part, "content"))
        offset = value(part, "next")
    return octets


def files_of(archive: bytes) -> dict[str, bytes]:
    """The files of a bundle, by their name without the bundle's directory."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
        found = {}
        for member in opened.getmembers():
            assert member.isfile()
            content = opened.extractfile(member)
            assert content
            found[member.name.partition("/")[2]] = content.read()
        return found


def secrets_in(served: Served) -> list[bytes]:
    """Everything that must not be in a bundle."""
    private = [*(served.directory / "state" / "host-keys").iterdir(), served.key]
    public = b"".join(asyncssh.read_private_key(file).export_public_key() for file in private)
    lines = [line for file in private for line in file.read_bytes().splitlines() if not line.startswith(b"-----")]
    bodies = [line for line in lines if line not in public]
    admin = served.key.with_suffix(".pub").read_bytes().split()[1]
    assert len(bodies) > 5
    return [HASH.encode(), TOKEN.encode(), b"$5$saltsalt", admin, *bodies]


@pytest.fixture
def with_secrets(client: NetconfClient) -> NetconfClient:
    """The session, once a user has a password and a description and a comment hold what they should not."""
    client.edit(
        '<system xmlns="urn:applianced:yang:system"><login><user><name>robot</name><authentication>'
        f"<encrypted-password>{HASH}</encrypted-password></authentication></user></login></system>"
        '<applications xmlns="urn:applianced:yang:applications"><application><name>told</name><protocol>tcp</protocol>'
        f"<destination-port>99</destination-port><description>{DESCRIPTION}</description></application></applications>"
    )
    comment = f'<comment xmlns="urn:applianced:yang:history">{NOBODY_LIKES}</comment>'
    commit = f'<commit xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">{comment}</commit>'
    client.session.dispatch(etree.fromstring(commit))
    return client


def test_a_bundle_has_everything_but_secrets(served: Served, with_secrets: NetconfClient) -> None:
    made = ask(with_secrets, "make-support-bundle")
    name = value(made, "name")
    missing = [element.text for element in made.iterfind("op:missing", OP)]
    assert len(missing) == 1
    assert "without a dataplane" in str(missing[0])
    archive = fetched(with_secrets, name, 1000)
    assert len(archive) == int(value(made, "size"))
    assert archive == fetched(with_secrets, name, 1 << 20)
    files = files_of(archive)
    whole = b"\n".join(files.values())
    for secret in secrets_in(served):
        assert secret not in whole, secret
        assert secret not in archive
    configuration = json.loads(files["configuration.json"])
    users = {user["name"]: user for user in configuration["applianced-system:system"]["login"]["user"]}
    assert users["robot"]["authentication"] == "[removed]"
    assert "applianced-security:security" in configuration
    described = configuration["applianced-applications:applications"]["application"]
    (told,) = (each["description"] for each in described if each["name"] == "told")
    assert told == "fetch https://[removed]files.example.com/x"
    commits = json.loads(files["commits.json"])
    assert commits[0]["user"] == "admin"
    assert commits[0]["comment"] == "this hash [removed] was in a comment"
    state = files["state.json"].decode()
    for part in ("applianced-state:commits", "applianced-state:status", "ietf-netconf-monitoring", "in-sessions"):
        assert part in state
    versions = json.loads(files["versions.json"])
    assert versions["libraries"]["asyncssh"] == asyncssh.__version__
    assert versions["made-by"]["user"] == "admin"
    assert "RLIMIT_NOFILE" in json.loads(files["limits.json"])["process"]
    assert "without a dataplane" in files["missing.txt"].decode()
    assert {"README.txt", "logs/management.log"} <= files.keys()


def test_no_bundles(client: NetconfClient) -> None:
    for name in ask(client, "get-support-bundles").iterfind("op:support-bundle/op:name", OP):
        ask(client, "delete-support-bundle", name=name.text)
    assert [etree.QName(child).localname for child in ask(client, "get-support-bundles")] == ["ok"]
    with pytest.raises(RPCError, match="there is none"):
        ask(client, "delete-support-bundle", name="support-20261121T000000Z.tar.gz")


def test_bundles_are_listed_few_and_deleted(served: Served, client: NetconfClient) -> None:
    made = [value(ask(client, "make-support-bundle"), "name") for _ in range(KEPT + 2)]
    listed = [each.text for each in ask(client, "get-support-bundles").iterfind("op:support-bundle/op:name", OP)]
    assert sorted(listed) == sorted(made[-KEPT:])
    shown = client.get(
        '<system xmlns="urn:applianced:yang:system"><support-bundles xmlns="urn:applianced:yang:state"/></system>'
    )
    assert [each.text for each in shown.iterfind(".//state:support-bundle/state:name", OP)] == listed
    directory = served.directory / "state" / "support-bundles"
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    ask(client, "delete-support-bundle", name=listed[0])
    for rpc in ("delete-support-bundle", "get-support-bundle"):
        with pytest.raises(RPCError, match=f'there is no support bundle "{listed[0]}": there is support-') as caught:
            ask(client, rpc, name=listed[0])
        assert caught.value.tag == "invalid-value"
    with pytest.raises(RPCError, match="octets: begin at 0"):
        ask(client, "get-support-bundle", name=listed[1], offset=1 << 40)
    for elsewhere in ("../lock", "/etc/passwd", "..", f"../support-bundles/{listed[1]}"):
        with pytest.raises(RPCError, match="there is no support bundle"):
            ask(client, "get-support-bundle", name=elsewhere)
    assert len(list(directory.iterdir())) == KEPT - 1
