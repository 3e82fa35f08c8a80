"""`applianced compile`: the nft tables that a configuration becomes, without root and without a kernel.

Both tables, in the order in which they are loaded, or with --policy-only the one that commits replace. `nft -f` loads
them into an empty network namespace. A comment says what is not among them, since nft cannot write it everywhere.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from applianced.compiler import offload
from applianced.compiler.compile import compile_plan
from applianced.compiler.gates_table import HELPER_CHAIN, HELPER_OBJECT, gates_table
from applianced.compiler.marks import GATES_TABLE, QUEUES
from applianced.northbound.initial import require_netconf
from applianced.tools.replay import load_config

_NOTE = f"""\
# Two tables: {GATES_TABLE}, made once when the appliance starts, and the policy table, replaced by every commit.
# The appliance adds to {GATES_TABLE} by netlink what nft cannot write:
#   * the object {HELPER_OBJECT} (a ct expectation of size 0) and the rule of chain {HELPER_CHAIN} that attaches it
#     to control sessions; without them the kernel shifts no sequence numbers after a rewrite.
"""
_QUEUE_NOTE = f"""\
#   * the rules of the chains closed_0 to closed_{QUEUES - 1} and open_0 to open_{QUEUES - 1}, as xt NFQUEUE for kernels
#     without NFT_QUEUE; see --queue-statement.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.description = __doc__
    parser.add_argument("config", type=Path, metavar="CONFIG", help="configuration, RFC 7951 JSON or XML")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="the whole plan as one JSON document")
    form.add_argument(
        "--policy-only", action="store_true", help="the policy table alone, which loads where the gates table is"
    )
    form.add_argument(
        "--flow-table",
        action="store_true",
        help="the table of flow offload alone, with all interfaces of the zones; nothing when no policy wants it",
    )
    form.add_argument(
        "--queue-statement", action="store_true", help="with the rules that queue, for kernels with NFT_QUEUE alone"
    )
    parser.add_argument(
        "--require-netconf",
        action="store_true",
        help="refuse what 'applianced serve --require-netconf' refuses, by the interfaces of this machine",
    )
    parser.add_argument("--workers", type=int, choices=range(1, 17), default=2, metavar="N", help="queues, 1 to 16")


def run(options: argparse.Namespace) -> int:
    """Compile and print. Returns the exit status. Raises ConfigError for a file that cannot be used."""
    config = load_config(options.config)
    plan = compile_plan(config, queues=options.workers)
    if options.require_netconf:
        require_netconf(config)
    if options.json:
        sys.stdout.write(json.dumps(plan.as_dict(), indent=1) + "\n")
        return 0
    if options.flow_table:
        wanted = plan.offload
        sys.stdout.write(offload.table(wanted.interfaces, wanted.policies) if wanted.policies else "")
        return 0
    if not options.policy_only:
        note = _NOTE if options.queue_statement else _NOTE + _QUEUE_NOTE
        sys.stdout.write(note + gates_table(queue_statement=options.queue_statement))
    sys.stdout.write(plan.ruleset)
    return 0
