# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = """
author: The applianced project (@applianced)
name: netconf
short_description: NETCONF over OpenSSH, without a process per appliance
description:
  - Runs the C(netconf) subsystem through the C(ssh) command, whose connections are shared between tasks and plays.
  - P(ansible.netcommon.netconf#connection) starts a Python process for each appliance and logs in anew for each
    playbook. For a fleet that is most of the time of a run that changes nothing; this connection does without.
  - Logs in by key or agent, not by password. Its sessions end with the task, so a commit that is to be confirmed needs
    O(applianced.appliance.config#module:persist_id).
version_added: 1.0.0
options:
  host:
    description:
      - Name or address of the appliance.
    default: inventory_hostname
    type: str
    vars:
      - name: inventory_hostname
      - name: ansible_host
  port:
    description:
      - Where NETCONF answers.
    type: int
    default: 830
    ini:
      - section: defaults
        key: remote_port
    env:
      - name: ANSIBLE_REMOTE_PORT
    vars:
      - name: ansible_port
  remote_user:
    description:
      - Who logs in.
    type: str
    ini:
      - section: defaults
        key: remote_user
    env:
      - name: ANSIBLE_REMOTE_USER
    vars:
      - name: ansible_user
    keyword:
      - name: remote_user
  private_key_file:
    description:
      - The private key. Without it, what C(ssh) finds and the agent has.
    type: path
    ini:
      - section: defaults
        key: private_key_file
    env:
      - name: ANSIBLE_PRIVATE_KEY_FILE
    vars:
      - name: ansible_private_key_file
      - name: ansible_ssh_private_key_file
  host_key_checking:
    description:
      - Whether an appliance whose host key is not known, or is another, is refused.
    type: bool
    default: true
    ini:
      - section: defaults
        key: host_key_checking
    env:
      - name: ANSIBLE_HOST_KEY_CHECKING
    vars:
      - name: ansible_host_key_checking
  ssh_executable:
    description:
      - The command.
    type: str
    default: ssh
    vars:
      - name: ansible_ssh_executable
  ssh_common_args:
    description:
      - More arguments of C(ssh), as a jump host.
    type: str
    default: ""
    vars:
      - name: ansible_ssh_common_args
  control_path_dir:
    description:
      - Folder of the sockets of shared connections. Its path must be short.
    type: path
    default: ~/.ansible/cp
    env:
      - name: ANSIBLE_SSH_CONTROL_PATH_DIR
    ini:
      - section: ssh_connection
        key: control_path_dir
    vars:
      - name: ansible_control_path_dir
  control_persist:
    description:
      - Seconds for which a connection stays when nobody uses it. With 0 it is not shared, whatever the configuration of
        C(ssh) says; a task then proves that one can log in.
    type: int
    default: 60
    vars:
      - name: ansible_netconf_control_persist
  command_timeout:
    description:
      - Seconds to wait for an answer, and for a login.
    type: int
    default: 60
    env:
      - name: ANSIBLE_PERSISTENT_COMMAND_TIMEOUT
    vars:
      - name: ansible_command_timeout
"""

import os
import select
import shlex
import subprocess
import tempfile

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.connection import ConnectionBase
from ansible.utils.display import Display

from ansible_collections.applianced.appliance.plugins.module_utils.framing import FramingError
from ansible_collections.applianced.appliance.plugins.module_utils.session import Session

LAST_WORDS = 2000
SOCKET_PATH = 108
"""Octets of the path of a UNIX socket, on Linux."""
SOCKET_NAME = len("/") + 40 + 18
"""Octets of what ssh puts behind the folder: a hash, and a suffix while the socket is made."""

UNSHARED = ("ControlMaster=no", "ControlPath=none")
"""What keeps ssh from sharing a connection, whatever its own configuration says."""

display = Display()


class Pipe:
    """The two ends of a command, with a deadline for each step."""

    def __init__(self, process, timeout_s):
        self._process = process
        self._timeout_s = timeout_s

    def recv(self, size):
        output = self._process.stdout.fileno()
        if not select.select([output], [], [], self._timeout_s)[0]:
            raise TimeoutError(f"no answer within {self._timeout_s} s")
        return os.read(output, size)

    def send_all(self, data):
        """While the appliance does not read, its replies are not waited for; what it has of them fits its buffers."""
        left, given = memoryview(data), self._process.stdin.fileno()
        while left:
            if not select.select([], [given], [], self._timeout_s)[1]:
                raise TimeoutError(f"nothing was taken for {self._timeout_s} s")
            left = left[os.write(given, left[: select.PIPE_BUF]) :]


class Connection(ConnectionBase):
    """What modules of this collection ask of an appliance; it runs no commands and carries no files."""

    transport = "applianced.appliance.netconf"
    has_pipelining = False

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._process = None
        self._session = None
        self._errors = None

    def exchange(self, operations):
        """Send operations together, and return their replies in this order."""
        try:
            self._connect()
            return self._session.exchange(operations)
        except (OSError, EOFError, FramingError) as error:
            said = self._said() or str(error)
            self.close()
            raise AnsibleConnectionFailure(f"NETCONF with {self.peer()}: {said}") from error

    def peer(self):
        """user@address:port of the appliance."""
        return f"{self._user()}@{self.get_option('host')}:{self.get_option('port')}"

    def _user(self):
        return self.get_option("remote_user") or self._play_context.remote_user or ""

    def _connect(self):
        if self._session is None:
            self._errors = tempfile.TemporaryFile()
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, bufsize=0
            )
            pipe = Pipe(self._process, self.get_option("command_timeout"))
            self._session = Session(pipe.recv, pipe.send_all, self.get_option("command_timeout"))
            self._connected = True
        return self

    def _command(self):
        options = ["BatchMode=yes", f"ConnectTimeout={self.get_option('command_timeout')}"]
        if not self.get_option("host_key_checking"):
            options += ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        options += self._sharing()
        command = [self.get_option("ssh_executable"), "-p", str(self.get_option("port"))]
        key = self.get_option("private_key_file")
        if key:
            command += ["-i", os.path.expanduser(key)]
            options.append("IdentitiesOnly=yes")
        for option in options:
            command += ["-o", option]
        if self._user():
            command += ["-l", self._user()]
        command += shlex.split(self.get_option("ssh_common_args"))
        return [*command, "-s", "--", self.get_option("host"), "netconf"]

    def _sharing(self):
        persist = self.get_option("control_persist")
        if not persist:
            return list(UNSHARED)
        folder = os.path.expanduser(self.get_option("control_path_dir"))
        if len(os.fsencode(folder)) + SOCKET_NAME > SOCKET_PATH:
            display.warning(
                f"{folder} is too long for sockets: set control_path_dir to share connections", formatted=True
            )
            return list(UNSHARED)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        return ["ControlMaster=auto", f"ControlPersist={persist}", f"ControlPath={folder}/%C"]

    def _said(self):
        """The last words of ssh, which say why there is no connection."""
        if self._errors is None:
            return ""
        self._errors.seek(0)
        return self._errors.read()[-LAST_WORDS:].decode(errors="replace").strip()

    def close(self):
        """End the session; the SSH connection stays for the next one."""
        if self._process is not None:
            self._process.stdin.close()
            self._process.stdout.close()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._errors.close()
        self._process = self._session = self._errors = None
        self._connected = False

    def reset(self):
        """Log in anew from now on. Sessions of others go on over the SSH connection that they share."""
        self.close()
        if self._sharing():
            command = self._command()
            subprocess.run([command[0], "-O", "stop", *command[1:]], check=False, capture_output=True)

    def exec_command(self, cmd, in_data=None, sudoable=True):
        raise AnsibleError("an appliance runs no commands over NETCONF: use a module of applianced.appliance")

    def put_file(self, in_path, out_path):
        raise AnsibleError("an appliance takes no files over NETCONF: use a module of applianced.appliance")

    def fetch_file(self, in_path, out_path):
        raise AnsibleError("an appliance gives no files over NETCONF: use a module of applianced.appliance")
