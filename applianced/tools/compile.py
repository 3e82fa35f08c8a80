"""`applianced compile`: the ruleset that a configuration becomes, without root and without a kernel."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from applianced.alg.registry import REGISTRY
from applianced.compiler.compile import compile_plan
from applianced.config.checks import check
from applianced.tools.replay import load_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.description = __doc__
    parser.add_argument("config", type=Path, metavar="CONFIG", help="configuration, RFC 7951 JSON or XML")
    parser.add_argument("--json", action="store_true", help="the whole plan as one JSON document")
    parser.add_argument("--workers", type=int, choices=range(1, 17), default=2, metavar="N", help="queues, 1 to 16")


def run(options: argparse.Namespace) -> int:
    """Compile and print. Returns the exit status. Raises ConfigError for a file that cannot be read."""
    config = load_config(options.config)
    errors = check(config, frozenset(REGISTRY))
    if errors:
        sys.stderr.writelines(f"applianced: {error}\n" for error in errors)
        return 1
    plan = compile_plan(config, queues=options.workers)
    sys.stdout.write(json.dumps(plan.as_dict(), indent=1) + "\n" if options.json else plan.ruleset)
    return 0
