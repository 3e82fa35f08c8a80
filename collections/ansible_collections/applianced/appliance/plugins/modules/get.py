#!/usr/bin/python
# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: get
short_description: Reads configuration and state
description:
  - Reads what is in force, the candidate, or configuration and state together, whole or in part.
version_added: "1.0.0"
options:
  paths:
    description:
      - What to read, as C(/security/zones) or C(/applications/application[name='ftp-2121']). The names of modules may be
        left out.
    type: list
    elements: str
  filter:
    description:
      - What to read, as the XML of a subtree filter (RFC 6241 section 6).
    type: str
  source:
    description:
      - V(operational) is configuration and state together.
    type: str
    choices: [running, candidate, operational]
    default: running
  display:
    description:
      - V(json) is JSON as RFC 7951 has it, of what the collection knows of the models.
      - V(xml) is the XML as the appliance sent it, and V(dict) the same in a dictionary, by xmltodict.
    type: str
    choices: [json, xml, dict]
    default: json
notes:
  - Needs C(ansible_network_os=applianced.appliance.applianced), over either connection;
    P(applianced.appliance.netconf#connection) says which suits.
author:
  - The applianced project (@applianced)
"""

EXAMPLES = r"""
---
- name: The zones
  applianced.appliance.get:
    paths: [/security/zones]
  register: zones

- name: Who committed what
  applianced.appliance.get:
    paths: [/system/commits]
    source: operational

- name: Sessions of NETCONF, which other models describe
  applianced.appliance.get:
    filter: <netconf-state xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><sessions/></netconf-state>
    source: operational
    display: dict
"""

RETURN = r"""
---
output:
  description: What was read; a string when O(display=xml).
  returned: success
  type: raw
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
from ansible_collections.applianced.appliance.plugins.module_utils.operational import get
from ansible_collections.applianced.appliance.plugins.module_utils.resource import guarded


def main():
    module = telling(AnsibleModule)(
        argument_spec={
            "paths": {"type": "list", "elements": "str"},
            "filter": {"type": "str"},
            "source": {"type": "str", "choices": ["running", "candidate", "operational"], "default": "running"},
            "display": {"type": "str", "choices": ["json", "xml", "dict"], "default": "json"},
        },
        mutually_exclusive=[("paths", "filter")],
        supports_check_mode=True,
    )
    guarded(module, lambda: get(module))


if __name__ == "__main__":
    main()
