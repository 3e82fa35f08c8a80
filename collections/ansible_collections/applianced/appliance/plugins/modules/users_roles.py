#!/usr/bin/python
# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: users_roles
short_description: Configures users
description:
  - Brings users, what a failed login costs, and access control (RFC 8341) into the state that the arguments describe.
  - This is C(system login) and C(nacm) of the appliance's configuration.
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
      login:
        description:
          - Who may log in. Accounts of the host have no part in it.
        type: dict
        suboptions:
          retry_options:
            description:
              - 'What failed logins cost. They are counted per source: an IPv4 address or an IPv6 /64. Failures
                are forgotten after 15 minutes without one, and a login takes back those of its own connection.'
            type: dict
            suboptions:
              tries_before_disconnect:
                description:
                  - Wrong passwords after which a connection is closed; also the failures after which a source is
                    locked out, where lockout-period is set.
                  - The appliance's default is 3.
                type: int
              backoff_threshold:
                description:
                  - Failures of a source from which on it has to wait before its next password is looked at.
                  - The appliance's default is 2.
                type: int
              backoff_factor:
                description:
                  - 'The wait at the threshold; each further failure adds as much. It never exceeds half of login-grace-time,
                    so that the right password still gets in. 0: no wait.'
                  - The appliance's default is 5 seconds.
                type: int
              lockout_period:
                description:
                  - 'How long a source with too many failures is locked out: its new connections are refused, whatever
                    they would log in with; its open sessions go on. Default: nobody is locked out.'
                  - In minutes.
                type: int
          user:
            description:
              - A user. Without a password and key he cannot log in.
            type: list
            elements: dict
            suboptions:
              name:
                description:
                  - Name of the user.
                type: str
                required: true
              class:
                description:
                  - 'What the user may do. At least one super-user must be able to log in. Default: what ietf-netconf-acm
                    says.'
                type: str
                choices:
                  - super-user
              authentication:
                description:
                  - How the user proves who he is.
                type: dict
                suboptions:
                  encrypted_password:
                    description:
                      - Hash of the password.
                    type: str
                  ssh_public_key:
                    description:
                      - SSH public keys, each a line as in authorized_keys, without options.
                    type: list
                    elements: str
      nacm:
        description:
          - Parameters for NETCONF access control model.
        type: dict
        suboptions:
          enable_nacm:
            description:
              - Enables or disables all NETCONF access control enforcement. If 'true', then enforcement is enabled.
                If 'false', then enforcement is disabled.
              - The appliance's default is true.
            type: bool
          read_default:
            description:
              - Controls whether read access is granted if no appropriate rule is found for a particular read request.
              - The appliance's default is permit.
            type: str
            choices:
              - permit
              - deny
          write_default:
            description:
              - Controls whether create, update, or delete access is granted if no appropriate rule is found for
                a particular write request.
              - The appliance's default is deny.
            type: str
            choices:
              - permit
              - deny
          exec_default:
            description:
              - Controls whether exec access is granted if no appropriate rule is found for a particular protocol
                operation request.
              - The appliance's default is permit.
            type: str
            choices:
              - permit
              - deny
          groups:
            description:
              - NETCONF access control groups.
            type: dict
            suboptions:
              group:
                description:
                  - One NACM group entry. This list will only contain configured entries, not any entries learned
                    from any transport protocols.
                type: list
                elements: dict
                suboptions:
                  name:
                    description:
                      - Group name associated with this entry.
                    type: str
                    required: true
                  user_name:
                    description:
                      - Each entry identifies the username of a member of the group associated with this entry.
                    type: list
                    elements: str
          rule_list:
            description:
              - An ordered collection of access control rules.
            type: list
            elements: dict
            suboptions:
              name:
                description:
                  - Arbitrary name assigned to the rule-list.
                type: str
                required: true
              group:
                description:
                  - List of administrative groups that will be assigned the associated access rights defined by
                    the 'rule' list. The string '*' indicates that all groups apply to the entry.
                type: list
                elements: str
              rule:
                description:
                  - One access control rule. Rules are processed in user-defined order until a match is found. A
                    rule matches if 'module-name', 'rule-type', and 'access-operations' match the request. If a
                    rule matches, the 'action' leaf determines whether or not access is granted.
                type: list
                elements: dict
                suboptions:
                  name:
                    description:
                      - Arbitrary name assigned to the rule.
                    type: str
                    required: true
                  module_name:
                    description:
                      - Name of the module associated with this rule. This leaf matches if it has the value '*'
                        or if the object being accessed is defined in the module with the specified module name.
                      - The appliance's default is *.
                    type: str
                  rpc_name:
                    description:
                      - This leaf matches if it has the value '*' or if its value equals the requested protocol
                        operation name.
                    type: str
                  notification_name:
                    description:
                      - This leaf matches if it has the value '*' or if its value equals the requested notification
                        name.
                    type: str
                  path:
                    description:
                      - Data node instance-identifier associated with the data node, action, or notification controlled
                        by this rule. Configuration data or state data instance-identifiers start with a top-level
                        data node. A complete instance-identifier is required for this type of path value. The special
                        value '/' refers to all possible datastore contents.
                    type: str
                  access_operations:
                    description:
                      - Access operations associated with this rule. This leaf matches if it has the value '*' or
                        if the bit corresponding to the requested operation is set.
                      - The appliance's default is *.
                    type: str
                  action:
                    description:
                      - The access control action associated with the rule. If a rule has been determined to match
                        a particular request, then this object is used to determine whether to permit or deny the
                        request.
                    type: str
                    choices:
                      - permit
                      - deny
                  comment:
                    description:
                      - A textual description of the access rule.
                    type: str
