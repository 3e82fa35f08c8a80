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
      pptp:
        description:
          - 'PPTP: reads control connections, and admits the GRE of the calls that are set up there. Where NAT stands
            between, each call gets an ID of its own, so several clients may share an address.'
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
      ike_esp_nat:
        description:
          - 'IKE and ESP without NAT traversal: several hosts behind one address reach one gateway. Admits ESP by
            SPI, and keeps the source port 500 of IKE. NAT traversal (UDP 4500) is left alone.'
        type: dict
        suboptions:
          disable:
            description:
              - 'Turn the ALG off: its traffic passes untouched. Deleting this returns to the default of the platform
                profile.'
            type: bool
          enable:
            description:
              - Turn the ALG on. Without it the platform profile decides.
            type: bool
          esp_gate_timeout:
            description:
              - How long, after an exchange that may end with ESP, the first ESP packet of the gateway is awaited.
                Exchanges of other hosts with the same gateway wait so long at most.
              - The appliance's default is 5 seconds.
            type: int
          esp_session_timeout:
            description:
              - An SPI ends when for so long no packet of it came.
              - The appliance's default is 1800 seconds.
            type: int
          state_timeout:
            description:
              - The state of a pair of cookies ends when for so long no message of it came.
              - The appliance's default is 14400 seconds.
            type: int
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
      sip:
        description:
          - 'SIP over UDP and TCP: reads each message, translates the addresses of its parties, admits the media
            that they announce and agree on, and calls to registered parties. SIP over TLS passes untouched.'
          - 'V(true) stands for an empty mapping: it is there, and nothing in it is configured.'
        type: dict
        suboptions:
          disable:
            description:
              - 'Turn the ALG off: its traffic passes untouched. Deleting this returns to the default of the platform
                profile.'
            type: bool
          inactive_media_timeout:
            description:
              - A medium ends that no packet has used for so long. With the last medium of a call that is not on
                hold, the call ends.
              - The appliance's default is 120 seconds.
            type: int
          maximum_call_duration:
            description:
              - 'A call ends after so long; 0: never.'
              - The appliance's default is 720 minutes.
            type: int
          t1_interval:
            description:
              - 'The round-trip time that timers rest on: a request without any response is forgotten after 64 times
                as long, and a call with it.'
              - The appliance's default is 500 milliseconds.
            type: int
          t4_interval:
            description:
              - 'How long a message stays in the network: a transaction is remembered for so long after its final
                response, or the ACK.'
              - The appliance's default is 5 seconds.
            type: int
          c_timeout:
            description:
              - How long an INVITE may stay without a final response after the last provisional one.
              - The appliance's default is 3 minutes.
            type: int
          disable_call_id_hiding:
            description:
              - Leave the host in Call-ID as it is, and wherever else a Call-ID stands. Without it, where that host
                is the address of a party that NAT translates, it is translated, too, and back.
            type: bool
          retain_hold_resource:
            description:
              - Keep the gates of media while a call is on hold. Without it they close, and open again when it goes
                on; the ports stay bound in either case.
            type: bool
          hide_via_headers:
            description:
              - Of a request from a party that NAT translates, all Via headers but the first are kept back, and
                put into its responses again.
            type: dict
            suboptions:
              disable:
                description:
                  - Send them on, with addresses translated.
                type: bool
          application_screen:
            description:
              - What is refused.
            type: dict
            suboptions:
              unknown_message:
                description:
                  - 'What becomes of messages that cannot be read. Without these leaves they are dropped, and a
                    stream is reset: nobody knows where its next message would begin. A stream in which one passes
                    is not read any further.'
                type: dict
                suboptions:
                  permit_nat_applied:
                    description:
                      - Pass them where NAT translates a party of the session.
                    type: bool
                  permit_routed:
                    description:
                      - Pass them where it does not.
                    type: bool
              protect:
                description:
                  - Protection of servers from INVITE requests.
                type: dict
                suboptions:
                  deny:
                    description:
                      - 'An INVITE that a protected server answers with 3xx to 6xx, other than 401, 407, 487, 488
                        and 491, keeps its sender away from that server: further INVITE requests between the two
                        addresses are dropped for a while.'
                    type: dict
                    suboptions:
                      destination_ip:
                        description:
                          - Servers with addresses in these prefixes.
                        type: list
                        elements: str
                      all:
                        description:
                          - All servers.
                        type: bool
                      timeout:
                        description:
                          - How long a caller is kept away.
                          - The appliance's default is 5 seconds.
                        type: int
              message_rate:
                description:
                  - Requests per second of each method, from all sources together that one worker reads. What is
                    over the limit is dropped and counted. Without a leaf there is no limit.
                type: dict
                suboptions:
                  invite:
                    description:
                      - INVITE requests that pass.
                      - In requests per second.
                    type: int
                  ack:
                    description:
                      - ACK requests that pass.
                      - In requests per second.
                    type: int
                  bye:
                    description:
                      - BYE requests that pass.
                      - In requests per second.
                    type: int
                  cancel:
                    description:
                      - CANCEL requests that pass.
                      - In requests per second.
                    type: int
                  register:
                    description:
                      - REGISTER requests that pass.
                      - In requests per second.
                    type: int
                  options:
                    description:
                      - OPTIONS requests that pass.
                      - In requests per second.
                    type: int
                  prack:
                    description:
                      - PRACK requests that pass.
                      - In requests per second.
                    type: int
                  update:
                    description:
                      - UPDATE requests that pass.
                      - In requests per second.
                    type: int
                  refer:
                    description:
                      - REFER requests that pass.
                      - In requests per second.
                    type: int
                  subscribe:
                    description:
                      - SUBSCRIBE requests that pass.
                      - In requests per second.
                    type: int
                  notify:
                    description:
                      - NOTIFY requests that pass.
                      - In requests per second.
                    type: int
                  publish:
                    description:
                      - PUBLISH requests that pass.
                      - In requests per second.
                    type: int
                  message_:
                    description:
                      - MESSAGE requests that pass.
                      - In requests per second.
                    type: int
                  info:
                    description:
                      - INFO requests that pass.
                      - In requests per second.
                    type: int
                  other:
                    description:
                      - Requests of any other method that pass, together.
                      - In requests per second.
                    type: int
              source_rate:
                description:
                  - The same for each source address by itself.
                type: dict
                suboptions:
                  invite:
                    description:
                      - INVITE requests that pass from one source.
                      - In requests per second.
                    type: int
                  ack:
                    description:
                      - ACK requests that pass from one source.
                      - In requests per second.
                    type: int
                  bye:
                    description:
                      - BYE requests that pass from one source.
                      - In requests per second.
                    type: int
                  cancel:
                    description:
                      - CANCEL requests that pass from one source.
                      - In requests per second.
                    type: int
                  register:
                    description:
                      - REGISTER requests that pass from one source.
                      - In requests per second.
                    type: int
                  options:
                    description:
                      - OPTIONS requests that pass from one source.
                      - In requests per second.
                    type: int
                  prack:
                    description:
                      - PRACK requests that pass from one source.
                      - In requests per second.
                    type: int
                  update:
                    description:
                      - UPDATE requests that pass from one source.
                      - In requests per second.
                    type: int
                  refer:
                    description:
                      - REFER requests that pass from one source.
                      - In requests per second.
                    type: int
                  subscribe:
                    description:
                      - SUBSCRIBE requests that pass from one source.
                      - In requests per second.
                    type: int
                  notify:
                    description:
                      - NOTIFY requests that pass from one source.
                      - In requests per second.
                    type: int
                  publish:
                    description:
                      - PUBLISH requests that pass from one source.
                      - In requests per second.
                    type: int
                  message_:
                    description:
                      - MESSAGE requests that pass from one source.
                      - In requests per second.
                    type: int
                  info:
                    description:
                      - INFO requests that pass from one source.
                      - In requests per second.
                    type: int
                  other:
                    description:
                      - Requests of any other method that pass from one source, together.
                      - In requests per second.
                    type: int
                  all:
                    description:
                      - Requests of all methods from one source.
                      - In requests per second.
                    type: int
          dscp_rewrite:
            description:
              - Differentiated services code point of the media. Without it theirs is left.
            type: dict
            suboptions:
              code_point:
                description:
                  - The code point as six bits.
                type: str
          early_media:
            description:
              - Open gates with the offer already, to whoever sends first; they close with the answer. Without it,
                gates open with the first answer, which may come in a provisional response.
            type: bool
          hosted_nat_traversal:
            description:
              - 'Where requests of an outside party show that it is behind a NAT of its own, do not believe the
                address that it announces for media: the other party is told the address that its messages come
                from, and the first packet decides its port. A Contact at the address of such a Via becomes the
                endpoint that its messages come from, and what is sent there says again what it wrote; over TCP
                where NAT translates the other party.'
            type: bool
          ice_candidates:
            description:
              - What becomes of the lines of ICE in a session description in which addresses are translated.
              - The appliance's default is remove.
            type: str
            choices:
              - remove
              - rewrite
          media_proxy:
            description:
              - Inside parties that may announce media, and contacts, at addresses other than their own. Of any
                other inside party, media at another address get no gate. An outside party may always do so.
            type: list
            elements: str
          outside_zone:
            description:
              - Zones whose parties are outside. Where NAT translates a party, that one is inside and the other
                outside. Without NAT, the one that opened the session is taken for inside, unless it comes from
                one of these zones, or was admitted as a call to a registered contact.
            type: list
            elements: str
          control_gate:
            description:
              - Which announcements of an inside party admit SIP sessions to it.
            type: list
            elements: str
            choices:
              - contact
              - register
              - via
              - record-route
              - route
          incoming_calls_from:
            description:
              - Who may open SIP sessions to a registered contact.
              - The appliance's default is registrar.
            type: str
            choices:
              - registrar
              - anyone
          limits:
            description:
              - How much is remembered.
            type: dict
            suboptions:
              calls_per_session:
                description:
                  - Calls at once of one session. An INVITE beyond is dropped.
                  - The appliance's default is 8192.
                type: int
              calls_total:
                description:
                  - Calls at once, in each worker.
                  - The appliance's default is 32768.
                type: int
              transactions_per_session:
                description:
                  - Transactions at once of one session. A request beyond is dropped.
                  - The appliance's default is 32768.
                type: int
              transactions_total:
                description:
                  - Transactions at once, in each worker.
                  - The appliance's default is 65536.
                type: int
              registrations_per_session:
                description:
                  - Registered contacts of one session. One beyond gets no gate.
                  - The appliance's default is 4096.
                type: int
              registrations_per_source:
                description:
                  - Registered contacts at one inside address, over all of its sessions. One beyond gets no gate.
                  - The appliance's default is 4096.
                type: int
              registrations_total:
                description:
                  - Registered contacts, in each worker.
                  - The appliance's default is 65536.
                type: int
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
"""

EXAMPLES = r"""
---
- name: Add to what is there
  applianced.appliance.alg:
    config:
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
    config:
      ftp:
        ftps_extension: true
      tftp:
        disable: true
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
    config:
      ftp:
        ftps_extension: true
      tftp:
        disable: true
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
from ansible_collections.applianced.appliance.plugins.module_utils.module import telling
from ansible_collections.applianced.appliance.plugins.module_utils.resource import run
from ansible_collections.applianced.appliance.plugins.module_utils.resource_table import RESOURCES


def main():
    module = telling(AnsibleModule)(**resource_spec(CONFIG))
    run(module, RESOURCES["alg"])


if __name__ == "__main__":
    main()
