"""The module config: every form of a change, commits, backups."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from tests.ansible.runner import Controller, controller
from tests.support.served import NETCONF, Served
from tests.support.until import until

APPLICATION = {"name": "a", "protocol": "tcp", "destination-port": "2121", "application-protocol": "ftp"}
XML = (
    '<applications xmlns="urn:applianced:yang:applications"><application><name>a</name>'
    "<application-protocol>ftp</application-protocol><protocol>tcp</protocol>"
    "<destination-port>2121</destination-port></application></applications>"
)
SET = [
    "set applications application a application-protocol ftp",
    "set applications application a protocol tcp",
    "set applications application a destination-port 2121",
]


def twice(operator: Controller, **arguments: Any) -> list[str]:
    foreseen = operator.ok("config", check=True, **arguments)
    done = operator.ok("config", **arguments)
    assert done["changed"]
    assert (foreseen["changed"], foreseen["commands"]) == (done["changed"], done["commands"])
    assert done["round_trips"] <= 6
    again = operator.ok("config", **arguments)
    assert (again["changed"], again["round_trips"]) == (False, 1)
    commands: list[str] = done["commands"]
    return commands


def test_several_tasks_without_changes(operator: Controller, tmp_path: Path) -> None:
    """Each commit of one task makes the others look once more, and what they find is remembered."""
    lines_of_tasks = (SET[1], "set system host-name gw3.example.net", "set security flow gate-timeout 60")
    tasks = [[line] for line in lines_of_tasks]
    assert all(operator.ok("config", lines=lines)["changed"] for lines in tasks)

    def round_trips() -> list[int]:
        done = [operator.ok("config", lines=lines) for lines in tasks]
        assert not any(each["changed"] for each in done)
        return [each["round_trips"] for each in done]

    assert max(round_trips()) <= 6
    assert round_trips() == [1, 1, 1]
    for file in (tmp_path / "cache").iterdir():
        file.unlink()
    assert max(round_trips()) <= 6
    assert round_trips() == [1, 1, 1]


def test_json_xml_and_lines_say_the_same(operator: Controller) -> None:
    tree = {"applianced-applications:applications": {"application": [APPLICATION]}}
    forms: list[dict[str, Any]] = [
        {"config": tree},
        {"config": json.dumps(tree)},
        {"config": {"application": [APPLICATION]}, "path": "/applications"},
        {"config": [APPLICATION], "path": "/applianced-applications:applications/application"},
        {"config": {**APPLICATION}, "path": "/applications/application[name='a']"},
        {"xml": XML},
        {"xml": f'<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">{XML}</config>'},
        {"xml": f"<?xml version='1.0'?><data>{XML}</data>"},
        {"lines": SET},
    ]
    for form in forms:
        assert sorted(twice(operator, **form)) == sorted(SET), form
        twice(operator, path="/applications/application[name='a']", operation="remove")


def test_what_lines_can_say(operator: Controller) -> None:
    operator.ok("config", lines=[*SET, "set applications application b protocol udp", "# nothing", ""])
    lines = [
        "delete applications application a",
        'set applications application a description "with \\"quotes\\" and spaces"',
        "set applications application a protocol udp",
        "delete applications application b",
        "set security policies default-policy permit-all",
    ]
    twice(operator, lines=lines)
    there = operator.ok("applications", state="gathered")["gathered"]
    assert there == [{"name": "a", "description": 'with "quotes" and spaces', "protocol": "udp"}]
    # The lines that the appliance prints lead from the one to the other.
    back = operator.ok("config", rollback="1", check=True)["commands"]
    assert operator.ok("config", lines=back)["commands"] == back
    assert operator.ok("config", rollback="2", check=True)["changed"] is False


def test_lines_that_say_nothing(operator: Controller) -> None:
    wrong = {
        "sat system host-name x": "sat is no verb",
        "set": "set what",
        "set system host-nam x": "use one of host-name",
        "set system host-name": "needs one value",
        "set applications application": "application needs name behind it",
        "set security alg ftp disable now": "nothing can follow disable",
        'set system host-name "x': "quote is not closed",
        "insert system host-name x first": "insert is for entries",
        "delete": "delete what",
    }
    for line, message in wrong.items():
        failed = operator.run("config", lines=["set system host-name ok", line])
        assert failed["path"] == "lines[1]", line
        assert message in failed["msg"], line


def test_insert(operator: Controller) -> None:
    rule = "security policies policy trust untrust policy"
    lines = []
    for name in ("x", "y", "z"):
        lines += [f"set {rule} {name} match {side}-address any" for side in ("source", "destination")]
        lines += [f"set {rule} {name} match application any", f"set {rule} {name} then permit"]
    operator.ok("config", lines=lines)
    twice(operator, lines=[f"insert {rule} z first", f"insert {rule} y after policy z"])
    found = operator.ok("get", paths=["/security/policies"])["output"]["applianced-security:security"]["policies"]
    names = [policy["name"] for policy in found["policy"][0]["policy"]]
    assert names.index("z") == 0
    assert names.index("y") == 1


def test_paths_that_lead_nowhere(operator: Controller) -> None:
    wrong = {
        "system": "a / is missing",
        "/": "a name is missing",
        "/systen": "use one of system",
        "/system[x='1']/host-name": "system goes by no predicate",
        "/applications/application[name=a]": "write [KEY='VALUE']",
        "/applications/application[name='a]": "is missing",
        "/applications/application/protocol": "say which entry of application",
        "/system/host-name/x": "nothing is below host-name",
    }
    for path, message in wrong.items():
        failed = operator.run("config", path=path, config="x")
        assert failed["failed"], path
        assert message in failed["msg"], path
    assert "needs a value" in operator.run("config", path="/system/host-name")["msg"]
    assert "say which entry" in operator.run("config", path="/applications/application", operation="remove")["msg"]
    assert (
        "keys are not those"
        in operator.run("config", path="/applications/application[name='a']", config={"name": "b"})["msg"]
    )


def test_replace(operator: Controller) -> None:
    operator.ok("config", lines=SET)
    commands = twice(
        operator,
        path="/applications/application[name='a']",
        config={"protocol": "udp", "destination-port": "53"},
        operation="replace",
    )
    assert "delete applications application a application-protocol" in commands


def test_operations_of_trees(operator: Controller) -> None:
    """XML and JSON do the same to each node of the top, and leave the others alone."""
    operator.ok("config", lines=["set applications application b protocol udp", "set nacm groups group g"])
    replacing: dict[str, Any] = {"operation": "replace", "check": True}
    done = operator.ok("config", config={"applications": {"application": [APPLICATION]}}, **replacing)["commands"]
    assert sorted(done) == sorted(["delete applications application b", *SET])
    assert operator.ok("config", xml=XML, **replacing)["commands"] == done
    operator.ok("config", lines=SET)
    other = XML.replace("2121", "2122").replace("<protocol>tcp</protocol>", "<protocol>udp</protocol>")
    other = other.replace("<application-protocol>ftp</application-protocol>", "")
    assert "delete applications application a application-protocol" in twice(operator, xml=other, operation="replace")
    for form in ({"xml": XML}, {"config": {"applications": {}}}):
        operator.ok("config", lines=SET)
        removed = twice(operator, operation="remove", **form)
        assert removed in (["delete applications"], ["delete applications application a"])
    marked = XML.replace("<applications ", f'<applications xmlns:n="{NETCONF}" n:operation="merge" ')
    assert sorted(twice(operator, xml=marked, operation="replace")) == sorted(SET)


def test_xml_that_says_nothing(operator: Controller) -> None:
    wrong = {
        "": "no element",
        "<config/>": "no element",
        "<?xml version='1.0'?><data> </data>": "no element",
        "garbage": "'garbage' stands where",
        '{"system": {}}': "stands where",
        f"<config>x{XML}</config>": "'x' stands where",
        XML.replace("<protocol>", "tcp<protocol>"): "'tcp' stands where",
        XML.replace("</application>", "udp</application>"): "'udp' stands where",
        "<applications>": "no XML",
    }
    for operation in ("merge", "replace", "override", "remove"):
        for text, message in wrong.items():
            failed = operator.run("config", xml=text, operation=operation)
            assert failed["path"] == "xml", (operation, text)
            assert message in failed["msg"], (operation, text)
    assert operator.run("config", config={}, operation="override")["path"] == "config"
    assert operator.run("config")["failed"]


def test_comment_and_history(operator: Controller) -> None:
    operator.ok("config", lines=SET, comment="change 4711")
    last = operator.ok("facts")["ansible_facts"]["ansible_net_commit"]
    assert (last["comment"], last["user"]) == ("change 4711", "admin")
    assert operator.ok("config", rollback=f"id:{last['id']}")["changed"] is False
    assert operator.ok("config", rollback="1")["changed"]
    assert "is no commit" in operator.run("config", rollback="yesterday")["msg"]


def test_confirmed(server: Served, operator: Controller) -> None:
    operator.ok("config", lines=SET, confirm_timeout=60, persist_id="t1")
    # A second module takes the same commit further.
    operator.ok("system", config={"host_name": "held"}, confirm_timeout=60, persist_id="t1")
    with controller(server) as other:
        busy = other.run("system", config={"host_name": "other"})
        assert busy["failed"]
        assert "persistent confirmed commit is under way" in busy["msg"]
        refused = other.run("system", config={"host_name": "other"}, confirm_timeout=60, persist_id="t2")
        assert "persistent confirmed commit is under way" in refused["msg"]
        other.ok("config", confirm="commit", persist_id="t1")
    assert operator.ok("config", lines=SET)["changed"] is False
    operator.ok("config", lines=["set system host-name again"], confirm_timeout=60, persist_id="t3")
    operator.ok("config", confirm="cancel", persist_id="t3")
    assert operator.ok("system", state="gathered")["gathered"]["host_name"] == "held"
    assert "no persistent confirmed commit" in operator.run("config", confirm="commit", persist_id="t1")["msg"]


def test_confirmed_twice(operator: Controller) -> None:
    """Without a name there may be nothing to confirm; with one, what was to be confirmed must still be there."""
    for verb in ("commit", "cancel"):
        for check in (True, False):
            assert operator.ok("config", check=check, confirm=verb)["changed"] is False
        lines = [f"set system host-name to-{verb}"]
        unknown = operator.ok("config", check=True, confirm=verb, persist_id="t")
        assert unknown["changed"] is False
        operator.ok("config", lines=lines, confirm_timeout=60, persist_id="t")
        nameless = operator.run("config", check=True, confirm=verb)
        assert nameless["path"] == "persist_id"
        assert operator.run("config", confirm=verb)["failed"]
        assert operator.ok("config", check=True, confirm=verb, persist_id="t")["changed"]
        assert operator.ok("config", confirm=verb, persist_id="t")["changed"]
        assert operator.run("config", confirm=verb, persist_id="t")["failed"]
        assert operator.ok("config", confirm=verb)["changed"] is False


def test_what_is_not_confirmed_is_taken_back(operator: Controller) -> None:
    operator.ok("config", lines=SET, confirm_timeout=1, persist_id="t")

    def gone() -> bool:
        return bool(operator.ok("applications", state="gathered")["gathered"] == [])

    until(gone, timeout_s=10)
    # What was remembered of it is no longer so.
    assert operator.ok("config", lines=SET)["changed"] is True


def test_a_time_to_confirm_is_a_second_or_more(operator: Controller) -> None:
    for seconds in (0, -1):
        arguments: dict[str, Any] = {"confirm_timeout": seconds, "persist_id": "t"}
        assert operator.run("config", lines=SET, **arguments)["path"] == "confirm_timeout"
        assert operator.run("system", config={"host_name": "x"}, **arguments)["path"] == "confirm_timeout"
    assert operator.ok("applications", state="gathered")["gathered"] == []


def test_without_a_name_a_confirmed_commit_needs_a_lasting_session(operator: Controller) -> None:
    failed = operator.run("config", lines=SET, confirm_timeout=60)
    assert failed["path"] == "confirm_timeout"


def test_backup_and_restore(operator: Controller, tmp_path: Path) -> None:
    operator.ok("config", lines=SET)
    for form in ("xml", "json"):
        options = {"dir_path": str(tmp_path / "backup"), "filename": f"gw.{form}", "format": form}
        done = operator.ok("config", backup=True, backup_options=options)
        path = Path(done["backup_path"])
        assert path.stat().st_mode & 0o777 == 0o600
        assert operator.ok("config", backup=True, backup_options=options)["changed"] is False
        operator.ok("config", path="/applications/application[name='a']", operation="remove")
        operator.ok("config", lines=["set nacm groups group stray user-name stray"])
        restored = operator.ok(
            "config", **{"xml" if form == "xml" else "config": path.read_text()}, operation="override"
        )
        assert sorted(restored["commands"]) == sorted(["delete nacm", *SET])
        again = operator.ok("config", backup=True, backup_options=options)
        assert again["changed"] is False, "what was backed up is there, and nothing else"
    failed = operator.run("config", backup=True, backup_options={"dir_path": "/proc/no"})
    assert "cannot be written" in failed["msg"]


def test_a_backup_is_private_and_whole(operator: Controller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"dir_path": str(tmp_path / "backup"), "filename": "gw.xml"}
    path = tmp_path / "backup" / "gw.xml"
    assert operator.ok("config", check=True, backup=True, backup_options=options)["changed"]
    assert not path.parent.exists(), "check mode writes nothing"
    path.parent.mkdir()
    path.write_text("an older one")
    path.chmod(0o644)
    operator.ok("config", backup=True, backup_options=options)
    whole = path.read_text()
    assert "<config" in whole
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    assert operator.ok("config", backup=True, backup_options=options)["changed"]
    assert path.stat().st_mode & 0o777 == 0o600
    # As on a disk without space: what is there stays.
    operator.ok("config", lines=SET)
    with monkeypatch.context() as patched:
        patched.setattr(
            "os.fsync", lambda handle: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device"))
        )
        assert "No space left" in operator.run("config", backup=True, backup_options=options)["msg"]
    assert path.read_text() == whole
    assert list(path.parent.iterdir()) == [path]
