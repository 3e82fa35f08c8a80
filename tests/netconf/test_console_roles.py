"""The four console roles as their users meet them: logins over SSH by ncclient, policies of every permission."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from ncclient import manager  # type: ignore[import-untyped]
from ncclient.operations import RPCError  # type: ignore[import-untyped]

from applianced.config.alg_policies import DEFAULT_PERMISSIONS, Permission, Role
from tests.netconf.test_alg_policies import ACM, ALG, MODULE, SECURITY
from tests.support.served import HOST, NETCONF, SYSTEM, Served, config, served

USERS = {role: f"user{number}" for number, role in enumerate(Role)}
DEFAULTS = "defaults"
NAMES = {**{permission: f"{permission.value}-for-all" for permission in Permission}, None: DEFAULTS}
"""Permission -> the policy that gives it to every role; None: the one that says nothing."""
ALL_POLICIES = (
    f'<filter><security xmlns="{SECURITY}"><alg xmlns="{ALG}"><policies xmlns="{MODULE}"/></alg></security></filter>'
)


def policies(inner: str) -> str:
    alg = f'<alg xmlns="{ALG}"><policies xmlns="{MODULE}">{inner}</policies></alg>'
    return f'<security xmlns="{SECURITY}">{alg}</security>'


def described(name: str, text: str, attributes: str = "") -> str:
    return f"<policy {attributes}><name>{name}</name><description>{text}</description></policy>"


def first(key: str) -> str:
    """Users, their groups, and the policies."""
    users = "".join(
        f"<user><name>{user}</name><authentication><ssh-public-key>{key}</ssh-public-key></authentication></user>"
        for user in USERS.values()
    )
    groups = "".join(
        f"<group><name>{role.value}</name><user-name>{user}</user-name></group>" for role, user in USERS.items()
    )
    listed = "".join(
        f"<policy><name>{NAMES[permission]}</name><permissions>"
        + "".join(f"<{role.value}>{permission.value}</{role.value}>" for role in Role)
        + "</permissions></policy>"
        for permission in Permission
    )
    return config(
        f'<system xmlns="{SYSTEM}"><login>{users}</login></system><nacm xmlns="{ACM}"><groups>{groups}</groups></nacm>'
        + policies(listed + f"<policy><name>{DEFAULTS}</name></policy>")
    )


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("roles")) as one:
        key = Path(f"{one.key}.pub").read_text().strip()
        with one.connect() as admin:
            admin.edit_config(target="candidate", config=first(key))
            admin.commit()
        yield one


def login(appliance: Served, user: str) -> Any:
    return manager.connect(
        host=HOST, port=appliance.port, username=user, key_filename=str(appliance.key), hostkey_verify=False,
        look_for_keys=False, allow_agent=False,
    )  # fmt: skip


def shown(session: Any, source: str = "running") -> dict[str, str]:
    """Name -> description of the policies that a session sees."""
    reply = etree.fromstring(session.get_config(source=source, filter=etree.fromstring(ALL_POLICIES)).xml.encode())
    return {
        str(each.findtext(f"{{{MODULE}}}name")): each.findtext(f"{{{MODULE}}}description") or ""
        for each in reply.iter(f"{{{MODULE}}}policy")
    }


def refusal(session: Any, change: str) -> str:
    """What is said to an edit and its commit: tag and message, "" when both are done."""
    try:
        session.edit_config(target="candidate", config=config(policies(change)))
        session.commit()
    except RPCError as error:
        session.discard_changes()
        return f"{error.tag}: {error.message}"
    return ""


@pytest.mark.parametrize("role", Role)
def test_each_role_over_ssh(appliance: Served, role: Role) -> None:
    """What it sees, may change, and by which rule it is held back from the rest."""
    text = f"by {role.value}"
    has = {name: permission or DEFAULT_PERMISSIONS[role] for permission, name in NAMES.items()}
    with login(appliance, USERS[role]) as session, appliance.connect() as admin:
        assert set(shown(session)) == {name for name, permission in has.items() if permission is not Permission.HIDE}
        for name, permission in has.items():
            refused = refusal(session, described(name, text))
            deleted = f'xmlns:nc="{NETCONF}" nc:operation="delete"'
            if permission is Permission.EDIT:
                assert refused == ""
                assert shown(admin)[name] == text
                continue
            rule = "no-change" if permission is Permission.READ else "hide"
            by = f'rule "{rule}" of rule-list "alg-policy {name} {role.value}"'
            for said in (refused, refusal(session, f"<policy {deleted}><name>{name}</name></policy>")):
                assert said.startswith("access-denied: ")
                assert by in said
            assert shown(admin)[name] != text
        # A policy of its own takes another right.
        assert "denied by write-default" in refusal(session, described("mine", text))
        # What others edited is not his to commit.
        admin.edit_config(target="candidate", config=config(policies(described(NAMES[Permission.HIDE], text))))
        try:
            with pytest.raises(RPCError) as denied:
                session.commit()
            assert denied.value.tag == "access-denied"
            assert NAMES[Permission.HIDE] not in str(denied.value.path)
            assert NAMES[Permission.HIDE] not in shown(session, "candidate")
        finally:
            admin.discard_changes()
