#!/usr/bin/python
# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rpc
short_description: Calls an operation
description:
  - Calls any operation of the appliance. Those whose names begin with C(get), C(compare) or C(validate) change nothing;
    the others are left out in check mode, and count as a change.
version_added: "1.0.0"
options:
  rpc:
    description:
      - The operation's name, as C(get-workers), with or without its module.
    type: str
  input:
    description:
      - Its parameters as JSON (RFC 7951); a leaf of type empty is C([null]).
    type: dict
  xml:
    description:
      - The operation as XML, for those that the collection does not know. Its answer is shown as XML or as a dictionary.
    type: str
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
- name: Restart a worker
  applianced.appliance.rpc:
    rpc: restart-worker
    input:
      queue: 0

- name: What a candidate would change
  applianced.appliance.rpc:
    rpc: compare

- name: Any operation
  applianced.appliance.rpc:
    xml: <get-schema xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><identifier>applianced-nat</identifier></get-schema>
    display: dict
"""

RETURN = r"""
---
output:
  description: What was answered; a string when O(display=xml).
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
from ansible_collections.applianced.appliance.plugins.module_utils.operational import rpc
from ansible_collections.applianced.appliance.plugins.module_utils.resource import guarded


def main():
    module = telling(AnsibleModule)(
        argument_spec={
            "rpc": {"type": "str"},
            "input": {"type": "dict"},
            "xml": {"type": "str"},
            "display": {"type": "str", "choices": ["json", "xml", "dict"], "default": "json"},
        },
        mutually_exclusive=[("rpc", "xml"), ("input", "xml")],
        required_one_of=[("rpc", "xml")],
        supports_check_mode=True,
    )
    guarded(module, lambda: rpc(module))


if __name__ == "__main__":
    main()