"""

EXAMPLES = r"""
---
- name: Add to what is there
  applianced.appliance.users_roles:
    config:
      login:
        user:
          - name: olga
            authentication:
              ssh_public_key:
                - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI... olga
      nacm:
        groups:
          group:
            - name: enterprise-operator
              user_name:
                - olga
        rule_list:
          - name: operators
            group:
              - enterprise-operator
            rule:
              - name: read-state
                module_name: '*'
                access_operations: read
                action: permit
    state: merged
    comment: change 4711
- name: Make what is named exactly so
  applianced.appliance.users_roles:
    config:
      nacm:
        groups:
          group:
            - name: enterprise-operator
              user_name:
                - olga
                - otto
    state: replaced
- name: Have this and nothing else
  applianced.appliance.users_roles:
    config:
      login:
        user:
          - name: olga
            authentication:
              ssh_public_key:
                - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI... olga
      nacm:
        groups:
          group:
            - name: enterprise-operator
              user_name:
                - olga
        rule_list:
          - name: operators
            group:
              - enterprise-operator
            rule:
              - name: read-state
                module_name: '*'
                access_operations: read
                action: permit
    state: overridden
- name: Take something away
  applianced.appliance.users_roles:
    config:
      nacm:
        rule_list:
          - name: operators
    state: deleted
- name: Take everything away
  applianced.appliance.users_roles:
    state: deleted
- name: Read what is there
  applianced.appliance.users_roles:
    state: gathered
  register: there
- name: Show the XML without an appliance
  applianced.appliance.users_roles:
    config:
      login:
        user:
          - name: olga
            authentication:
              ssh_public_key:
                - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI... olga
      nacm:
        groups:
          group:
            - name: enterprise-operator
              user_name:
                - olga
        rule_list:
          - name: operators
            group:
              - enterprise-operator
            rule:
              - name: read-state
                module_name: '*'
                access_operations: read
                action: permit
    state: rendered
- name: Read a file
  applianced.appliance.users_roles:
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

from ansible_collections.applianced.appliance.plugins.module_utils.argspec.users_roles import CONFIG
from ansible_collections.applianced.appliance.plugins.module_utils.change_spec import resource_spec
from ansible_collections.applianced.appliance.plugins.module_utils.module import telling
from ansible_collections.applianced.appliance.plugins.module_utils.resource import run
from ansible_collections.applianced.appliance.plugins.module_utils.resource_table import RESOURCES


def main():
    module = telling(AnsibleModule)(**resource_spec(CONFIG))
    run(module, RESOURCES["users_roles"])


if __name__ == "__main__":
    main()
