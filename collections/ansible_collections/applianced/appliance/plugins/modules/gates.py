#!/usr/bin/python
# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: gates
short_description: Shows the gates that ALGs opened, and waits for them
description:
  - A gate is the permission for one announced data session. The module lists them, and fails when there are fewer or more
    than expected.
version_added: "1.0.0"
options:
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
      - Only those that this control session asked for.
    type: int
  state:
    description:
      - Only those in this state.
    type: str
    choices: [open, closed, all]
    default: open
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
- name: FTP opened a gate within ten seconds
  applianced.appliance.gates:
    alg: ftp
    state: all
    at_least: 1
    timeout: 10
"""

RETURN = r"""
---
gates:
  description: The gates.
  returned: success
  type: list
  elements: dict
  sample:
    - {number: 291424257, alg: ftp, control_session: 262145, reason: "PORT 10,71,1,2,170,143", packets: 74}
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


def gates(module):
    """What is asked, from the arguments."""
    params = module.params
    names = ("alg", "zone", "address", "control_session", "state")
    given = {name.replace("_", "-"): params[name] for name in names}
    return listing(module, "get-gates", "gate", given, (params["at_least"], params["at_most"]))


def main():
    module = telling(AnsibleModule)(
        argument_spec={
            "alg": {"type": "str"},
            "zone": {"type": "str"},
            "address": {"type": "str"},
            "control_session": {"type": "int"},
            "state": {"type": "str", "choices": ["open", "closed", "all"], "default": "open"},
            "at_least": {"type": "int"},
            "at_most": {"type": "int"},
            "timeout": {"type": "int", "default": 0},
            "limit": {"type": "int", "default": 1000},
        },
        supports_check_mode=True,
    )
    guarded(module, lambda: gates(module))


if __name__ == "__main__":
    main()
