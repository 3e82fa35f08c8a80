#!/usr/bin/python
# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: counters
short_description: Shows what ALGs counted, and waits for it
description:
  - Counters of what ALGs did, refused and noticed, and assertions about them.
version_added: "1.0.0"
options:
  alg:
    description:
      - The ALG; all that are built without it.
    type: str
  non_zero:
    description:
      - Leave out what never happened. Does not count with O(expect).
    type: bool
    default: false
  expect:
    description:
      - What has to hold.
    type: list
    elements: dict
    suboptions:
      alg:
        description:
          - The ALG.
        type: str
        required: true
      event:
        description:
          - The counter.
        type: str
        required: true
      at_least:
        description:
          - Its least value.
        type: int
      at_most:
        description:
          - Its greatest value.
        type: int
  timeout:
    description:
      - Seconds to wait for what is expected.
    type: int
    default: 0
notes:
  - Needs C(ansible_network_os=applianced.appliance.applianced), over either connection;
    P(applianced.appliance.netconf#connection) says which suits.
author:
  - The applianced project (@applianced)
"""

EXAMPLES = r"""
---
- name: The health check opened a gate
  applianced.appliance.counters:
    expect:
      - {alg: ftp, event: gates-opened, at_least: 1}
    timeout: 10
"""

RETURN = r"""
---
counters:
  description: Values by ALG and event.
  returned: success
  type: dict
  sample: {ftp: {gates-opened: 3}}
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
from ansible_collections.applianced.appliance.plugins.module_utils.operational import counters
from ansible_collections.applianced.appliance.plugins.module_utils.resource import guarded


def main():
    expected = {
        "alg": {"type": "str", "required": True},
        "event": {"type": "str", "required": True},
        "at_least": {"type": "int"},
        "at_most": {"type": "int"},
    }
    module = telling(AnsibleModule)(
        argument_spec={
            "alg": {"type": "str"},
            "non_zero": {"type": "bool", "default": False},
            "expect": {"type": "list", "elements": "dict", "options": expected},
            "timeout": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    guarded(module, lambda: counters(module))


if __name__ == "__main__":
    main()
