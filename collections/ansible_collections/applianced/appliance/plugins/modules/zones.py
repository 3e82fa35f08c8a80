#!/usr/bin/python
# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: zones
short_description: Configures security zones
description:
  - 'Brings security zones: interfaces, what the appliance itself answers there, and the ALG policy of each into
    the state that the arguments describe.'
  - This is C(security zones) of the appliance's configuration.
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
      security_zone:
        description:
          - A zone that traffic is forwarded from and to. Traffic inside a zone needs a policy, too.
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - Name of the zone.
            type: str
            required: true
          description:
            description:
              - Free text.
            type: str
          host_inbound_traffic:
            description:
              - What the appliance itself answers; nothing by default. At an interface it replaces what the zone
                says.
            type: dict
            suboptions:
              system_services:
                description:
                  - Services answered.
                type: list
                elements: dict
                suboptions:
                  name:
                    description:
                      - The service.
                    type: str
                    choices:
                      - all
                      - dhcp
                      - dhcpv6
                      - dns
                      - ftp
                      - http
                      - https
                      - ike
                      - netconf
                      - ntp
                      - ping
                      - snmp
                      - ssh
                      - telnet
                      - tftp
                      - traceroute
                    required: true
              protocols:
                description:
                  - Routing protocols answered.
                type: list
                elements: dict
                suboptions:
                  name:
                    description:
                      - The protocol.
                    type: str
                    choices:
                      - all
                      - bfd
                      - bgp
                      - igmp
                      - ldp
                      - msdp
                      - ospf
                      - ospf3
                      - pim
                      - rip
                      - ripng
                      - rsvp
                      - vrrp
                    required: true
          interfaces:
            description:
              - Interfaces of the zone. An interface belongs to one zone.
            type: list
            elements: dict
            suboptions:
              name:
                description:
                  - Linux name of the interface.
                type: str
                required: true
              host_inbound_traffic:
                description:
                  - What the appliance itself answers; nothing by default. At an interface it replaces what the
                    zone says.
                type: dict
                suboptions:
                  system_services:
                    description:
                      - Services answered.
                    type: list
                    elements: dict
                    suboptions:
                      name:
                        description:
                          - The service.
                        type: str
                        choices:
                          - all
                          - dhcp
                          - dhcpv6
                          - dns
                          - ftp
                          - http
                          - https
                          - ike
                          - netconf
                          - ntp
                          - ping
                          - snmp
                          - ssh
                          - telnet
                          - tftp
                          - traceroute
                        required: true
                  protocols:
                    description:
                      - Routing protocols answered.
                    type: list
                    elements: dict
                    suboptions:
                      name:
                        description:
                          - The protocol.
                        type: str
                        choices:
                          - all
                          - bfd
                          - bgp
                          - igmp
                          - ldp
                          - msdp
                          - ospf
                          - ospf3
                          - pim
                          - rip
                          - ripng
                          - rsvp
                          - vrrp
                        required: true
          alg_policy:
            description:
              - The ALG policy for sessions that enter by this zone. It goes before the one of the device.
            type: str
      functional_zone:
        description:
          - Zones with a function of their own.
        type: dict
        suboptions:
          management:
            description:
              - 'Interfaces for management alone: nothing is forwarded from or to them.'
            type: dict
            suboptions:
              host_inbound_traffic:
                description:
                  - What the appliance itself answers; nothing by default. At an interface it replaces what the
                    zone says.
                type: dict
                suboptions:
                  system_services:
                    description:
                      - Services answered.
                    type: list
                    elements: dict
                    suboptions:
                      name:
                        description:
                          - The service.
                        type: str
                        choices:
                          - all
                          - dhcp
                          - dhcpv6
                          - dns
                          - ftp
                          - http
                          - https
                          - ike
                          - netconf
                          - ntp
                          - ping
                          - snmp
                          - ssh
                          - telnet
                          - tftp
                          - traceroute
                        required: true
                  protocols:
                    description:
                      - Routing protocols answered.
                    type: list
                    elements: dict
                    suboptions:
                      name:
                        description:
                          - The protocol.
                        type: str
                        choices:
                          - all
                          - bfd
                          - bgp
                          - igmp
                          - ldp
                          - msdp
                          - ospf
                          - ospf3
                          - pim
                          - rip
                          - ripng
                          - rsvp
                          - vrrp
                        required: true
              interfaces:
                description:
                  - Interfaces of the zone. An interface belongs to one zone.
                type: list
                elements: dict
                suboptions:
                  name:
                    description:
                      - Linux name of the interface.
                    type: str
                    required: true
                  host_inbound_traffic:
                    description:
                      - What the appliance itself answers; nothing by default. At an interface it replaces what
                        the zone says.
                    type: dict
                    suboptions:
                      system_services:
                        description:
                          - Services answered.
                        type: list
                        elements: dict
                        suboptions:
                          name:
                            description:
                              - The service.
                            type: str
                            choices:
                              - all
                              - dhcp
                              - dhcpv6
                              - dns
                              - ftp
                              - http
                              - https
                              - ike
                              - netconf
                              - ntp
                              - ping
                              - snmp
                              - ssh
                              - telnet
                              - tftp
                              - traceroute
                            required: true
                      protocols:
                        description:
                          - Routing protocols answered.
                        type: list
                        elements: dict
                        suboptions:
                          name:
                            description:
                              - The protocol.
                            type: str
                            choices:
                              - all
                              - bfd
                              - bgp
                              - igmp
                              - ldp
                              - msdp
                              - ospf
                              - ospf3
                              - pim
                              - rip
                              - ripng
                              - rsvp
                              - vrrp
                            required: true
"""

EXAMPLES = r"""
---
- name: Add to what is there
  applianced.appliance.zones:
    config:
      security_zone:
        - name: trust
          interfaces:
            - name: lan0
          host_inbound_traffic:
            system_services:
              - name: ping
        - name: dmz
          interfaces:
            - name: dmz0
    state: merged
    comment: change 4711
- name: Make what is named exactly so
  applianced.appliance.zones:
    config:
      security_zone:
        - name: trust
          description: The office
          interfaces:
            - name: lan1
    state: replaced
- name: Have this and nothing else
  applianced.appliance.zones:
    config:
      security_zone:
        - name: trust
          interfaces:
            - name: lan0
          host_inbound_traffic:
            system_services:
              - name: ping
        - name: dmz
          interfaces:
            - name: dmz0
    state: overridden
- name: Take something away
  applianced.appliance.zones:
    config:
      security_zone:
        - name: dmz
    state: deleted
- name: Take everything away
  applianced.appliance.zones:
    state: deleted
- name: Read what is there
  applianced.appliance.zones:
    state: gathered
  register: there
- name: Show the XML without an appliance
  applianced.appliance.zones:
    config:
      security_zone:
        - name: trust
          interfaces:
            - name: lan0
          host_inbound_traffic:
            system_services:
              - name: ping
        - name: dmz
          interfaces:
            - name: dmz0
    state: rendered
- name: Read a file
  applianced.appliance.zones:
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

from ansible_collections.applianced.appliance.plugins.module_utils.argspec.zones import CONFIG
from ansible_collections.applianced.appliance.plugins.module_utils.change_spec import resource_spec
from ansible_collections.applianced.appliance.plugins.module_utils.module import telling
from ansible_collections.applianced.appliance.plugins.module_utils.resource import run
from ansible_collections.applianced.appliance.plugins.module_utils.resource_table import RESOURCES


def main():
    module = telling(AnsibleModule)(**resource_spec(CONFIG))
    run(module, RESOURCES["zones"])


if __name__ == "__main__":
    main()
