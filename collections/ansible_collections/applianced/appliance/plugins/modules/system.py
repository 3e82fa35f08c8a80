#!/usr/bin/python
# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Generated from the YANG modules by `make collection`: change those, or the generator.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: system
short_description: Configures the system
description:
  - 'Brings the system: host name, platform profile, and the services of management into the state that the arguments
    describe.'
  - This is C(system) of the appliance's configuration without C(login), which another module configures.
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
      host_name:
        description:
          - Name of the appliance, as logs carry it.
          - The appliance's default is applianced.
        type: str
      platform_profile:
        description:
          - Which ALGs are on without being configured.
          - The appliance's default is branch.
        type: str
        choices:
          - branch
          - high-end
          - sdwan
      services:
        description:
          - Services of the appliance.
        type: dict
        suboptions:
          netconf:
            description:
              - NETCONF (RFC 6241). Limits count from the commit on, also for what is open.
            type: dict
            suboptions:
              session_limit:
                description:
                  - NETCONF sessions at once. One more is refused, logged and counted (sessions-refused).
                  - The appliance's default is 512.
                type: int
              session_limit_per_user:
                description:
                  - NETCONF sessions at once of one user; below session-limit, so that no user takes the last one
                    from the others.
                  - The appliance's default is 256.
                type: int
              private_candidate_limit:
                description:
                  - Sessions at once that have a candidate of their own. One more is refused its candidate ('resource-denied'),
                    not its session; each operation that would need it is logged and counted (private-candidates-refused).
                    Each may hold two copies of the configuration.
                  - The appliance's default is 32.
                type: int
              message_size:
                description:
                  - Largest message of a client. A session that sends a larger one is answered 'too-big' and ended,
                    which is logged. A client's hello has at most 131072 octets.
                  - The appliance's default is 33554432 octets.
                type: int
              message_memory:
                description:
                  - What all sessions together may hold of messages that are incomplete or wait for their turn.
                    Beyond it the session that holds the most is killed.
                  - The appliance's default is 268435456 octets.
                type: int
              reply_memory:
                description:
                  - What replies that clients have not read may take of memory; one that many have asked for counts
                    once. Beyond it further long replies wait for ten seconds at most, and of those that have waited
                    for their client for five seconds in all the one that has cost the most, as octets and seconds,
                    goes with its session; beyond twice as much without these five seconds. A reply that is larger
                    by itself can be read while no other is.
                  - The appliance's default is 268435456 octets.
                type: int
              idle_timeout:
                description:
                  - 'A session in which nothing was asked for this long is ended. 0: never.'
                  - The appliance's default is 0 seconds.
                type: int
              hello_timeout:
                description:
                  - How long a client may take for its hello.
                  - The appliance's default is 30 seconds.
                type: int
              message_timeout:
                description:
                  - How long a message may take from its first octet to its last.
                  - The appliance's default is 120 seconds.
                type: int
              reply_timeout:
                description:
                  - How long nothing may leave of a reply that waits for its client, before that counts as gone.
                    A megabyte or two may have left to the kernel, which goes on to send it.
                  - The appliance's default is 120 seconds.
                type: int
              notification:
                description:
                  - Notifications of the NETCONF server (RFC 5277). Changes count from the commit on, also for subscriptions
                    that are open.
                type: dict
                suboptions:
                  replay_log_count:
                    description:
                      - 'Notifications that are kept for a replay. 0: none, and streams say that they have no replay.'
                      - The appliance's default is 1000.
                    type: int
                  replay_log_size:
                    description:
                      - What is kept for a replay takes at most so much memory, and twice as much on the disk.
                      - The appliance's default is 1048576 octets.
                    type: int
                  queue_count:
                    description:
                      - Notifications that may wait for one subscriber. Those beyond are lost to him, and he is
                        told how many.
                      - The appliance's default is 1000.
                    type: int
                  queue_size:
                    description:
                      - What waits for one subscriber takes at most so much.
                      - The appliance's default is 1048576 octets.
                    type: int
                  event:
                    description:
                      - Events for which something else than usual counts.
                    type: list
                    elements: dict
                    suboptions:
                      name:
                        description:
                          - The notification.
                        type: str
                        choices:
                          - netconf-config-change
                          - netconf-capability-change
                          - netconf-session-start
                          - netconf-session-end
                          - netconf-confirmed-commit
                          - login-failure
                          - gate-opened
                          - gate-closed
                          - gate-refused
                          - violation
                          - worker-down
                          - worker-up
                          - alarm-raised
                          - alarm-cleared
                        required: true
                      enable:
                        description:
                          - It is told.
                        type: bool
                      disable:
                        description:
                          - It is not told.
                        type: bool
                      rate_limit:
                        description:
                          - 'At most so many a second are told; of the rest only their number, in events-suppressed.
                            Default: as the name says, or any number.'
                          - In notifications per second.
                        type: int
              ssh:
                description:
                  - NETCONF over SSH (RFC 6242).
                type: dict
                suboptions:
                  port:
                    description:
                      - TCP port that NETCONF answers on from the commit on, unless the command line names one.
                        Open sessions go on at the former port. A port that cannot be had, because another program
                        listens there, refuses the commit.
                      - The appliance's default is 830.
                    type: int
                  connection_limit:
                    description:
                      - SSH connections at once. Beyond it the oldest that has not logged in gives way; when all
                        have, the new one is refused.
                      - The appliance's default is 512.
                    type: int
                  rate_limit:
                    description:
                      - 'Connections accepted in a minute from one source: an IPv4 address or an IPv6 /64, so that
                        nobody uses up the share of others. Default: any number.'
                      - In connections per minute.
                    type: int
                  pending_login_limit:
                    description:
                      - Connections at once that have not logged in. One more pushes out the oldest of them, so
                        that silent ones lock nobody out.
                      - The appliance's default is 256.
                    type: int
                  login_grace_time:
                    description:
                      - How long a connection may take to log in.
                      - The appliance's default is 30 seconds.
                    type: int
                  max_sessions_per_connection:
                    description:
                      - NETCONF sessions at once over one connection.
                      - The appliance's default is 16.
                    type: int
                  client_alive_interval:
                    description:
                      - 'A client that was silent this long after its login is asked within SSH whether it lives.
                        0: never.'
                      - The appliance's default is 60 seconds.
                    type: int
                  client_alive_count_max:
                    description:
                      - That many questions may stay unanswered; then the connection, with its sessions and locks,
                        is ended.
                      - The appliance's default is 3.
                    type: int
                  hostkey_algorithm_list:
                    description:
                      - Host keys that clients may choose from. A key is made when its algorithm is first listed,
                        and is kept outside of the configuration; 'regenerate-ssh-host-key' replaces it.
                    type: list
                    elements: str
                    choices:
                      - ed25519
                      - ecdsa
                      - rsa
                  tcp_keepalives:
                    description:
                      - Probes of TCP itself, which notice dead peers also before their login. They bound how long
                        sent octets may stay unacknowledged, too.
                    type: dict
                    suboptions:
                      idle_time:
                        description:
                          - Silence after which the first probe is sent.
                          - The appliance's default is 60 seconds.
                        type: int
                      max_probes:
                        description:
                          - That many probes may stay unanswered.
                          - The appliance's default is 5.
                        type: int
                      probe_interval:
                        description:
                          - Time between two probes.
                          - The appliance's default is 10 seconds.
                        type: int
              url:
                description:
                  - Places besides the datastores that <edit-config>, <validate>, <copy-config> and <delete-config>
                    may name by a URL. Without 'file' and without a server the capability :url is not announced.
                type: dict
                suboptions:
                  file:
                    description:
                      - 'Offer file:///NAME: files of one folder in the state directory, which holds nothing else.'
                    type: bool
                  file_limit:
                    description:
                      - Files in that folder.
                      - The appliance's default is 100.
                    type: int
                  size_limit:
                    description:
                      - Largest content of a URL, read or written.
                      - The appliance's default is 33554432 octets.
                    type: int
                  timeout:
                    description:
                      - How long an exchange with a server may take as a whole.
                      - The appliance's default is 60 seconds.
                    type: int
                  https_server:
                    description:
                      - 'A server that https: URLs may name, and no other. It is read with GET, written with PUT
                        and emptied with DELETE; redirects are not followed.'
                    type: list
                    elements: dict
                    suboptions:
                      host:
                        description:
                          - Its name or address, as it stands in the URL and in its certificate.
                        type: str
                        required: true
                      port:
                        description:
                          - Its TCP port.
                          - The appliance's default is 443.
                        type: int
                      path_prefix:
                        description:
                          - What the path of a URL must begin with, up to a slash or its end.
                          - The appliance's default is /.
                        type: str
                      ca_certificate:
                        description:
                          - 'Certificates (DER) of the authorities that may have signed the server''s. Default:
                            those that the system trusts.'
                        type: list
                        elements: str
                      certificate_sha256:
                        description:
                          - 'Fingerprints, one of which the server''s own certificate must have, besides being signed.
                            Default: any.'
                        type: list
                        elements: str
                      private_address:
                        description:
                          - 'The server''s address may be private, loopback or link-local. Default: only addresses
                            of the Internet are connected to, whatever a name resolves to.'
                        type: bool
              call_home:
                description:
                  - Clients that the appliance connects to by itself, since a NAT or a firewall keeps them from
                    connecting to it. They log in as over any other connection.
                type: dict
                suboptions:
                  netconf_client:
                    description:
                      - A client; one connection to it is kept up, or made from time to time.
                    type: list
                    elements: dict
                    suboptions:
                      name:
                        description:
                          - Name of the client.
                        type: str
                        required: true
                      endpoint:
                        description:
                          - Where the client listens, in the order of trying.
                        type: list
                        elements: dict
                        suboptions:
                          name:
                            description:
                              - Name of the endpoint.
                            type: str
                            required: true
                          address:
                            description:
                              - Its address, or a name that DNS knows.
                            type: str
                          port:
                            description:
                              - TCP port.
                              - The appliance's default is 4334.
                            type: int
                      connection_type:
                        description:
                          - 'When there is to be a connection: always, unless it is periodic.'
                        type: dict
                        suboptions:
                          periodic:
                            description:
                              - The appliance connects once a period. The client closes the connection when it has
                                done what it wanted; while one is open, or cannot be made, no other begins.
                              - 'V(true) stands for an empty mapping: it is there, and nothing in it is configured.'
                            type: dict
                            suboptions:
                              period:
                                description:
                                  - Time from one connection to the next, however long they are open.
                                  - The appliance's default is 60 minutes.
                                type: int
                              anchor_time:
                                description:
                                  - Connections are made at whole multiples of the period before or after this time.
                                    Without it, the first is made when the configuration comes into force or management
                                    starts.
                                type: str
                              idle_timeout:
                                description:
                                  - A connection over which no NETCONF message has come or gone for so long is closed;
                                    0 closes none.
                                  - The appliance's default is 180 seconds.
                                type: int
                      reconnect_strategy:
                        description:
                          - What to do when there is no connection.
                        type: dict
                        suboptions:
                          start_with:
                            description:
                              - The endpoint that is tried first; the others follow in their order.
                              - The appliance's default is first-listed.
                            type: str
                            choices:
                              - first-listed
                              - last-connected
                              - random-selection
                          max_attempts:
                            description:
                              - Attempts at one endpoint before the next is tried; after the last one the first
                                is.
                              - The appliance's default is 3.
                            type: int
                          interval:
                            description:
                              - Time between two attempts, more or less by up to half of it, so that a fleet does
                                not call in one instant.
                              - The appliance's default is 5 seconds.
                            type: int
