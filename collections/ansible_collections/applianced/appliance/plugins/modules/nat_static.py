#!/usr/bin/python
# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: nat_static
short_description: Configures static NAT
description:
  - 'Brings static NAT: one outside prefix for one inside prefix, both ways into the state that the arguments describe.'
  - This is C(security nat static) of the appliance's configuration.
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
    type: dict
    suboptions:
      rule_set:
        description:
          - Rules for sessions from zones or interfaces; in the other direction for sessions to them.
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - Name of the rule-set.
            type: str
            required: true
          description:
            description:
              - Free text.
            type: str
          from:
            description:
              - Where the session comes from.
            type: dict
            suboptions:
              zone:
                description:
                  - Zones.
                type: list
                elements: str
              interface:
                description:
                  - Interfaces. A rule-set for interfaces goes before one for zones.
                type: list
                elements: str
          rule:
            description:
              - A rule.
            type: list
            elements: dict
            suboptions:
              name:
                description:
                  - Name of the rule.
                type: str
                required: true
              description:
                description:
                  - Free text.
                type: str
              match:
                description:
                  - Sessions that the rule is for.
                type: dict
                suboptions:
                  source_address:
                    description:
                      - 'Source prefixes. Default: any.'
                    type: list
                    elements: str
                  destination_address:
                    description:
                      - The outside prefix.
                    type: str
                  destination_port:
                    description:
                      - 'Outside ports of TCP and UDP. Default: all.'
                      - 'V(true) stands for an empty mapping: it is there, and nothing in it is configured.'
                    type: dict
                    suboptions:
                      low:
                        description:
                          - First port of the range.
                        type: int
                      high:
                        description:
                          - Last port of the range.
                        type: int
              then:
                description:
                  - What becomes of them.
                type: dict
                suboptions:
                  static_nat:
                    description:
                      - The translation.
                    type: dict
                    suboptions:
                      prefix:
                        description:
                          - The inside prefix.
                        type: dict
                        suboptions:
                          addr_prefix:
                            description:
                              - The inside prefix, as long as the outside one.
                            type: str
                          mapped_port:
                            description:
                              - Inside ports.
                              - 'V(true) stands for an empty mapping: it is there, and nothing in it is configured.'
                            type: dict
                            suboptions:
                              low:
                                description:
                                  - First port of the range.
                                type: int
                              high:
                                description:
                                  - Last port of the range.
                                type: int
"""

EXAMPLES = r"""
---
- name: Add to what is there
  applianced.appliance.nat_static:
    config:
      rule_set:
        - name: in
          from:
            zone:
              - trust
          rule:
            - name: www
              match:
                destination_address: 203.0.113.80/32
              then:
                static_nat:
                  prefix:
                    addr_prefix: 10.71.0.80/32
        - name: more
          from:
            zone:
              - trust
          rule:
            - name: mail
              match:
                destination_address: 203.0.113.25/32
              then:
                static_nat:
                  prefix:
                    addr_prefix: 10.71.0.25/32
    state: merged
    comment: change 4711
- name: Make what is named exactly so
  applianced.appliance.nat_static:
    config:
      rule_set:
        - name: in
          from:
            zone:
              - trust
          rule:
            - name: www
              match:
                destination_address: 203.0.113.80/32
              then:
                static_nat:
                  prefix:
                    addr_prefix: 10.71.0.81/32
    state: replaced
- name: Have this and nothing else
  applianced.appliance.nat_static:
    config:
      rule_set:
        - name: in
          from:
            zone:
              - trust
          rule:
            - name: www
              match:
                destination_address: 203.0.113.80/32
              then:
                static_nat:
                  prefix:
                    addr_prefix: 10.71.0.80/32
        - name: more
          from:
            zone:
              - trust
          rule:
            - name: mail
              match:
                destination_address: 203.0.113.25/32
              then:
                static_nat:
                  prefix:
                    addr_prefix: 10.71.0.25/32
    state: overridden
- name: Take something away
  applianced.appliance.nat_static:
    config:
      rule_set:
        - name: more
    state: deleted
- name: Take everything away
  applianced.appliance.nat_static:
    state: deleted
- name: Read what is there
  applianced.appliance.nat_static:
    state: gathered
  register: there
- name: Show the XML without an appliance
  applianced.appliance.nat_static:
    config:
      rule_set:
        - name: in
          from:
            zone:
              - trust
          rule:
            - name: www
              match:
                destination_address: 203.0.113.80/32
              then:
                static_nat:
                  prefix:
                    addr_prefix: 10.71.0.80/32
        - name: more
          from:
            zone:
              - trust
          rule:
            - name: mail
              match:
                destination_address: 203.0.113.25/32
              then:
                static_nat:
                  prefix:
                    addr_prefix: 10.71.0.25/32
    state: rendered
- name: Read a file
  applianced.appliance.nat_static:
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
  type: dict
gathered:
  description: What is there, in the form of O(config).
  returned: when O(state=gathered)
  type: dict
rendered:
  description: The XML of the edit, as it would be sent.
  returned: when O(state=rendered)
  type: str
parsed:
  description: What O(running_config) says, in the form of O(config).
  returned: when O(state=parsed)
  type: dict
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

from ansible_collections.applianced.appliance.plugins.module_utils.argspec.nat_static import CONFIG
from ansible_collections.applianced.appliance.plugins.module_utils.change_spec import resource_spec
from ansible_collections.applianced.appliance.plugins.module_utils.module import telling
from ansible_collections.applianced.appliance.plugins.module_utils.resource import run
from ansible_collections.applianced.appliance.plugins.module_utils.resource_table import RESOURCES


def main():
    module = telling(AnsibleModule)(**resource_spec(CONFIG))
    run(module, RESOURCES["nat_static"])


if __name__ == "__main__":
    main()
