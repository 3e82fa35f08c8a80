#!/usr/bin/python
# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: policies
short_description: Configures security policies
description:
  - 'Brings security policies: between zones, global, and the default into the state that the arguments describe.'
  - This is C(security policies) of the appliance's configuration.
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
      policy:
        description:
          - Policies from one zone to another.
        type: list
        elements: dict
        suboptions:
          from_zone_name:
            description:
              - Zone that the session comes from.
            type: str
            required: true
          to_zone_name:
            description:
              - Zone that the session goes to.
            type: str
            required: true
          policy:
            description:
              - A policy.
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
              match:
                description:
                  - 'Traffic that the policy is for: all three must match.'
                type: dict
                suboptions:
                  source_address:
                    description:
                      - Addresses and sets of the from-zone's address book or the global one; 'any', 'any-ipv4',
                        'any-ipv6'.
                    type: list
                    elements: str
                  destination_address:
                    description:
                      - Addresses and sets of the to-zone's address book or the global one; 'any', 'any-ipv4', 'any-ipv6'.
                    type: list
                    elements: str
                  source_address_excluded:
                    description:
                      - Match every source but the named ones.
                    type: bool
                  destination_address_excluded:
                    description:
                      - Match every destination but the named ones.
                    type: bool
                  application:
                    description:
                      - Applications and sets, configured or predefined; 'any'.
                    type: list
                    elements: str
              then:
                description:
                  - What becomes of the traffic.
                type: dict
                suboptions:
                  permit:
                    description:
                      - Forward it; the application's ALG reads it.
                      - 'V(true) stands for an empty mapping: it is there, and nothing in it is configured.'
                    type: dict
                    suboptions:
                      services_offload:
                        description:
                          - Have the kernel forward established TCP and UDP sessions by its flow table, past the
                            rules, where it has one; the state 'flow services-offload' says whether it does. Sessions
                            that an ALG reads are forwarded as without it, and so are those of applications whose
                            inactivity-timeout is longer than the protocol's in 'flow'. TCP data sessions of an
                            ALG's control session under this policy are offloaded, unless 'flow alg-data-session-coupled'
                            is set. It counts for sessions that begin afterwards; without it none is offloaded any
                            longer.
                        type: bool
                  deny:
                    description:
                      - Drop it silently.
                    type: bool
                  reject:
                    description:
                      - 'Refuse it: TCP reset, else ICMP administratively prohibited.'
                    type: bool
                  log:
                    description:
                      - Log sessions of this policy.
                    type: dict
                    suboptions:
                      session_init:
                        description:
                          - When a session begins.
                        type: bool
                      session_close:
                        description:
                          - When a session ends.
                        type: bool
                  count:
                    description:
                      - Count packets and octets of this policy.
                    type: bool
      global:
        description:
          - Policies for every pair of zones.
        type: dict
        suboptions:
          policy:
            description:
              - A policy; its addresses are those of the book 'global'.
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
              match:
                description:
                  - 'Traffic that the policy is for: all three must match.'
                type: dict
                suboptions:
                  source_address:
                    description:
                      - Addresses and sets of the from-zone's address book or the global one; 'any', 'any-ipv4',
                        'any-ipv6'.
                    type: list
                    elements: str
                  destination_address:
                    description:
                      - Addresses and sets of the to-zone's address book or the global one; 'any', 'any-ipv4', 'any-ipv6'.
                    type: list
                    elements: str
                  source_address_excluded:
                    description:
                      - Match every source but the named ones.
                    type: bool
                  destination_address_excluded:
                    description:
                      - Match every destination but the named ones.
                    type: bool
                  application:
                    description:
                      - Applications and sets, configured or predefined; 'any'.
                    type: list
                    elements: str
              then:
                description:
                  - What becomes of the traffic.
                type: dict
                suboptions:
                  permit:
                    description:
                      - Forward it; the application's ALG reads it.
                      - 'V(true) stands for an empty mapping: it is there, and nothing in it is configured.'
                    type: dict
                    suboptions:
                      services_offload:
                        description:
                          - Have the kernel forward established TCP and UDP sessions by its flow table, past the
                            rules, where it has one; the state 'flow services-offload' says whether it does. Sessions
                            that an ALG reads are forwarded as without it, and so are those of applications whose
                            inactivity-timeout is longer than the protocol's in 'flow'. TCP data sessions of an
                            ALG's control session under this policy are offloaded, unless 'flow alg-data-session-coupled'
                            is set. It counts for sessions that begin afterwards; without it none is offloaded any
                            longer.
                        type: bool
                  deny:
                    description:
                      - Drop it silently.
                    type: bool
                  reject:
                    description:
                      - 'Refuse it: TCP reset, else ICMP administratively prohibited.'
                    type: bool
                  log:
                    description:
                      - Log sessions of this policy.
                    type: dict
                    suboptions:
                      session_init:
                        description:
                          - When a session begins.
                        type: bool
                      session_close:
                        description:
                          - When a session ends.
                        type: bool
                  count:
                    description:
                      - Count packets and octets of this policy.
                    type: bool
      default_policy:
        description:
          - What becomes of traffic that no policy matches.
        type: dict
        suboptions:
          permit_all:
            description:
              - Forward it.
            type: bool
          deny_all:
            description:
              - Drop it.
            type: bool
      policy_rematch:
        description:
          - 'Judge existing sessions again when the policy that admitted them changes: those that it no longer permits
            end. Without it they go on. Sessions of a removed policy always end.'
        type: bool
