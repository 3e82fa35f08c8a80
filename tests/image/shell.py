"""A root shell inside a machine, for tests alone: the image has none.

QEMU loads the image's own kernel and initial file system, whose last act is changed: before it hands over it leaves a
unit in /run that reads commands from the second serial port. The disk is the image's; nothing on it knows of that.
"""

from __future__ import annotations

import base64
import gzip
import itertools
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from applianced.tools.namespaces import CommandError, run
from applianced.tools.vm.diagnosis import explain
from applianced.tools.vm.disk import kernel_arguments
from applianced.tools.vm.facts import Facts
from applianced.tools.vm.qemu import Kernel

_HANDS_OVER = "exec switch_root /system"
_LOOP = r"""
stty -F /dev/ttyS1 raw -echo clocal
exec </dev/ttyS1 >/dev/ttyS1
printf 'READY\n'
while read -r number script; do
    printf %s "$script" | base64 -d >/run/test-script
    sh /run/test-script </dev/null >/run/test-output 2>&1
    status=$?
    printf '%s %s %s\n' "$number" "$status" "$(gzip -c /run/test-output | base64 -w 0)"
done
"""
_UNIT = """
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/bin/sh /run/test-shell
Restart=always
StartLimitIntervalSec=0
"""
_LEAVE = f"""
mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs /system/run
mkdir -p /system/run/systemd/system/sysinit.target.wants
cat >/system/run/test-shell <<'END'
{_LOOP}END
cat >/system/run/systemd/system/test-shell.service <<'END'
{_UNIT}END
ln -s ../test-shell.service /system/run/systemd/system/sysinit.target.wants/test-shell.service
"""
_LEAVE_FILE = """
mkdir -p "/system/run/{folder}"
cat >"/system/run/{folder}/{name}" <<'END'
{content}
END
"""


def plain_kernel(facts: Facts, boot: Path) -> Kernel:
    """The image's own, past its boot loaders. boot: the folder with vmlinuz and initrd."""
    return Kernel(boot / "vmlinuz", boot / "initrd", kernel_arguments(facts, "a"))


def kernel_with_shell(facts: Facts, boot: Path, init: Path, directory: Path, left: Mapping[str, str]) -> Kernel:
    """The same with the changed last act. init: the recipe's. directory: for what is made.

    left: further files that it leaves, by their path below /run.
    """
    text = init.read_text()
    assert text.count(_HANDS_OVER) == 1, f"{init} hands over in another way"
    tree = directory / "initial"
    tree.mkdir(exist_ok=True)
    changed = tree / "init"
    act = _LEAVE + "".join(_leave(Path(name), content) for name, content in left.items())
    changed.write_text(text.replace(_HANDS_OVER, f"{act}{_HANDS_OVER}"))
    changed.chmod(0o755)
    archive = directory / "initial.cpio"
    run(["sh", "-c", 'cd "$0" && echo init | cpio --quiet -o -H newc >"$1"', str(tree), str(archive.absolute())])
    initial = directory / "initial.img"
    run(["zstd", "-q", "-d", "-f", str(boot / "initrd"), "-o", str(initial)])
    with initial.open("ab") as file:
        file.write(archive.read_bytes())
    return Kernel(boot / "vmlinuz", initial, kernel_arguments(facts, "a"))


def _leave(path: Path, content: str) -> str:
    return _LEAVE_FILE.format(folder=path.parent, name=path.name, content=content)


def options(directory: Path) -> list[str]:
    """Of QEMU: the second serial port."""
    return ["-chardev", f"socket,id=shell,path={directory / 'shell'},server=on,wait=off", "-serial", "chardev:shell"]


class Shell:
    """The shell of a machine that is booting, or has booted.

    Where the machine does not answer, TimeoutError or ConnectionError says what is known of it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(os.path.relpath(directory / "shell"))
        self._unread = b""
        self._numbers = itertools.count(1)

    def await_ready(self, timeout_s: float) -> None:
        """Return when it takes commands."""
        deadline = time.monotonic() + timeout_s
        while self._line(deadline) != b"READY":
            pass

    def tried(self, script: str, timeout_s: float = 120) -> tuple[int, str]:
        """Run a script of sh; its status, and what it printed on both outputs."""
        number = self.send(script, timeout_s)
        deadline = time.monotonic() + timeout_s
        while True:
            words = self._line(deadline).split()
            if len(words) == 3 and words[0] == number:
                return int(words[1]), gzip.decompress(base64.b64decode(words[2])).decode(errors="replace")

    def send(self, script: str, timeout_s: float = 120) -> bytes:
        """Begin a script; its number. For one that never ends this is all: the machine must begin anew."""
        number = str(next(self._numbers)).encode()
        self._connection.settimeout(timeout_s)
        self._connection.sendall(number + b" " + base64.b64encode(script.encode()) + b"\n")
        return number

    def run(self, script: str, timeout_s: float = 120) -> str:
        """As `tried` for one that must succeed. Raises CommandError."""
        status, printed = self.tried(script, timeout_s)
        if status:
            raise CommandError(f"in the machine: {script}: status {status}\n{printed}")
        return printed

    def _line(self, deadline: float) -> bytes:
        while b"\n" not in self._unread:
            self._connection.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                octets = self._connection.recv(1 << 16)
            except TimeoutError:
                raise TimeoutError(f"no answer from inside the machine\n{explain(self._directory)}") from None
            if not octets:
                raise ConnectionError(f"the machine is gone\n{explain(self._directory)}")
            self._unread += octets
        line, _, self._unread = self._unread.partition(b"\n")
        return line.strip()

    def close(self) -> None:
        self._connection.close()
