"""Logins against the configuration."""

from __future__ import annotations

import asyncio

import pytest

from applianced.config.schema import User
from applianced.system import passwords
from applianced.system.users import Users
from tests.support.shop import PASSWORD, PASSWORD_HASH


@pytest.mark.parametrize(
    ("password", "hashed", "matched"),
    [
        (PASSWORD, PASSWORD_HASH, True),
        ("wrong", PASSWORD_HASH, False),
        ("", PASSWORD_HASH, False),
        (PASSWORD, "", False),
        (PASSWORD, "*", False),
        (PASSWORD, "$unknown$x$y", False),
        ("x" * 10_000, PASSWORD_HASH, False),
        (f"{PASSWORD}\0", PASSWORD_HASH, False),
    ],
)
def test_password(password: str, hashed: str, matched: bool) -> None:
    assert passwords.matches(password, hashed) is matched


def test_the_configuration_of_the_moment_counts() -> None:
    configured: dict[str, User] = {}
    users = Users(lambda: configured)
    assert not users.anybody()
    assert users.keys("a") == ()
    assert not asyncio.run(users.password_matches("a", PASSWORD))
    configured["a"] = User(name="a", password=PASSWORD_HASH, keys=("k",), login_class="super-user")
    assert users.anybody()
    assert users.keys("a") == ("k",)
    assert asyncio.run(users.password_matches("a", PASSWORD))


def test_a_user_without_a_password_has_none_that_matches() -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    users = Users(lambda: {"a": User(name="a", keys=(key,), login_class="super-user")})
    assert users.anybody()
    assert not Users(lambda: {"a": User(name="a", keys=(key,))}).anybody()
    assert not Users(lambda: {"a": User(name="a", keys=("ssh-rsa garbage",), login_class="super-user")}).anybody()
    assert not asyncio.run(users.password_matches("a", ""))