"""

EXAMPLES = r"""
---
- name: Add to what is there
  applianced.appliance.policies:
    config:
      policy:
        - from_zone_name: trust
          to_zone_name: untrust
          policy:
            - name: files
              match:
                source_address:
                  - any
                destination_address:
                  - any
                application:
                  - junos-ftp
                  - junos-tftp
              then:
                permit: true
            - name: rest
              match:
                source_address:
                  - any
                destination_address:
                  - any
                application:
                  - any
              then:
                deny: true
      default_policy:
        deny_all: true
    state: merged
    comment: change 4711
- name: Make what is named exactly so
  applianced.appliance.policies:
    config:
      policy:
        - from_zone_name: trust
          to_zone_name: untrust
          policy:
            - name: rest
              match:
                source_address:
                  - any
                destination_address:
                  - any
                application:
                  - any
              then:
                deny: true
            - name: web
              match:
                source_address:
                  - any
                destination_address:
                  - any
                application:
                  - junos-http
              then:
                permit: true
            - name: files
              match:
                source_address:
                  - any
                destination_address:
                  - any
                application:
                  - junos-ftp
              then:
                reject: true
    state: replaced
- name: Have this and nothing else
  applianced.appliance.policies:
    config:
      policy:
        - from_zone_name: trust
          to_zone_name: untrust
          policy:
            - name: files
              match:
                source_address:
                  - any
                destination_address:
                  - any
                application:
                  - junos-ftp
                  - junos-tftp
              then:
                permit: true
            - name: rest
              match:
                source_address:
                  - any
                destination_address:
                  - any
                application:
                  - any
              then:
                deny: true
      default_policy:
        deny_all: true
    state: overridden
- name: Take something away
  applianced.appliance.policies:
    config:
      default_policy: {}
    state: deleted
- name: Take everything away
  applianced.appliance.policies:
    state: deleted
- name: Read what is there
  applianced.appliance.policies:
    state: gathered
  register: there
- name: Show the XML without an appliance
  applianced.appliance.policies:
    config:
      policy:
        - from_zone_name: trust
          to_zone_name: untrust
          policy:
            - name: files
              match:
                source_address:
                  - any
                destination_address:
                  - any
                application:
                  - junos-ftp
                  - junos-tftp
              then:
                permit: true
            - name: rest
              match:
                source_address:
                  - any
                destination_address:
                  - any
                application:
                  - any
              then:
                deny: true
      default_policy:
        deny_all: true
    state: rendered
- name: Read a file
  applianced.appliance.policies:
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

from ansible_collections.applianced.appliance.plugins.module_utils.argspec.policies import CONFIG
from ansible_collections.applianced.appliance.plugins.module_utils.change_spec import resource_spec
from ansible_collections.applianced.appliance.plugins.module_utils.module import telling
from ansible_collections.applianced.appliance.plugins.module_utils.resource import run
from ansible_collections.applianced.appliance.plugins.module_utils.resource_table import RESOURCES


def main():
    module = telling(AnsibleModule)(**resource_spec(CONFIG))
    run(module, RESOURCES["policies"])


if __name__ == "__main__":
    main()
