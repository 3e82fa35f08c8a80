"""Public keys read by hand, held against what an SSH library makes; and who can log in."""

from __future__ import annotations

import asyncssh
import pytest

from applianced.config.checks import check
from applianced.config.logins import KEY_TYPES, anybody, can_log_in, key_fault, require_login
from applianced.config.schema import Config, System, User
from applianced.errors import ConfigError

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


def _configured(*users: User) -> Config:
    return Config(system=System(users={user.name: user for user in users}))


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_keys_of_every_type_that_the_server_takes(kind: str) -> None:
    line = asyncssh.generate_private_key(kind, comment="me at home").export_public_key().decode()
    assert key_fault(line) == ""
    encoded = line.split()[1]
    assert key_fault(f"{kind} {encoded[:-8]}") != ""
    other = next(one for one in KEY_TYPES if one != kind)
    assert other in key_fault(f"{other} {encoded}")


@pytest.mark.parametrize(
    "line",
    [
        "", "ssh-rsa", "ssh-rsa garbage", "ssh-rsa AAAAB3NzaC1yc2E=", "ssh-ed25519 AAAA", "ssh-ed25519 ////",
        f"{ED25519}!", "ssh-dss AAAAB3NzaC1kc3M=", "sk-ssh-ed25519@openssh.com AAAA",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQE=", "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=",
    ],
)  # fmt: skip
def test_what_is_no_key(line: str) -> None:
    assert key_fault(line)


def test_short_rsa_keys_are_outdated() -> None:
    line = asyncssh.generate_private_key("ssh-rsa", key_size=1024).export_public_key().decode()
    assert "fewer than 2048 bits" in key_fault(line)


def test_the_check_names_user_and_key() -> None:
    (fault,) = check(_configured(User(name="u", keys=(ED25519, "ssh-rsa it's"))), frozenset())
    assert fault.path == (
        "/applianced-system:system/login/user[name='u']/authentication/ssh-public-key[.=\"ssh-rsa it's\"]"
    )
    assert "copy the whole line" in fault.message


def test_who_can_log_in() -> None:
    assert not can_log_in(User(name="u"))
    assert not can_log_in(User(name="u", keys=("ssh-rsa garbage",)))
    assert can_log_in(User(name="u", keys=("ssh-rsa garbage", ED25519)))
    assert can_log_in(User(name="u", password="$6$x"))
    assert not anybody(_configured(User(name="u")))
    require_login(_configured(User(name="u"), User(name="v", keys=(ED25519,), login_class="super-user")))
    with pytest.raises(ConfigError, match="leave at least one user"):
        require_login(_configured(User(name="u")))


def test_a_super_user_must_be_able_to_log_in() -> None:
    others = User(name="u", keys=(ED25519,)), User(name="v", login_class="super-user")
    assert not anybody(_configured(*others))
    with pytest.raises(ConfigError, match="'class super-user' under login user NAME") as refused:
        require_login(_configured(*others))
    assert (refused.value.path, refused.value.tag) == ("/applianced-system:system/login", "operation-failed")
