"""Runs a command of the shell before a task of a playbook: AT_TASK names the task, AT_TASK_RUN is the command.

Ansible loads this file as a callback plugin. The hosts have not begun the task when the command runs, and it runs once.
"""

from __future__ import annotations

import os
import subprocess
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: at_task
type: notification
short_description: runs a command before a task
description: Runs AT_TASK_RUN before the first task whose name is AT_TASK.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "at_task"

    def __init__(self) -> None:
        super().__init__()
        self._name = os.environ.get("AT_TASK", "")

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        if self._name and task.name == self._name:
            self._name = ""
            subprocess.run(["/bin/sh", "-c", os.environ["AT_TASK_RUN"]], check=True, stdout=subprocess.DEVNULL)
