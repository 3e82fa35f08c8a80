#!/usr/bin/python
# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: clear
short_description: Closes gates, ends sessions, sets counters back
description:
  - Ends what ALGs let in, or forgets what they counted.
version_added: "1.0.0"
options:
  what:
    description:
      - A V(gate) with the data sessions that it let in, one session, all sessions of an ALG, counters, or the marks of
        how much was in use at most (V(resources)).
    type: str
    choices: [gate, control_session, data_session, alg_sessions, alg_counters, resources]
    required: true
  number:
    description:
      - The number of the gate, or the id of the session.
    type: int
  alg:
    description:
      - The ALG; without it the counters of all.
    type: str
notes:
  - Needs C(ansible_network_os=applianced.appliance.applianced), over either connection;
    P(applianced.appliance.netconf#connection) says which suits.
author:
  - The applianced project (@applianced)
"""

EXAMPLES = r"""
---
- name: End a data session
  applianced.appliance.clear:
    what: gate
    number: 291424257

- name: Count from zero
  applianced.appliance.clear:
    what: alg_counters
    alg: ftp
"""

RETURN = r"""
---
ended:
  description: What the appliance says that it ended.
  returned: success
  type: dict
  sample: {data_sessions: 1}
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
from ansible_collections.applianced.appliance.plugins.module_utils.operational import CLEARS, clear
from ansible_collections.applianced.appliance.plugins.module_utils.resource import guarded


def main():
    module = telling(AnsibleModule)(
        argument_spec={
            "what": {"type": "str", "choices": list(CLEARS), "required": True},
            "number": {"type": "int"},
            "alg": {"type": "str"},
        },
        required_if=[
            ("what", "gate", ["number"]),
            ("what", "control_session", ["number"]),
            ("what", "data_session", ["number"]),
            ("what", "alg_sessions", ["alg"]),
        ],
        supports_check_mode=True,
    )
    guarded(module, lambda: clear(module))


if __name__ == "__main__":
    main()
