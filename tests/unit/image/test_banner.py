"""What the consoles show."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import asyncssh
import pytest

from applianced.image.banner import banner, fingerprints
from applianced.image.places import Places, write


def host_key(places: Places, algorithm: str) -> str:
    """Make one as the appliance does; its fingerprint as ssh-keygen shows it."""
    key = asyncssh.generate_private_key(algorithm)
    path = places.host_keys / algorithm
    write(path, key.export_private_key(), 0o600)
    shown = subprocess.run(["ssh-keygen", "-l", "-f", path], capture_output=True, text=True, check=True).stdout
    return shown.split()[1]


def test_the_fingerprints_are_those_that_ssh_shows(tmp_path: Path) -> None:
    places = Places(tmp_path)
    made = {name: host_key(places, name) for name in ("ssh-ed25519", "ecdsa-sha2-nistp256")}
    (places.host_keys / "ssh-rsa3").write_bytes(b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END")
    (places.host_keys / "ssh-rsa4").write_bytes(
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END"
    )
    (places.host_keys / "ssh-rsa5").write_bytes(b"nothing")
    (places.host_keys / "ssh-ed25519.tmp").write_bytes(b"cut short")
    found = dict(fingerprints(places))
    assert found == {"ed25519": made["ssh-ed25519"], "ecdsa-sha2-nistp256": made["ecdsa-sha2-nistp256"]}
    text = banner(places, "1.2", "gw", answering=True)
    assert "applianced 1.2 on gw" in text
    assert all(fingerprint in text for fingerprint in made.values())


def test_nothing_is_followed_or_waited_for_where_management_may_write(tmp_path: Path) -> None:
    places = Places(tmp_path)
    made = host_key(places, "ssh-ed25519")
    os.mkfifo(places.host_keys / "fifo1")
    (places.host_keys / "link1").symlink_to("/dev/zero")
    (places.host_keys / "directory1").mkdir()
    (places.host_keys / "many1").write_bytes(b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + b"A" * (1 << 20))
    assert dict(fingerprints(places)) == {"ed25519": made}


def test_before_a_seed_it_says_what_is_missing(tmp_path: Path) -> None:
    assert "Waiting for a seed" in banner(Places(tmp_path), "1", "gw", answering=False)


@pytest.mark.parametrize("problem", ["the seed cannot be used: because\n", "evil \x1b[2J\n"])
def test_a_problem_is_shown_without_control_characters(tmp_path: Path, problem: str) -> None:
    places = Places(tmp_path)
    write(places.seeded, b"i\n")
    write(places.problem, problem.encode())
    text = banner(places, "1", "gw", answering=False)
    assert "NETCONF does not answer yet." in text
    assert problem.strip().replace("\x1b", "?") in text
    assert "\x1b" not in text


def test_what_was_wrong_with_the_seed_is_no_news_after_a_commit(tmp_path: Path) -> None:
    places = Places(tmp_path)
    write(places.problem, b"the configuration of the seed was refused\n")
    write(places.commits / "commit-0000000001.json", b"")
    assert "was refused" in banner(places, "1", "gw", answering=True), "the first start makes one"
    write(places.commits / "commit-0000000002.json", b"")
    assert "was refused" not in banner(places, "1", "gw", answering=True)


def test_it_says_which_of_the_two_systems_runs(tmp_path: Path) -> None:
    places = Places(tmp_path)
    places.kernel_arguments.parent.mkdir()
    for arguments, shown in (("root=PARTLABEL=system-b ro", ", system b"), ("root=/dev/vda2 ro", "")):
        places.kernel_arguments.write_text(f"quiet {arguments}\n")
        assert banner(places, "1", "gw", answering=True).splitlines()[0] == f"applianced 1 on gw{shown}"
