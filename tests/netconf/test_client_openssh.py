"""A plain script around `ssh -s netconf`: OpenSSH's client, and framing by hand, in base:1.0 and in base:1.1."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.support.served import HOST, NETCONF, Served, application, applications, config, served

HELLO = (
    '<hello xmlns="{0}"><capabilities><capability>urn:ietf:params:netconf:base:{1}</capability></capabilities></hello>'
)
END = b"]]>]]>"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("openssh")) as running:
        yield running


class Script:
    """One run of ssh. version: of base. Everything it sends it sends at once, as a shell script does."""

    def __init__(self, server: Served, version: str) -> None:
        self.version = version
        options = {
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "LogLevel": "ERROR",
        }
        chosen = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        self.command = ["ssh", "-F", "none", *chosen, "-i", str(server.key), "-p", str(server.port)]
        self.command += [f"admin@{HOST}", "-s", "netconf"]

    def framed(self, message: str) -> bytes:
        octets = message.encode()
        if self.version == "1.0":
            return octets + END
        # Two chunks, so that their borders fall inside of the message.
        half = len(octets) // 2
        parts = (octets[:half], octets[half:])
        return b"".join(b"\n#%d\n%b" % (len(part), part) for part in parts) + b"\n##\n"

    def run(self, *operations: str) -> list[str]:
        """The replies; the last operation is <close-session/>."""
        sent = HELLO.format(NETCONF, self.version).encode() + END
        for number, operation in enumerate([*operations, "<close-session/>"]):
            sent += self.framed(f'<rpc xmlns="{NETCONF}" message-id="{number}">{operation}</rpc>')
        done = subprocess.run(self.command, input=sent, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr.decode()
        hello, _, rest = done.stdout.partition(END)
        assert b"<session-id>" in hello
        return [reply.decode() for reply in self._unframed(rest)]

    def _unframed(self, octets: bytes) -> list[bytes]:
        if self.version == "1.0":
            return [reply for reply in octets.split(END) if reply.strip()]
        replies, parts = [], b""
        while octets:
            found = re.match(rb"\n#(\d+|#)\n", octets)
            assert found, octets[:40]
            octets = octets[found.end() :]
            if found[1] == b"#":
                replies.append(parts)
                parts = b""
            else:
                parts += octets[: int(found[1])]
                octets = octets[int(found[1]) :]
        return replies


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_edit_commit_and_read(server: Served, version: str) -> None:
    name = f"ssh-{version}"
    edit = config(applications(application(name, 2121)))
    read = f"<get-config><source><running/></source><filter>{applications('')}</filter></get-config>"
    replies = Script(server, version).run(
        "<lock><target><candidate/></target></lock>",
        f"<edit-config><target><candidate/></target>{edit}</edit-config>",
        "<validate><source><candidate/></source></validate>",
        "<commit/>",
        "<unlock><target><candidate/></target></unlock>",
        read,
        "<frob/>",
    )
    assert len(replies) == 8
    for number, reply in enumerate(replies):
        assert f'message-id="{number}"' in reply
    for reply in (*replies[:5], replies[7]):
        assert "<ok/>" in reply
    assert f"<name>{name}</name>" in replies[5]
    assert "<error-tag>operation-not-supported</error-tag>" in replies[6]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_what_was_sent_before_the_end_of_input_is_answered(server: Served, version: str) -> None:
    """The script pipes its requests and ends its input at once, as `ssh ... < requests` does."""
    script = Script(server, version)
    replies = script.run(*["<get-config><source><running/></source></get-config>"] * 20)
    assert len(replies) == 21
    assert len({len(reply) for reply in replies[10:20]}) == 1


@pytest.mark.parametrize("what", [["-s", "sftp"], ["id"], []])
def test_nothing_else_is_to_be_had(server: Served, what: list[str]) -> None:
    script = Script(server, "1.1")
    command = [*script.command[:-2], *what]
    if "-s" in what:
        command = [*script.command[:-1], "sftp"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    assert done.returncode != 0
    assert not done.stdout


def test_a_session_by_hand(server: Served) -> None:
    """Requests one after another, each when the reply to the one before is there; then the connection is cut."""
    script = Script(server, "1.0")
    with subprocess.Popen(script.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as ssh:
        assert ssh.stdin
        assert ssh.stdout
        _until_end(ssh.stdout)
        ssh.stdin.write(HELLO.format(NETCONF, "1.0").encode() + END + b"\n")
        for number in range(3):
            get = f'<rpc xmlns="{NETCONF}" message-id="{number}"><discard-changes/></rpc>'
            ssh.stdin.write(get.encode() + END + b"\n")
            ssh.stdin.flush()
            assert b"<ok/>" in _until_end(ssh.stdout)
        ssh.kill()


def _until_end(stream: IO[bytes]) -> bytes:
    got = b""
    while not got.endswith(END):
        part = stream.read(1)
        assert part, "the session was closed"
        got += part
    return got


def test_the_key_of_a_stranger(server: Served, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "k")], check=True)
    script = Script(server, "1.1")
    command = [str(tmp_path / "k") if part == str(server.key) else part for part in script.command]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    assert done.returncode == 255
    assert b"Permission denied" in done.stderr
