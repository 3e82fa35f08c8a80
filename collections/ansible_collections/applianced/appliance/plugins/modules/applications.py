#!/usr/bin/python
# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: applications
short_description: Configures applications
description:
  - 'Brings applications: protocols and ports that policies and ALGs go by into the state that the arguments describe.'
  - This is C(applications application) of the appliance's configuration.
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
          - Name of the application. The prefix 'junos-' is reserved for predefined ones.
        type: str
        required: true
      description:
        description:
          - Free text.
        type: str
      application_protocol:
        description:
          - The protocol, and thereby the ALG that reads the traffic. 'ignore' and 'none' keep every ALG off. Without
            it a well-known port decides.
        type: str
      protocol:
        description:
          - IP protocol, by name or number.
        type: str
      source_port:
        description:
          - Source port or range. Needs protocol tcp, udp or sctp.
        type: str
      destination_port:
        description:
          - Destination port or range. Needs protocol tcp, udp or sctp.
        type: str
      icmp_type:
        description:
          - ICMP type. Needs protocol icmp.
        type: int
      icmp_code:
        description:
          - ICMP code. Needs icmp-type.
        type: int
      icmp6_type:
        description:
          - ICMPv6 type. Needs protocol icmp6.
        type: int
      icmp6_code:
        description:
          - ICMPv6 code. Needs icmp6-type.
        type: int
      rpc_program_number:
        description:
          - 'ONC RPC program whose data sessions the sunrpc ALG admits: a number, a range ''low-high'', or ''any''.'
        type: str
      uuid:
        description:
          - DCE/RPC interface whose data sessions the msrpc ALG admits, or 'any'.
        type: str
      inactivity_timeout:
        description:
          - 'Idle time after which a session of this application ends. Default: that of the protocol (security flow).'
          - In seconds.
        type: str
      term:
        description:
          - One of several protocol definitions; the first that matches decides.
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - Name of the term.
            type: str
            required: true
          alg:
            description:
              - As application-protocol, for this term alone.
            type: str
          protocol:
            description:
              - IP protocol, by name or number.
            type: str
          source_port:
            description:
              - Source port or range. Needs protocol tcp, udp or sctp.
            type: str
          destination_port:
            description:
              - Destination port or range. Needs protocol tcp, udp or sctp.
            type: str
          icmp_type:
            description:
              - ICMP type. Needs protocol icmp.
            type: int
          icmp_code:
            description:
              - ICMP code. Needs icmp-type.
            type: int
          icmp6_type:
            description:
              - ICMPv6 type. Needs protocol icmp6.
            type: int
          icmp6_code:
            description:
              - ICMPv6 code. Needs icmp6-type.
            type: int
          rpc_program_number:
            description:
              - 'ONC RPC program whose data sessions the sunrpc ALG admits: a number, a range ''low-high'', or ''any''.'
            type: str
          uuid:
            description:
              - DCE/RPC interface whose data sessions the msrpc ALG admits, or 'any'.
            type: str
          inactivity_timeout:
            description:
              - 'Idle time after which a session of this application ends. Default: that of the protocol (security
                flow).'
              - In seconds.
            type: str
"""

EXAMPLES = r"""
---
- name: Add to what is there
  applianced.appliance.applications:
    config:
      - name: ftp-2121
        protocol: tcp
        destination_port: '2121'
        application_protocol: ftp
      - name: files
        term:
          - name: control
            protocol: tcp
            destination_port: '8021'
            alg: ftp
    state: merged
    comment: change 4711
- name: Make what is named exactly so
  applianced.appliance.applications:
    config:
      - name: ftp-2121
        protocol: tcp
        destination_port: '2122'
        inactivity_timeout: never
    state: replaced
- name: Have this and nothing else
  applianced.appliance.applications:
    config:
      - name: ftp-2121
        protocol: tcp
        destination_port: '2121'
        application_protocol: ftp
      - name: files
        term:
          - name: control
            protocol: tcp
            destination_port: '8021'
            alg: ftp
    state: overridden
- name: Take something away
  applianced.appliance.applications:
    config:
      - name: files
    state: deleted
- name: Take everything away
  applianced.appliance.applications:
    state: deleted
- name: Read what is there
  applianced.appliance.applications:
    state: gathered
  register: there
- name: Show the XML without an appliance
  applianced.appliance.applications:
    config:
      - name: ftp-2121
        protocol: tcp
        destination_port: '2121'
        application_protocol: ftp
      - name: files
        term:
          - name: control
            protocol: tcp
            destination_port: '8021'
            alg: ftp
    state: rendered
- name: Read a file
  applianced.appliance.applications:
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

from ansible_collections.applianced.appliance.plugins.module_utils.argspec.applications import CONFIG
from ansible_collections.applianced.appliance.plugins.module_utils.change_spec import resource_spec
from ansible_collections.applianced.appliance.plugins.module_utils.module import telling
from ansible_collections.applianced.appliance.plugins.module_utils.resource import run
from ansible_collections.applianced.appliance.plugins.module_utils.resource_table import RESOURCES


def main():
    module = telling(AnsibleModule)(**resource_spec(CONFIG))
    run(module, RESOURCES["applications"])


if __name__ == "__main__":
    main()
