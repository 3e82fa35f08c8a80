# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Arguments of every module that changes the configuration."""

    DOCUMENTATION = r"""
options:
  comment:
    description:
      - What the change is for. The appliance shows it in its list of commits.
    type: str
  confirm_timeout:
    description:
      - Seconds within which the commit has to be confirmed, by M(applianced.appliance.config) with O(persist_id), or
        the appliance takes it back.
      - Without it the commit needs no confirmation.
    type: int
  persist_id:
    description:
      - The name of a confirmed commit. With it the commit outlives the connection, and any session that knows the name
        can confirm or extend it.
      - Without it a confirmed commit is taken back as well when the connection ends.
    type: str
  when_busy:
    description:
      - What to do when another controller is changing the same, holds a lock, or has a commit that waits for its
        confirmation.
      - V(fail) fails with an error that says who is in the way; nothing is changed then.
      - V(wait) tries again, on what the other one has made of the configuration, for O(busy_timeout).
    type: str
    choices: [fail, wait]
    default: fail
  busy_timeout:
    description:
      - Seconds to wait with O(when_busy=wait).
    type: int
    default: 60
  cache_path:
    description:
      - Folder on the controller that remembers, per appliance and module, a hash of the last arguments and the
        transaction id of the configuration that has them in force. With it, a run that changes nothing is one request.
      - Losing it costs reading the configuration once, or four requests more of M(applianced.appliance.config). Empty
        to remember nothing.
    type: path
    default: ~/.ansible/applianced
notes:
  - Needs C(ansible_network_os=applianced.appliance.applianced), over either connection;
    P(applianced.appliance.netconf#connection) says which suits.
  - In check mode the candidate is edited, validated, compared with what is in force, and discarded. What is returned is
    what the real run then does.
  - Hashes of passwords are C(********) in what is returned. Who gives that back keeps the hash that is there.
  - Every session has a candidate of its own; nobody sees or commits half of a change.
"""
