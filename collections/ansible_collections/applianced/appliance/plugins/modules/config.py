#!/usr/bin/python
# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: config
short_description: Configures anything, at any path
description:
  - Changes the configuration by JSON (RFC 7951), XML, or set and delete lines, goes back to an earlier commit, confirms
    or cancels a commit, and backs up.
  - What a change does is told by the appliance itself, which compares the candidate with what is in force.
version_added: "1.0.0"
author:
  - The applianced project (@applianced)
extends_documentation_fragment:
  - applianced.appliance.change
options:
  config:
    description:
      - A tree from the top in JSON (RFC 7951), or the value of O(path). A string that is JSON is read as such.
    type: raw
  path:
    description:
      - Where O(config) goes, as C(/applications/application[name='ftp-2121']/destination-port). The names of modules may be
        left out.
    type: str
  operation:
    description:
      - What to do with O(config) at O(path), or with each node of the top that O(config) or O(xml) has.
      - V(merge) adds to what is there, V(replace) makes the node exactly so, V(remove) takes it away and needs no value
        where there is a path. Elements of O(xml) that have an operation of their own keep it.
      - V(override) makes the whole configuration what O(config) or O(xml) says, as a backup does; what is not in it goes.
        At O(path) it is V(replace).
    type: str
    choices: [merge, replace, override, remove]
    default: merge
  xml:
    description:
      - XML, as C(<config>), C(<data>), or what stands in them. Attributes (C(operation), C(insert)) count. Text beside
        elements is refused, and XML without elements.
    type: str
  lines:
    description:
      - Lines C(set PATH VALUE), C(delete PATH), C(insert PATH after ENTRY) and C(insert PATH first), as the appliance prints
        them when it compares.
    type: list
    elements: str
  rollback:
    description:
      - Go back to a commit - how many commits ago, V(id:) and its id, or V(rescue).
    type: str
  confirm:
    description:
      - V(commit) confirms the commit that waits for it, V(cancel) takes it back at once. O(persist_id) names it.
      - With O(persist_id) it fails when no such commit waits any more; without, there is nothing to do then.
    type: str
    choices: [commit, cancel]
  backup:
    description:
      - Write what is in force to a file on the controller before anything is changed.
    type: bool
    default: false
  backup_options:
    description:
      - Where to. The file is for its owner alone, since hashes of passwords are in it.
    type: dict
    suboptions:
      dir_path:
        description:
          - The folder; C(backup) in the current one without it.
        type: path
      filename:
        description:
          - The file's name; address and time without it.
        type: str
      format:
        description:
          - As a whole configuration that O(xml) or O(config) takes again, with O(operation=override).
        type: str
        choices: [xml, json]
        default: xml
"""

EXAMPLES = r"""
---
- name: One value, as JSON
  applianced.appliance.config:
    path: /system/host-name
    config: gw7.example.net
    comment: change 4711

- name: A whole tree
  applianced.appliance.config:
    config:
      applianced-applications:applications:
        application:
          - name: ftp-2121
            protocol: tcp
            destination-port: "2121"
            application-protocol: ftp

- name: Lines
  applianced.appliance.config:
    lines:
      - delete security alg sip
      - set security alg ftp ftps-extension

- name: Take an entry away
  applianced.appliance.config:
    path: /applications/application[name='ftp-2121']
    operation: remove

- name: A commit that has to be confirmed within two minutes
  applianced.appliance.config:
    lines: [set security flow gate-timeout 60]
    confirm_timeout: 120
    persist_id: change-4711

- name: Confirm it
  applianced.appliance.config:
    confirm: commit
    persist_id: change-4711

- name: Go back to the commit before
  applianced.appliance.config:
    rollback: "1"

- name: Back up
  applianced.appliance.config:
    backup: true
    backup_options:
      dir_path: /var/backups/appliances
      filename: "{{ inventory_hostname }}.xml"
"""

RETURN = r"""
---
commands:
  description: What changes, or would change in check mode, as the appliance tells it.
  returned: when something was to be changed
  type: list
  elements: str
  sample: [set system host-name gw7.example.net]
backup_path:
  description: The file that was written, or would be in check mode.
  returned: when O(backup=true)
  type: str
round_trips:
  description: Requests that were sent to the appliance.
  returned: always
  type: int
  sample: 1
error:
  description: What the appliance refused.
  returned: on failure
  type: dict
  sample: {tag: invalid-value, path: /applications/application, message: "..."}
path:
  description: The argument that is wrong.
  returned: when an argument does not fit the model
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.applianced.appliance.plugins.module_utils.change_spec import CHANGE
from ansible_collections.applianced.appliance.plugins.module_utils.configure import run
from ansible_collections.applianced.appliance.plugins.module_utils.module import telling


def main():
    backup_options = {
        "dir_path": {"type": "path"},
        "filename": {"type": "str"},
        "format": {"type": "str", "choices": ["xml", "json"], "default": "xml"},
    }
    module = telling(AnsibleModule)(
        argument_spec={
            "config": {"type": "raw"},
            "path": {"type": "str"},
            "operation": {"type": "str", "choices": ["merge", "replace", "override", "remove"], "default": "merge"},
            "xml": {"type": "str"},
            "lines": {"type": "list", "elements": "str"},
            "rollback": {"type": "str"},
            "confirm": {"type": "str", "choices": ["commit", "cancel"]},
            "backup": {"type": "bool", "default": False},
            "backup_options": {"type": "dict", "options": backup_options},
            **CHANGE,
        },
        mutually_exclusive=[
            ("config", "xml", "lines", "rollback", "confirm"),
            ("path", "xml"),
            ("path", "lines"),
            ("path", "rollback"),
            ("path", "confirm"),
        ],
        supports_check_mode=True,
    )
    run(module)


if __name__ == "__main__":
    main()
