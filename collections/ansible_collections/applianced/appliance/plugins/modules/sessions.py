#!/usr/bin/python
# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: sessions
short_description: Shows control and data sessions of ALGs, and waits for them
description:
  - Lists sessions, and fails when there are fewer or more than expected.
version_added: "1.0.0"
options:
  type:
    description:
      - V(control) sessions are read by an ALG, V(data) sessions were let in by its gates.
    type: str
    choices: [control, data]
    default: control
  alg:
    description:
      - Only those of this ALG.
    type: str
  zone:
    description:
      - Only those whose control session comes from this zone or goes to it.
    type: str
  address:
    description:
      - Only those one of whose ends is this address, or in this prefix, before or after translation.
    type: str
  control_session:
    description:
      - Only data sessions of this control session.
    type: int
  gate:
    description:
      - Only data sessions that this gate let in.
    type: int
  at_least:
    description:
      - Fail unless there are so many.
    type: int
  at_most:
    description:
      - Fail when there are more.
    type: int
  timeout:
    description:
      - Seconds to wait for O(at_least) and O(at_most) to hold.
    type: int
    default: 0
  limit:
    description:
      - The most entries to return. All are counted.
    type: int
    default: 1000
notes:
  - Needs C(ansible_network_os=applianced.appliance.applianced), over either connection;
    P(applianced.appliance.netconf#connection) says which suits.
author:
  - The applianced project (@applianced)
"""

EXAMPLES = r"""
---
- name: Nobody of the office is in the middle of a transfer
  applianced.appliance.sessions:
    type: data
    address: 10.71.0.0/16
    at_most: 0
    timeout: 60
"""

RETURN = r"""
---
control_sessions:
  description: The sessions.
  returned: when O(type=control)
  type: list
  elements: dict
data_sessions:
  description: The sessions.
  returned: when O(type=data)
  type: list
  elements: dict
matched:
  description: How many there are.
  returned: success
  type: int
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
from ansible_collections.applianced.appliance.plugins.module_utils.operational import listing
from ansible_collections.applianced.appliance.plugins.module_utils.resource import guarded


def sessions(module):
    """What is asked, from the arguments."""
    params = module.params
    data = params["type"] == "data"
    names = ("alg", "zone", "address", *(("control_session", "gate") if data else ()))
    given = {name.replace("_", "-"): params[name] for name in names}
    kind = f"{params['type']}-session"
    return listing(module, f"get-{kind}s", kind, given, (params["at_least"], params["at_most"]))


def main():
    module = telling(AnsibleModule)(
        argument_spec={
            "type": {"type": "str", "choices": ["control", "data"], "default": "control"},
            "alg": {"type": "str"},
            "zone": {"type": "str"},
            "address": {"type": "str"},
            "control_session": {"type": "int"},
            "gate": {"type": "int"},
            "at_least": {"type": "int"},
            "at_most": {"type": "int"},
            "timeout": {"type": "int", "default": 0},
            "limit": {"type": "int", "default": 1000},
        },
        supports_check_mode=True,
    )
    guarded(module, lambda: sessions(module))


if __name__ == "__main__":
    main()
