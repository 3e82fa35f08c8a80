"""Two controllers as docs/netconf-concurrency.md has them, by ncclient and over SSH, across a restart."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lxml import etree
from ncclient import manager
from ncclient.operations import RPCError
from ncclient.xml_ import to_ele

from tests.netconf.test_management import EXAMPLE, start

APPLICATIONS = "urn:applianced:yang:applications"
PRIVATE = "urn:ietf:params:netconf:capability:private-candidate:1.0"
TXID = "urn:ietf:params:xml:ns:netconf:txid:1.0"
CONFIG = (
    f'<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:txid="{TXID}"><applications xmlns="{APPLICATIONS}">'
    "<application{}><name>{}</name><protocol>tcp</protocol><destination-port>{}</destination-port></application>"
    "</applications></config>"
)
GET = (
    f'<get-config xmlns:txid="{TXID}" xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" txid:etag="{{}}"><source>'
    "<running/></source></get-config>"
)
UPDATE = (
    '<update xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-private-candidate"><resolution-mode>{}</resolution-mode>'
    "</update>"
)
WITH_ETAG = (
    '<commit xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><with-etag '
    'xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-txid">true</with-etag></commit>'
)


@contextmanager
def appliance(state_dir: Path, keys: Path) -> Iterator[int]:
    """Its port."""
    process: subprocess.Popen[str] = start(state_dir, EXAMPLE, Path(f"{keys}.pub"))
    try:
        assert process.stdout
        ready = process.stdout.readline()
        assert ready.startswith("ready netconf=127.0.0.1:"), process.stderr and process.stderr.read()
        yield int(ready.rpartition(":")[2])
    finally:
        process.kill()
        process.communicate()


def controller(port: int, keys: Path) -> manager.Manager:
    """A session with a candidate of its own."""
    return manager.connect(
        host="127.0.0.1",
        port=port,
        username="admin",
        key_filename=str(keys),
        hostkey_verify=False,
        look_for_keys=False,
        allow_agent=False,
        nc_params={"capabilities": ["urn:ietf:params:netconf:base:1.0", "urn:ietf:params:netconf:base:1.1", PRIVATE]},
    )


def etags(reply: str) -> dict[str, str]:
    """By the application's name; of <data> or <ok> by "root"."""
    found = {}
    for node in etree.fromstring(reply.encode()).iter():
        etag = node.get(f"{{{TXID}}}etag")
        name = etree.QName(node).localname
        if etag and name in ("data", "ok"):
            found["root"] = str(etag)
        elif etag and name == "application":
            found[str(node.findtext(f"{{{APPLICATIONS}}}name"))] = str(etag)
    return found


def edit(session: manager.Manager, name: str, port: int, etag: str = "") -> None:
    condition = f' txid:etag="{etag}"' if etag else ""
    session.edit_config(target="candidate", config=CONFIG.format(condition, name, port))


def test_two_controllers(tmp_path: Path, keys: Path) -> None:
    with appliance(tmp_path, keys) as port, controller(port, keys) as north, controller(port, keys) as south:
        assert any(uri.startswith(PRIVATE) for uri in north.server_capabilities)
        # Neither commits what the other edits.
        edit(north, "north", 2121)
        edit(south, "south", 2122)
        north.commit()
        running = str(south.get_config("running"))
        assert ("north" in running, "south" in running) == (True, False)
        south.commit()
        # One application, both at once.
        edit(north, "north", 3000)
        edit(south, "north", 4000)
        north.commit()
        with pytest.raises(RPCError) as caught:
            south.commit()
        assert caught.value.app_tag == "conflict"
        assert 'the candidate has "4000", running has "3000"' in caught.value.message
        assert ">4000<" in str(south.get_config("candidate"))
        south.dispatch(to_ele(UPDATE.format("prefer-candidate")))
        south.commit()
        assert ">4000<" in str(north.get_config("running"))


def test_the_whole_example(tmp_path: Path, keys: Path) -> None:
    compare = (
        '<compare xmlns="urn:ietf:params:xml:ns:yang:ietf-nmda-compare" '
        'xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores"><source>ds:{}</source><target>ds:{}</target>{}</compare>'
    )
    with appliance(tmp_path, keys) as port, controller(port, keys) as north:
        plain = north.get_config("running").data_xml
        identified = str(north.dispatch(to_ele(GET.format("?"))))
        assert elements(identified) == elements(plain)
        system = str(north.dispatch(to_ele(compare.format("running", "operational", "<report-origin/>"))))
        assert "<target>/applianced-applications:applications</target>" in system
        assert ">junos-ftp</name>" in system
        assert 'or:origin="or:system"' in system
        assert "gates" not in system
        nothing = str(north.dispatch(to_ele(compare.format("candidate", "intended", ""))))
        assert "<edit>" not in nothing
        edit(north, "north", 2121)
        one = str(north.dispatch(to_ele(compare.format("candidate", "running", ""))))
        assert one.count("<edit>") == 1
        assert "<operation>delete</operation><target>/applianced-applications:applications" in one


def elements(reply: str) -> list[tuple[str, str]]:
    """Every element below <data>, with its text."""
    data = next(node for node in etree.fromstring(reply.encode()).iter() if etree.QName(node).localname == "data")
    return [(str(node.tag), (node.text or "").strip()) for node in data.iter()]


def test_what_a_controller_knows_outlives_a_restart(tmp_path: Path, keys: Path) -> None:
    with appliance(tmp_path, keys) as port, controller(port, keys) as north:
        edit(north, "north", 2121)
        north.dispatch(to_ele(WITH_ETAG))
        edit(north, "south", 2122)
        root = etags(str(north.dispatch(to_ele(WITH_ETAG))))["root"]
        known = etags(str(north.dispatch(to_ele(GET.format("?")))))
        assert known["root"] == root == known["south"] != known["north"]
    with appliance(tmp_path, keys) as port, controller(port, keys) as north, controller(port, keys) as south:
        assert etags(str(north.dispatch(to_ele(GET.format(root))))) == {"root": "="}
        edit(south, "north", 3000)
        south.commit()
        # South's change is told, and an edit that was computed before it is refused.
        edit(north, "north", 4000, known["north"])
        with pytest.raises(RPCError) as caught:
            north.commit()
        assert (caught.value.tag, caught.value.app_tag) == ("operation-failed", "txid-mismatch")
        now = etags(str(north.dispatch(to_ele(GET.format(root)))))
        assert (now["north"], now["south"]) == (now["root"], "=")
