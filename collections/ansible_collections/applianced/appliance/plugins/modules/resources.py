#!/usr/bin/python
# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: resources
short_description: Configures several resources in one commit
description:
  - Does what the resource modules do, for as many of them as one likes, in one transaction. Parts may need each other,
    as policies need zones and applications; what is in force is all of it or nothing.
  - A whole desired state is one request when it is in force already, and at most six when it is not.
version_added: "1.0.0"
author:
  - The applianced project (@applianced)
extends_documentation_fragment:
  - applianced.appliance.change
options:
  config:
    description:
      - The argument O(config) of each resource module, by the module's name. What is not named is left alone.
      - Without it O(state=gathered) reads all of them.
    type: dict
  state:
    description:
      - As for the resource modules, of each that is named.
    type: str
    choices: [merged, replaced, overridden, deleted, gathered]
    default: merged
seealso:
  - module: applianced.appliance.applications
  - module: applianced.appliance.policies
  - module: applianced.appliance.alg_policy
"""

EXAMPLES = r"""
---
- name: Applications and the policy that uses them, and nothing else of either
  applianced.appliance.resources:
    state: overridden
    config:
      applications:
        - name: ftp-2121
          protocol: tcp
          destination_port: "2121"
          application_protocol: ftp
      policies:
        policy:
          - from_zone_name: trust
            to_zone_name: untrust
            policy:
              - name: files
                match:
                  source_address: [any]
                  destination_address: [any]
                  application: [ftp-2121]
                then:
                  permit: true

- name: Everything there is
  applianced.appliance.resources:
    state: gathered
"""

RETURN = r"""
---
commands:
  description: What changes, or would change in check mode, as the appliance tells it.
  returned: when O(state) changes something
  type: list
  elements: str
  sample: [set system host-name gw7.example.net]
before:
  description: What was there before a change, by name.
  returned: when something changes
  type: dict
gathered:
  description: What is there, in the form of O(config).
  returned: when O(state=gathered)
  type: dict
round_trips:
  description: Requests that were sent to the appliance.
  returned: always
  type: int
  sample: 1
error:
  description: What the appliance refused.
  returned: on failure
  type: dict
path:
  description: The argument that is wrong.
  returned: when an argument does not fit the model
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.applianced.appliance.plugins.module_utils.change_spec import CHANGE
from ansible_collections.applianced.appliance.plugins.module_utils.module import telling
from ansible_collections.applianced.appliance.plugins.module_utils.resource import run_several
from ansible_collections.applianced.appliance.plugins.module_utils.resource_table import RESOURCES


def main():
    states = ["merged", "replaced", "overridden", "deleted", "gathered"]
    changing = [("state", state, ["config"]) for state in states if state != "gathered"]
    module = telling(AnsibleModule)(
        argument_spec={
            "config": {"type": "dict"},
            "state": {"type": "str", "choices": states, "default": "merged"},
            **CHANGE,
        },
        required_if=changing,
        supports_check_mode=True,
    )
    run_several(module, RESOURCES)


if __name__ == "__main__":
    main()
