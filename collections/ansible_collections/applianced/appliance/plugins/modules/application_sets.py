#!/usr/bin/python
# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: application_sets
short_description: Configures named sets of applications
description:
  - Brings named sets of applications into the state that the arguments describe.
  - This is C(applications application-set) of the appliance's configuration.
version_added: 1.0.0
author:
  - The applianced project (@applianced)
extends_documentation_fragment:
  - applianced.appliance.change
  - applianced.appliance.resource
options:
  config:
    description:
      - What is to be configured; the names are those of the model, with _ for -.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name of the set. Applications and sets share their names.
        type: str
        required: true
      description:
        description:
          - Free text.
        type: str
      application:
        description:
          - Members.
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - A configured or predefined application.
            type: str
            required: true
      application_set:
        description:
          - Sets whose members belong to this one, too.
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - A configured or predefined set.
            type: str
            required: true
"""

EXAMPLES = r"""
---
- name: Add to what is there
  applianced.appliance.application_sets:
    config:
      - name: transfers
        application:
          - name: junos-ftp
          - name: junos-tftp
      - name: office
        description: What an office uses
        application_set:
          - name: transfers
    state: merged
    comment: change 4711
- name: Make what is named exactly so
  applianced.appliance.application_sets:
    config:
      - name: transfers
        application:
          - name: junos-ftp
    state: replaced
- name: Have this and nothing else
  applianced.appliance.application_sets:
    config:
      - name: transfers
        application:
          - name: junos-ftp
          - name: junos-tftp
      - name: office
        description: What an office uses
        application_set:
          - name: transfers
    state: overridden
- name: Take something away
  applianced.appliance.application_sets:
    config:
      - name: office
    state: deleted
- name: Take everything away
  applianced.appliance.application_sets:
    state: deleted
- name: Read what is there
  applianced.appliance.application_sets:
    state: gathered
  register: there
- name: Show the XML without an appliance
  applianced.appliance.application_sets:
    config:
      - name: transfers
        application:
          - name: junos-ftp
          - name: junos-tftp
      - name: office
        description: What an office uses
        application_set:
          - name: transfers
    state: rendered
- name: Read a file
  applianced.appliance.application_sets:
    running_config: '{{ lookup(''ansible.builtin.file'', ''backup.xml'') }}'
    state: parsed
"""

RETURN = r"""
---
commands:
  description: 'What changes, or would change in check mode, as the appliance tells it: set, delete and insert lines.'
  returned: when O(state) changes something
  type: list
  elements: str
  sample:
    - set applications application ftp-2121 protocol tcp
before:
  description: What was there before a change.
  returned: when something changes
  type: list
gathered:
  description: What is there, in the form of O(config).
  returned: when O(state=gathered)
  type: list
rendered:
  description: The XML of the edit, as it would be sent.
  returned: when O(state=rendered)
  type: str
parsed:
  description: What O(running_config) says, in the form of O(config).
  returned: when O(state=parsed)
  type: list
round_trips:
  description: Requests that were sent to the appliance.
  returned: when it was talked to
  type: int
  sample: 1
error:
  description: What the appliance refused.
  returned: on failure
  type: dict
  sample:
    tag: invalid-value
    path: /applications/application[name='x']
    message: '...'
path:
  description: The argument that is wrong.
  returned: when an argument does not fit the model
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.applianced.appliance.plugins.module_utils.argspec.application_sets import CONFIG
from ansible_collections.applianced.appliance.plugins.module_utils.change_spec import resource_spec
from ansible_collections.applianced.appliance.plugins.module_utils.module import telling
from ansible_collections.applianced.appliance.plugins.module_utils.resource import run
from ansible_collections.applianced.appliance.plugins.module_utils.resource_table import RESOURCES


def main():
    module = telling(AnsibleModule)(**resource_spec(CONFIG))
    run(module, RESOURCES["application_sets"])


if __name__ == "__main__":
    main()
