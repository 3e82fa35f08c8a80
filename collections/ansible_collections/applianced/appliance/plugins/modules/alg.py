#!/usr/bin/python
# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: alg
short_description: Configures the settings of the application layer gateways
description:
  - Brings the settings of the application layer gateways into the state that the arguments describe.
  - This is C(security alg) of the appliance's configuration without C(policies), which another module configures.
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
      tftp:
        description:
          - 'TFTP: reads requests to the port of a server, and admits the session in which the server answers from
            another one.'
        type: dict
        suboptions:
          disable:
            description:
              - 'Turn the ALG off: its traffic passes untouched. Deleting this returns to the default of the platform
                profile.'
            type: bool
          traceoptions:
            description:
              - Write what this ALG does to the file of 'alg traceoptions'.
            type: dict
            suboptions:
              flag:
                description:
                  - What is traced.
                type: list
                elements: dict
                suboptions:
                  name:
                    description:
                      - The kind of event.
                    type: str
                    choices:
                      - all
                    required: true
                  extensive:
                    description:
                      - Write as much of this ALG as level 'extensive' does, whatever the level of 'alg traceoptions'
                        is.
                    type: bool
      traceoptions:
        description:
          - The trace that all ALGs share. An ALG is traced that has traceoptions of its own. At most 200 events
            are written per second and worker; a line says how many were lost.
        type: dict
        suboptions:
          file:
            description:
              - The file.
            type: dict
            suboptions:
              filename:
                description:
                  - Name of the file, in the directory 'dataplane/trace' below the state directory of the appliance.
                    Without it nothing is traced.
                type: str
              size:
                description:
                  - Size at which a new file begins; 10k to 1g.
                  - The appliance's default is 128k octets.
                type: str
              files:
                description:
                  - How many files are kept, the current one among them; the others have .0 (the latest), .1 and
                    so on behind the name.
                  - The appliance's default is 3.
                type: int
              world_readable:
                description:
                  - Every local user may read the file.
                type: bool
              match:
                description:
                  - Only lines that match this regular expression are written.
                type: str
          level:
            description:
              - How much is written.
              - The appliance's default is brief.
            type: str
            choices:
              - brief
              - detail
              - extensive
      dns:
        description:
          - 'DNS over UDP and TCP: checks every message, lets replies pass that answer a query, ends the session
            with the last of them, and translates addresses in replies as static NAT does.'
        type: dict
        suboptions:
          disable:
            description:
              - 'Turn the ALG off: its traffic passes untouched. Deleting this returns to the default of the platform
                profile.'
            type: bool
          maximum_message_length:
            description:
              - The longest message over UDP that is inspected. Over TCP, 8192 octets are.
              - The appliance's default is 512 octets.
            type: int
          oversize_message_drop:
            description:
              - 'Drop longer messages (over TCP: reset the session). Without it they pass uninspected and are counted.'
            type: bool
          doctoring:
            description:
              - 'What is done with messages. Without any of these: checks, and translation of the addresses in A
                and AAAA records by the rules of static NAT.'
            type: dict
            suboptions:
              none:
                description:
                  - Neither checks nor translation; a session over UDP still ends with the last reply.
                type: bool
              sanity_check:
                description:
                  - Checks alone, no translation.
                type: bool
              drop_signed:
                description:
                  - Drop a reply that would have to be translated and is signed (DNSSEC, TSIG). Without it such
                    a reply is left as it is, since a changed one fails validation; both are counted.
                type: bool
          traceoptions:
            description:
              - Write what this ALG does to the file of 'alg traceoptions'.
            type: dict
            suboptions:
              flag:
                description:
                  - What is traced.
                type: list
                elements: dict
                suboptions:
                  name:
                    description:
                      - The kind of event.
                    type: str
                    choices:
                      - all
                    required: true
                  extensive:
                    description:
                      - Write as much of this ALG as level 'extensive' does, whatever the level of 'alg traceoptions'
                        is.
                    type: bool
      ftp:
        description:
          - 'FTP: reads PORT, EPRT, LPRT and the replies to PASV, EPSV and LPSV, translates the endpoints and admits
            the data sessions.'
        type: dict
        suboptions:
          disable:
            description:
              - 'Turn the ALG off: its traffic passes untouched. Deleting this returns to the default of the platform
                profile.'
            type: bool
          ftps_extension:
            description:
              - After AUTH TLS, when the session can no longer be read, admit the inside client's data sessions
                to the same server, any port, while the control session lives. Without it the control session passes,
                its data sessions need a policy.
            type: bool
          line_break_extension:
            description:
              - Accept lines that end with LF alone as well as CR LF.
            type: bool
          allow_mismatch_ip_address:
            description:
              - Accept an announced address that is not the speaker's own (transfers between two servers). Opens
                the way for bounce attacks; by default it is refused and counted.
            type: bool
          traceoptions:
            description:
              - Write what this ALG does to the file of 'alg traceoptions'.
            type: dict
            suboptions:
              flag:
                description:
                  - What is traced.
                type: list
                elements: dict
                suboptions:
                  name:
                    description:
                      - The kind of event.
                    type: str
                    choices:
                      - all
                    required: true
                  extensive:
                    description:
                      - Write as much of this ALG as level 'extensive' does, whatever the level of 'alg traceoptions'
                        is.
                    type: bool
      device_policy:
        description:
          - The ALG policy of the device. It decides about every ALG that it names, in each zone whose own ALG policy
            does not name that ALG; 'security alg' and the platform profile then say nothing about whether it is
            on.
        type: str
"""

EXAMPLES = r"""
---
- name: Add to what is there
  applianced.appliance.alg:
    config: &id001
      ftp:
        ftps_extension: true
      tftp:
        disable: true
    state: merged
    comment: change 4711
- name: Make what is named exactly so
  applianced.appliance.alg:
    config:
      ftp:
        line_break_extension: true
    state: replaced
- name: Have this and nothing else
  applianced.appliance.alg:
    config: *id001
    state: overridden
- name: Take something away
  applianced.appliance.alg:
    config:
      ftp: {}
    state: deleted
- name: Take everything away
  applianced.appliance.alg:
    state: deleted
- name: Read what is there
  applianced.appliance.alg:
    state: gathered
  register: there
- name: Show the XML without an appliance
  applianced.appliance.alg:
    config: *id001
    state: rendered
- name: Read a file
  applianced.appliance.alg:
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

from ansible_collections.applianced.appliance.plugins.module_utils.argspec.alg import CONFIG
from ansible_collections.applianced.appliance.plugins.module_utils.change_spec import resource_spec
from ansible_collections.applianced.appliance.plugins.module_utils.resource import run
from ansible_collections.applianced.appliance.plugins.module_utils.resource_table import RESOURCES


def main():
    module = AnsibleModule(**resource_spec(CONFIG))
    run(module, RESOURCES["alg"])


if __name__ == "__main__":
    main()
