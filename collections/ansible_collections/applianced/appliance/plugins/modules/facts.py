#!/usr/bin/python
# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: facts
short_description: Gathers facts of an appliance
description:
  - What the appliance is called, what was committed last, and parts of its configuration in the form of the modules that
    configure them.
version_added: "1.0.0"
options:
  gather_network_resources:
    description:
      - Which parts of the configuration, by the names of their modules. V(all) for all of them.
    type: list
    elements: str
    choices: [all, address_book, alg, alg_policy, application_sets, applications, nat_destination, nat_source, nat_static, policies, system, users_roles, zones]
notes:
  - Needs C(ansible_network_os=applianced.appliance.applianced), over either connection;
    P(applianced.appliance.netconf#connection) says which suits.
author:
  - The applianced project (@applianced)
"""

EXAMPLES = r"""
---
- name: Who is it
  applianced.appliance.facts:

- name: Zones and policies, too
  applianced.appliance.facts:
    gather_network_resources: [zones, policies]
"""

RETURN = r"""
---
ansible_facts:
  description: C(ansible_net_hostname), C(ansible_net_commit) and others, and C(ansible_network_resources) by module.
  returned: success
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
  sample: {tag: invalid-value, path: /applications/application, message: "..."}
path:
  description: The argument that is wrong.
  returned: when an argument does not fit the model
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.applianced.appliance.plugins.module_utils.module import telling
from ansible_collections.applianced.appliance.plugins.module_utils.operational import facts
from ansible_collections.applianced.appliance.plugins.module_utils.resource import guarded
from ansible_collections.applianced.appliance.plugins.module_utils.resource_table import RESOURCES


def main():
    choices = ["all", *sorted(RESOURCES)]
    module = telling(AnsibleModule)(
        argument_spec={"gather_network_resources": {"type": "list", "elements": "str", "choices": choices}},
        supports_check_mode=True,
    )
    guarded(module, lambda: facts(module))


if __name__ == "__main__":
    main()
