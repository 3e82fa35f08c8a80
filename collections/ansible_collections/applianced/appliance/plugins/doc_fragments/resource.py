# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Arguments of every resource module."""

    DOCUMENTATION = r"""
options:
  state:
    description:
      - V(merged) adds to what is there, and changes what is named. What is there or not, as C(disable) of an
        ALG, is taken away by V(false).
      - V(replaced) makes each entry, container or value that is named exactly so, and leaves the others alone.
      - V(overridden) has what is named and nothing else.
      - V(deleted) takes away the entries (by their keys), containers or values that are named, or everything when
        O(config) is not given. The deepest that is named goes - a policy of a pair of zones and not the pair, the flag
        of an ALG and not the ALG; an entry of which nothing else is left goes with the entries in it.
      - V(gathered) returns what is there.
      - V(rendered) returns the XML of O(config) and needs no appliance.
      - V(parsed) returns what O(running_config) says, in the form of O(config), and needs no appliance.
    type: str
    choices: [merged, replaced, overridden, deleted, gathered, rendered, parsed]
    default: merged
  running_config:
    description:
      - A configuration as XML or as JSON (RFC 7951), for O(state=parsed).
    type: str
"""