"""

EXAMPLES = r"""
---
- name: Add to what is there
  applianced.appliance.system:
    config:
      host_name: gw7.example.net
      services:
        netconf:
          idle_timeout: 3600
    state: merged
    comment: change 4711
- name: Make what is named exactly so
  applianced.appliance.system:
    config:
      host_name: gw8.example.net
    state: replaced
- name: Have this and nothing else
  applianced.appliance.system:
    config:
      host_name: gw7.example.net
      services:
        netconf:
          idle_timeout: 3600
    state: overridden
- name: Take something away
  applianced.appliance.system:
    config:
      services: {}
    state: deleted
- name: Take everything away
  applianced.appliance.system:
    state: deleted
- name: Read what is there
  applianced.appliance.system:
    state: gathered
  register: there
- name: Show the XML without an appliance
  applianced.appliance.system:
    config:
      host_name: gw7.example.net
      services:
        netconf:
          idle_timeout: 3600
    state: rendered
- name: Read a file
  applianced.appliance.system:
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

from ansible_collections.applianced.appliance.plugins.module_utils.argspec.system import CONFIG
from ansible_collections.applianced.appliance.plugins.module_utils.change_spec import resource_spec
from ansible_collections.applianced.appliance.plugins.module_utils.module import telling
from ansible_collections.applianced.appliance.plugins.module_utils.resource import run
from ansible_collections.applianced.appliance.plugins.module_utils.resource_table import RESOURCES


def main():
    module = telling(AnsibleModule)(**resource_spec(CONFIG))
    run(module, RESOURCES["system"])


if __name__ == "__main__":
    main()
