#!/usr/bin/python
# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: nat_source
short_description: Configures source NAT
description:
  - 'Brings source NAT: pools, rule sets, and the ports that are kept for ALGs into the state that the arguments
    describe.'
  - This is C(security nat source) of the appliance's configuration.
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
      alg_port_range:
        description:
          - Ports of each translated address and protocol that are kept for the ALGs' bindings; other sessions leave
            from ports below.
        type: dict
        suboptions:
          low:
            description:
              - First port.
              - The appliance's default is 49152.
            type: int
          high:
            description:
              - Last port.
              - The appliance's default is 65535.
            type: int
      pool:
        description:
          - Addresses that stand for inside ones. A host keeps its address of the pool.
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - Name of the pool.
            type: str
            required: true
          description:
            description:
              - Free text.
            type: str
          address:
            description:
              - Addresses of the pool, all of one family; at most 4096.
            type: list
            elements: dict
            suboptions:
              name:
                description:
                  - A prefix, each of whose addresses is used, or the first address of a range.
                type: str
                required: true
              to:
                description:
                  - End of a range.
                type: dict
                suboptions:
                  ipaddr:
                    description:
                      - Last address of the range.
                    type: str
          port:
            description:
              - Ports of sessions without an ALG.
            type: dict
            suboptions:
              range:
                description:
                  - 'Ports that sessions leave from. Default: those below the ALGs'' range, in three classes: 1
                    to 511, 512 to 1023, and 1024 up.'
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
          alg_port_range:
            description:
              - 'Ports kept for the ALGs'' bindings at this pool''s addresses. Default: ''source alg-port-range''.'
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
      rule_set:
        description:
          - Rules for sessions between zones or interfaces.
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
          to:
            description:
              - Where the session goes to.
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
                  source_address_name:
                    description:
                      - Source addresses and sets of the book 'global'.
                    type: list
                    elements: str
                  source_port:
                    description:
                      - 'Source ports of TCP and UDP. Default: any.'
                    type: list
                    elements: str
                  destination_address:
                    description:
                      - 'Destination prefixes. Default: any.'
                    type: list
                    elements: str
                  destination_address_name:
                    description:
                      - Destination addresses and sets of the book 'global'.
                    type: list
                    elements: str
                  destination_port:
                    description:
                      - 'Destination ports of TCP and UDP. Default: any.'
                    type: list
                    elements: str
                  protocol:
                    description:
                      - 'IP protocols. Default: any.'
                    type: list
                    elements: str
                  application:
                    description:
                      - Applications and sets, configured or predefined.
                    type: list
                    elements: str
              then:
                description:
                  - What becomes of them.
                type: dict
                suboptions:
                  source_nat:
                    description:
                      - The translation.
                    type: dict
                    suboptions:
                      'off':
                        description:
                          - Do not translate.
                        type: bool
                      interface:
                        description:
                          - Use the address of the outgoing interface.
                        type: bool
                      pool:
                        description:
                          - Use a pool.
                        type: dict
                        suboptions:
                          pool_name:
                            description:
                              - The pool.
                            type: str
"""

EXAMPLES = r"""
---
- name: Add to what is there
  applianced.appliance.nat_source:
    config:
      pool:
        - name: outside
          address:
            - name: 203.0.113.1/32
      rule_set:
        - name: out
          from:
            zone:
              - trust
          to:
            zone:
              - untrust
          rule:
            - name: office
              match:
                source_address:
                  - 10.71.0.0/16
              then:
                source_nat:
                  pool:
                    pool_name: outside
            - name: rest
              match:
                source_address:
                  - 0.0.0.0/0
              then:
                source_nat:
                  'off': true
    state: merged
    comment: change 4711
- name: Make what is named exactly so
  applianced.appliance.nat_source:
    config:
      rule_set:
        - name: out
          from:
            zone:
              - trust
          to:
            zone:
              - untrust
          rule:
            - name: all
              match:
                source_address:
                  - 0.0.0.0/0
              then:
                source_nat:
                  pool:
                    pool_name: outside
    state: replaced
- name: Have this and nothing else
  applianced.appliance.nat_source:
    config:
      pool:
        - name: outside
          address:
            - name: 203.0.113.1/32
      rule_set:
        - name: out
          from:
            zone:
              - trust
          to:
            zone:
              - untrust
          rule:
            - name: office
              match:
                source_address:
                  - 10.71.0.0/16
              then:
                source_nat:
                  pool:
                    pool_name: outside
            - name: rest
              match:
                source_address:
                  - 0.0.0.0/0
              then:
                source_nat:
                  'off': true
    state: overridden
- name: Take something away
  applianced.appliance.nat_source:
    config:
      rule_set:
        - name: out
    state: deleted
- name: Take everything away
  applianced.appliance.nat_source:
    state: deleted
- name: Read what is there
  applianced.appliance.nat_source:
    state: gathered
  register: there
- name: Show the XML without an appliance
  applianced.appliance.nat_source:
    config:
      pool:
        - name: outside
          address:
            - name: 203.0.113.1/32
      rule_set:
        - name: out
          from:
            zone:
              - trust
          to:
            zone:
              - untrust
          rule:
            - name: office
              match:
                source_address:
                  - 10.71.0.0/16
              then:
                source_nat:
                  pool:
                    pool_name: outside
            - name: rest
              match:
                source_address:
                  - 0.0.0.0/0
              then:
                source_nat:
                  'off': true
    state: rendered
- name: Read a file
  applianced.appliance.nat_source:
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

from ansible_collections.applianced.appliance.plugins.module_utils.argspec.nat_source import CONFIG
from ansible_collections.applianced.appliance.plugins.module_utils.change_spec import resource_spec
from ansible_collections.applianced.appliance.plugins.module_utils.module import telling
from ansible_collections.applianced.appliance.plugins.module_utils.resource import run
from ansible_collections.applianced.appliance.plugins.module_utils.resource_table import RESOURCES


def main():
    module = telling(AnsibleModule)(**resource_spec(CONFIG))
    run(module, RESOURCES["nat_source"])


if __name__ == "__main__":
    main()
