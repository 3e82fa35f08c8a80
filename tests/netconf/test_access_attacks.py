"""What could tell a user of nodes that he may not read, beside the answers to reads: locks, faults, ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from applianced.compiler.plan import Plan
from applianced.config.access import UrlOptions
from applianced.northbound.inforce import Built
from tests.netconf.test_access import EDIT, NO_GOLD, NO_SIZE, OK, STOCK, WRITES, message
from tests.netconf.test_partial_lock import LOCKS, lock, unlock
from tests.support import guarded
from tests.support.guarded import build_guarded, nacm, path, rule, run
from tests.support.netconf_session import Client, tags

HALL = "<hall><lamp>lit</lamp></hall>"
NO_HALL = rule("veil", "deny", path("/ex:shop/ex:hall"))
TXID = 'xmlns:txid="urn:ietf:params:xml:ns:netconf:txid:1.0" txid:'


def test_locks_of_what_is_hidden_are_not_listed(tmp_path: Path) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        selects = ("/s:shop/s:item[s:name='gold']", "/s:shop/s:item[../s:size=42]", "/s:shop/s:title[../s:size=42]")
        for number, select in enumerate(selects, 1):
            assert "<lock-id" in await admin.rpc(lock(select))
            assert ("gold" if number == 1 else "size=42") in (await admin.rpc(LOCKS)).replace("ex:", "")
            shown = await sue.rpc(LOCKS)
            assert not [secret for secret in ("gold", "size", "=42") if secret in shown]
            # Of a lock of both she sees what keeps her out.
            assert ("tin" in shown, "title" in shown) == (number == 2, number == 3)
            assert await admin.rpc(unlock(number)) == OK

    run(tmp_path, scenario, STOCK, nacm(NO_GOLD, NO_SIZE))


def test_a_fault_names_no_hidden_entry_beside_the_one_at_fault(tmp_path: Path) -> None:
    def door(name: str) -> str:
        people = "<key-holder>a</key-holder><key-holder>b</key-holder>"
        return f"<door><name>{name}</name><lock>same</lock><way><inside/></way>{people}</door>"

    async def scenario(admin: Client, sue: Client) -> None:
        assert await sue.rpc(EDIT.format("", door("hers"))) == OK
        for operation in ("<commit/>", "<validate><source><candidate/></source></validate>"):
            assert "secret" in message(await admin.rpc(operation))
            said = message(await sue.rpc(operation))
            assert 'not satisfied in "a node that you may not read" and "/example:shop/door[name=\'hers\']"' in said

    hidden = rule("door", "deny", path("/ex:shop/ex:door[ex:name='secret']"))
    run(tmp_path, scenario, STOCK + door("secret"), nacm(hidden, WRITES))


@pytest.mark.parametrize("default", ["", "<default-operation>none</default-operation>"])
@pytest.mark.parametrize(
    "edit",
    [
        '<hall nc:operation="create"/>',
        '<hall nc:operation="delete"/>',
        '<hall nc:operation="remove"/>',
        '<hall nc:operation="replace"/>',
        '<hall><rug nc:operation="delete"/></hall>',
        f'<hall {TXID}etag="x"/>',
        f'<hall {TXID}last-modified="2020-01-01T00:00:00Z"/>',
    ],
)
def test_whether_something_is_in_a_hidden_container_is_not_found_out(tmp_path: Path, edit: str, default: str) -> None:
    answers = []

    async def scenario(admin: Client, sue: Client) -> None:
        answers.append((await sue.rpc(EDIT.format(default, edit)), await sue.rpc("<commit/>")))
        assert await sue.rpc(EDIT.format(default, "<hall><rug/></hall>")) == OK, "what is only on the way is no matter"

    for place, stock in (("full", STOCK + HALL), ("empty", STOCK)):
        (tmp_path / place).mkdir()
        run(tmp_path / place, scenario, stock, nacm(NO_HALL, WRITES))
    assert answers[0] == answers[1]
    assert tags(answers[0][0]) == ["access-denied"]
    assert answers[0][1] == OK


def test_files_of_others_are_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A super-user's backup holds what others may not see."""

    def with_files(data: Mapping[str, Any], in_force: Plan | None) -> Built:
        built = build_guarded(data, in_force)
        config = replace(built.config, system=replace(built.config.system, url=UrlOptions(file=True)))
        return built._replace(config=config)

    backup, other = "<url>file:///backup.xml</url>", "<url>file:///other.xml</url>"
    running = "<source><running/></source>"

    async def scenario(admin: Client, sue: Client) -> None:
        save = f"<copy-config><target>{backup}</target>{running}</copy-config>"
        assert await admin.rpc(save) == OK
        for operation in (
            f"<copy-config><target>{other}</target><source>{backup}</source></copy-config>",
            f"<copy-config><target><candidate/></target><source>{backup}</source></copy-config>",
            f"<edit-config><target><candidate/></target>{backup}</edit-config>",
            f"<validate><source>{backup}</source></validate>",
        ):
            reply = await sue.rpc(operation)
            assert tags(reply) == ["data-missing"], reply
            assert "there is no file:///backup.xml" in message(reply)
        kept = (tmp_path / "url" / "backup.xml").read_bytes()
        assert await sue.rpc(save) == OK
        assert (tmp_path / "url" / "backup.xml").read_bytes() == kept
        assert b"gold" in kept
        assert b"gold" not in (tmp_path / "url-sue" / "backup.xml").read_bytes()
        assert await sue.rpc(f"<validate><source>{backup}</source></validate>") == OK

    monkeypatch.setattr(guarded, "build_guarded", with_files)
    run(tmp_path, scenario, STOCK, nacm(NO_GOLD, WRITES))
