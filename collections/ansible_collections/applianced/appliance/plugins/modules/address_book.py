#!/usr/bin/python
# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: address_book
short_description: Configures address books
description:
  - 'Brings address books: names of addresses and of sets of them into the state that the arguments describe.'
  - This is C(security address-book) of the appliance's configuration.
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
          - Name of the book.
        type: str
        required: true
      description:
        description:
          - Free text.
        type: str
      address:
        description:
          - A named prefix.
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - Name of the address.
            type: str
            required: true
          description:
            description:
              - Free text.
            type: str
          ip_prefix:
            description:
              - The prefix; a bare address is one host.
            type: str
      address_set:
        description:
          - A set of addresses and of other sets of the same book.
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - Name of the set.
            type: str
            required: true
          description:
            description:
              - Free text.
            type: str
          address:
            description:
              - Members.
            type: list
            elements: dict
            suboptions:
              name:
                description:
                  - An address of the same book.
                type: str
                required: true
          address_set:
            description:
              - Sets whose members belong to this one, too.
            type: list
            elements: dict
            suboptions:
              name:
                description:
                  - A set of the same book.
                type: str
                required: true
      attach:
        description:
          - Zones whose policies use this book.
        type: dict
        suboptions:
          zone:
            description:
              - A zone has at most one book besides 'global'.
            type: list
            elements: dict
            suboptions:
              name:
                description:
                  - The zone.
                type: str
                required: true
"""

EXAMPLES = r"""
---
- name: Add to what is there
  applianced.appliance.address_book:
    config:
      - name: global
        address:
          - name: office
            ip_prefix: 10.71.0.0/16
          - name: dc
            ip_prefix: 10.72.0.0/16
        address_set:
          - name: sites
            address:
              - name: office
              - name: dc
      - name: hosts
        address:
          - name: www
            ip_prefix: 203.0.113.80/32
    state: merged
    comment: change 4711
- name: Make what is named exactly so
  applianced.appliance.address_book:
    config:
      - name: global
        address:
          - name: office
            ip_prefix: 10.73.0.0/16
    state: replaced
- name: Have this and nothing else
  applianced.appliance.address_book:
    config:
      - name: global
        address:
          - name: office
            ip_prefix: 10.71.0.0/16
          - name: dc
            ip_prefix: 10.72.0.0/16
        address_set:
          - name: sites
            address:
              - name: office
              - name: dc
      - name: hosts
        address:
          - name: www
            ip_prefix: 203.0.113.80/32
    state: overridden
- name: Take something away
  applianced.appliance.address_book:
    config:
      - name: hosts
    state: deleted
- name: Take everything away
  applianced.appliance.address_book:
    state: deleted
- name: Read what is there
  applianced.appliance.address_book:
    state: gathered
  register: there
- name: Show the XML without an appliance
  applianced.appliance.address_book:
    config:
      - name: global
        address:
          - name: office
            ip_prefix: 10.71.0.0/16
          - name: dc
            ip_prefix: 10.72.0.0/16
        address_set:
          - name: sites
            address:
              - name: office
              - name: dc
      - name: hosts
        address:
          - name: www
            ip_prefix: 203.0.113.80/32
    state: rendered
- name: Read a file
  applianced.appliance.address_book:
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

from ansible_collections.applianced.appliance.plugins.module_utils.argspec.address_book import CONFIG
from ansible_collections.applianced.appliance.plugins.module_utils.change_spec import resource_spec
from ansible_collections.applianced.appliance.plugins.module_utils.module import telling
from ansible_collections.applianced.appliance.plugins.module_utils.resource import run
from ansible_collections.applianced.appliance.plugins.module_utils.resource_table import RESOURCES


def main():
    module = telling(AnsibleModule)(**resource_spec(CONFIG))
    run(module, RESOURCES["address_book"])


if __name__ == "__main__":
    main()
