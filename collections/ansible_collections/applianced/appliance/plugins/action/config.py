# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the modules of this collection in the process of the task, over either connection."""

from __future__ import annotations

from ansible_collections.ansible.netcommon.plugins.action.netconf import ActionModule as NetconfAction

from ansible_collections.applianced.appliance.plugins.module_utils.device import Direct

DIRECT = "applianced.appliance.netconf"


class ActionModule(NetconfAction):
    """Over ansible.netcommon.netconf as ansible.netcommon does it; over applianced.appliance.netconf likewise, but with
    the connection itself in the place of a socket to the process that has it."""

    def run(self, tmp=None, task_vars=None):
        if self._connection.transport != DIRECT:
            return super().run(tmp, task_vars)
        _filename, module = self._find_load_module()
        self._patch_update_module(module, task_vars, task_vars.get("ansible_host", ""))
        Direct.connection = self._connection
        try:
            return self._exec_module(module)
        finally:
            Direct.connection = None
            self._connection.close()
