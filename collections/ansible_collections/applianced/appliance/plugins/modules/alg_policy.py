#!/usr/bin/python
# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: alg_policy
short_description: Configures ALG policies
description:
  - 'Brings ALG policies: which ALGs are on, what else they read, and which role may see and change them into the
    state that the arguments describe.'
  - This is C(security alg policies policy) of the appliance's configuration.
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
          - Name of the policy.
        type: str
        required: true
      description:
        description:
          - Free text.
        type: str
      tag:
        description:
          - Words to find the policy by. They change nothing else.
        type: list
        elements: str
      alg:
        description:
          - 'What the policy says about an ALG: it is on, unless ''disable'' is set. About an ALG without an entry
            the policy says nothing.'
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - The ALG.
            type: str
            choices:
              - dns
              - ftp
              - h323
              - ike-esp-nat
              - mgcp
              - msrpc
              - pptp
              - rsh
              - rtsp
              - sccp
              - sip
              - sql
              - sunrpc
              - talk
              - tftp
              - twamp
            required: true
          disable:
            description:
              - 'The ALG is off: its traffic passes untouched.'
            type: bool
          service:
            description:
              - 'Applications and sets, configured or predefined, that the ALG reads besides its well-known ports:
                their protocols and ports count, not their names. A security policy still has to permit the traffic,
                and the application that matched there goes first when it names an ALG or ''ignore''.'
            type: list
            elements: str
      permissions:
        description:
          - What each role may do with this policy. A role is the NACM group of the same name; other groups and
            users have what the NACM rules give them.
        type: dict
        suboptions:
          enterprise_administrator:
            description:
              - Administrators of the enterprise.
              - The appliance's default is edit.
            type: str
            choices:
              - edit
              - read
              - hide
          enterprise_operator:
            description:
              - Operators of the enterprise.
              - The appliance's default is read.
            type: str
            choices:
              - edit
              - read
              - hide
          service_provider_administrator:
            description:
              - Administrators of the service provider.
              - The appliance's default is edit.
            type: str
            choices:
              - edit
              - read
              - hide
          service_provider_operator:
            description:
              - Operators of the service provider.
              - The appliance's default is read.
            type: str
            choices:
              - edit
              - read
              - hide
"""

EXAMPLES = r"""
---
- name: Add to what is there
  applianced.appliance.alg_policy:
    config:
      - name: branch-base
        description: What every branch has
        tag:
          - branch
        alg:
          - name: ftp
            service:
              - ftp-2121
          - name: sip
            disable: true
        permissions:
          enterprise_operator: hide
      - name: closed
        alg:
          - name: ftp
            disable: true
    state: merged
    comment: change 4711
- name: Make what is named exactly so
  applianced.appliance.alg_policy:
    config:
      - name: branch-base
        alg:
          - name: tftp
    state: replaced
- name: Have this and nothing else
  applianced.appliance.alg_policy:
    config:
      - name: branch-base
        description: What every branch has
        tag:
          - branch
        alg:
          - name: ftp
            service:
              - ftp-2121
          - name: sip
            disable: true
        permissions:
          enterprise_operator: hide
      - name: closed
        alg:
          - name: ftp
            disable: true
    state: overridden
- name: Take something away
  applianced.appliance.alg_policy:
    config:
      - name: closed
    state: deleted
- name: Take everything away
  applianced.appliance.alg_policy:
    state: deleted
- name: Read what is there
  applianced.appliance.alg_policy:
    state: gathered
  register: there
- name: Show the XML without an appliance
  applianced.appliance.alg_policy:
    config:
      - name: branch-base
        description: What every branch has
        tag:
          - branch
        alg:
          - name: ftp
            service:
              - ftp-2121
          - name: sip
            disable: true
        permissions:
          enterprise_operator: hide
      - name: closed
        alg:
          - name: ftp
            disable: true
    state: rendered
- name: Read a file
  applianced.appliance.alg_policy:
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

from ansible_collections.applianced.appliance.plugins.module_utils.argspec.alg_policy import CONFIG
from ansible_collections.applianced.appliance.plugins.module_utils.change_spec import resource_spec
from ansible_collections.applianced.appliance.plugins.module_utils.module import telling
from ansible_collections.applianced.appliance.plugins.module_utils.resource import run
from ansible_collections.applianced.appliance.plugins.module_utils.resource_table import RESOURCES


def main():
    module = telling(AnsibleModule)(**resource_spec(CONFIG))
    run(module, RESOURCES["alg_policy"])


if __name__ == "__main__":
    main()
