"""What is guarded is gone, also from texts, and nothing else is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from applianced.datastore.secrets import REMOVED, Scrubber, Secrets
from tests.yang.models import shipped

SYS = "applianced-system:system"
HASH = "$6$saltsaltsalt$" + "abcdefghij./" * 7


def config(**authentication: Any) -> dict[str, Any]:
    user = {"name": "admin", "authentication": authentication}
    return {SYS: {"host-name": "gate", "login": {"user": [user, {"name": "other"}]}}, "x:y": [1, {"z": None}]}


def test_what_is_guarded_is_removed_and_nothing_else() -> None:
    given = config(**{"encrypted-password": HASH, "ssh-public-key": ["ssh-ed25519 AAAAC3 me@here"]})
    before = json.dumps(given)
    kept, values = Secrets(shipped()).removed(given)
    assert json.dumps(given) == before
    assert values == {HASH, "ssh-ed25519 AAAAC3 me@here"}
    expected = config()
    expected[SYS]["login"]["user"][0]["authentication"] = REMOVED
    assert kept == expected


def test_values_that_are_no_text_are_not_looked_for() -> None:
    _, values = Secrets(shipped()).removed(config(a=["true", "17", 4, None, {"b": "inner value"}]))
    assert values == {"inner value"}


def test_the_longest_goes_first_and_short_ones_stay() -> None:
    scrubber = Scrubber(["secret-1", "secret-12", "abc", 'with "quotes" & <marks>'])
    assert scrubber.clean("secret-12, secret-1, abc") == f"{REMOVED}, {REMOVED}, abc"
    assert scrubber.clean(json.dumps('x with "quotes" & <marks>')) == f'"x {REMOVED}"'
    assert scrubber.clean("with &quot;quotes&quot; &amp; &lt;marks&gt;") == REMOVED


def test_the_key_in_a_line_is_found_by_itself() -> None:
    key = "AAAAC3NzaC1lZDI1NTE5AAAAIHj3"
    assert Scrubber([f"ssh-ed25519 {key} me"]).clean(f"key {key} ssh-ed25519") == f"key {REMOVED} ssh-ed25519"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"a {HASH} b", f"a {REMOVED} b"),
        ("$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7", REMOVED),
        ("price $5 and $1$", "price $5 and $1$"),
        ("https://me:pass@host/x and ftp://you:word@h", f"https://{REMOVED}host/x and ftp://{REMOVED}h"),
        ("https://host:443/a@b", "https://host:443/a@b"),
        ("https://host/a:b@c", "https://host/a:b@c"),
        ("x\n-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\ny", f"x\n{REMOVED}\ny"),
        ("-----BEGIN PRIVATE KEY-----\ncut off", REMOVED),
        ("-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----", None),
    ],
)
def test_secrets_by_their_look(text: str, expected: str | None) -> None:
    assert Scrubber([]).clean(text) == (text if expected is None else expected)
