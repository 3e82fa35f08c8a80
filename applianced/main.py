"""Composition root: the command line, and which parts are put together for each command."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from applianced import __version__
from applianced.errors import ApplianceError, ConfigError
from applianced.recentlog import OneLine, keep_recent

EPILOG = """\
examples:
  applianced serve --netns gw --config docs/examples/netns-ftp.json --state-dir /var/lib/applianced \\
                   --listen 127.0.0.1:8830 --admin-key ~/.ssh/id_ed25519.pub
  applianced compile docs/examples/netns-ftp.json
  applianced replay capture.pcap --config docs/examples/netns-ftp.json
"""


_LOG_FORMAT = "%(asctime)s %(name)s %(levelname)s %(message)s"
_LONG_RUNNING = frozenset({"serve", "dataplane"})
"""Commands that must not carry the offline tools' libraries in their memory."""


def _parser(*, tools: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="applianced",
        description="Application layer gateways, configured like a router over NETCONF and enforced on Linux.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"applianced {__version__}")
    parser.add_argument("--log-level", default="warning", choices=("debug", "info", "warning", "error"))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _serve_parser(commands)
    _dataplane_parser(commands)
    _support_bundle_parser(commands)
    if tools:
        _replay_parser(commands)
        _compile_parser(commands)
    return parser


_LOOK_S = 0.05
"""Between two looks for a file that somebody else is to write."""
Commands = argparse._SubParsersAction


def _serve_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    serve = commands.add_parser(
        "serve",
        help="run the appliance: NETCONF here, the dataplane in a network namespace",
        description="Runs management where it is started and the dataplane inside the namespace, prints"
        " 'ready netconf=ADDR:PORT' when the configuration is in force, and on SIGTERM removes what it made."
        " Started as root, management drops to an unprivileged user (with CAP_NET_BIND_SERVICE where --listen names no"
        " port) and the dataplane to CAP_NET_ADMIN and CAP_NET_RAW.",
    )
    serve.add_argument("--netns", default="", metavar="NAME", help="namespace of the dataplane (see ip-netns(8))")
    serve.add_argument(
        "--dataplane",
        choices=("netns", "local", "running", "none"),
        default="netns",
        help="netns: in --netns (default); local: in the namespace of this process; running: one that 'applianced"
        " dataplane' runs with the directory 'dataplane' of the state directory, and that goes on when management ends;"
        " none: management alone",
    )
    serve.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="first configuration, RFC 7951 JSON or XML; counts only while --state-dir holds no commit",
    )
    serve.add_argument(
        "--state-dir", type=Path, required=True, metavar="DIR", help="commits, host keys, run-time files"
    )
    serve.add_argument(
        "--listen",
        default="127.0.0.1",
        metavar="ADDR[:PORT]",
        help="where NETCONF answers (default %(default)s; [::]: at all addresses of both families; port: 'system"
        " services netconf ssh port', 830)",
    )
    serve.add_argument(
        "--admin-key",
        type=Path,
        metavar="PUBLICKEYFILE",
        help="give this SSH key (ed25519, ecdsa, rsa) to user admin: in the first commit, and in a commit at start when"
        " the stored configuration lets nobody log in",
    )
    serve.add_argument(
        "--require-netconf",
        action="store_true",
        help="refuse a first configuration by which NETCONF could be reached from nowhere: no zone with an interface of"
        " this namespace, which is the dataplane's, too, lets it in, and nobody is called home",
    )
    serve.add_argument(
        "--user", default="", help="account of management when started as root (default: applianced, nobody)"
    )
    serve.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="ALG workers, 1 to 16")
    serve.add_argument(
        "--options",
        type=Path,
        metavar="FILE",
        help="further options of this command, separated by blanks or lines; waits until FILE is there, and meanwhile"
        " loads what it needs",
    )


def _dataplane_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    dataplane = commands.add_parser("dataplane", help="run the dataplane agent alone ('serve' starts it by itself)")
    dataplane.add_argument("--netns", default="", metavar="NAME", help="network namespace; without: the one at hand")
    dataplane.add_argument("--directory", type=Path, required=True, help="the agent's files and socket")
    dataplane.add_argument("--management-uid", type=int, required=True, help="the user id that may speak to it")
    dataplane.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="ALG workers, 1 to 16")
    dataplane.add_argument(
        "--after", type=Path, metavar="FILE", help="wait until FILE is there, and meanwhile load what is needed"
    )


def _support_bundle_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    bundle = commands.add_parser(
        "support-bundle",
        aliases=["support"],
        help="collect what somebody needs who is to find a fault, without secrets",
        description="Writes an archive with versions, the newest commit without its secrets, the list of commits, the"
        " state, the rules in the kernel, logs and limits. Management need not run. Started by root.",
    )
    bundle.add_argument("--state-dir", type=Path, required=True, metavar="DIR", help="that of 'applianced serve'")
    bundle.add_argument("--output", type=Path, metavar="FILE", help="default: support-TIME.tar.gz in this directory")


def _replay_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    from applianced.tools import replay

    replay.add_arguments(commands.add_parser("replay", help="run a capture through classification and ALGs, offline"))


def _compile_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    from applianced.tools import compile as compile_

    compile_.add_arguments(commands.add_parser("compile", help="print the nft tables of a configuration"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    # The first argument that is a command is the command; one after it may be a file of that name.
    command = next((argument for argument in arguments if argument in _COMMANDS), "")
    options = _parser(tools=command not in _LONG_RUNNING).parse_args(arguments)
    options.arguments = arguments
    formatter = OneLine(_LOG_FORMAT)
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=options.log_level.upper(), handlers=[handler])
    if command in _LONG_RUNNING:
        keep_recent(formatter)
    try:
        return int(_COMMANDS[options.command](options))
    except (ApplianceError, OSError) as error:
        for fault in getattr(error, "errors", [error]):
            print(f"applianced: {fault}", file=sys.stderr)
        return 1


def _workers(options: argparse.Namespace) -> int:
    if not 1 <= options.workers <= 16:
        raise ConfigError("", f"--workers {options.workers}: must be 1 to 16")
    return int(options.workers)


def _serve(options: argparse.Namespace) -> int:
    from applianced.datastore.models import load_models
    from applianced.netconf.ssh import listen
    from applianced.supervisor import appliance
    from applianced.supervisor.management import run_management

    models = None
    if options.options:
        models = load_models()
        _wait_for(options.options)
        further = shlex.split(options.options.read_text(), comments=True)
        options = _parser(tools=False).parse_args([*options.arguments, *further])
    host, port = _address(options.listen)
    return appliance.run(
        appliance.Options(
            namespace=options.netns,
            dataplane=options.dataplane,
            config=options.config,
            state_dir=options.state_dir,
            host=host,
            port=port,
            admin_key=options.admin_key,
            user=options.user,
            workers=_workers(options),
            require_netconf=options.require_netconf,
        ),
        # Put together here: management knows no protocol, the protocols do not know management.
        lambda management, participants, state, models: run_management(
            management, participants, state, listen=listen, models=models
        ),
        models,
    )


def _wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(_LOOK_S)


def _address(text: str) -> tuple[str, int | None]:
    """Address and port of --listen; None leaves the port to the configuration. Raises ConfigError."""
    host, bracket, rest = text.removeprefix("[").partition("]")
    if text.startswith("[") != bool(bracket):
        rest = "?"
    elif not bracket:
        host, colon, port = text.partition(":")
        # More than one colon: an IPv6 address by itself.
        host, rest = (text, "") if ":" in port else (host, colon + port)
    number = rest[1:]
    if not host or (rest and not (rest[0] == ":" and number.isdecimal() and int(number) < 65536)):
        raise ConfigError("", f"--listen {text}: must be ADDR or ADDR:PORT, for example 127.0.0.1:830 or [::1]:830")
    return host, int(number) if rest else None


def _dataplane(options: argparse.Namespace) -> int:
    from applianced.supervisor.dataplane import DataplaneOptions
    from applianced.supervisor.watchdog import run_dataplane

    if options.after:
        _wait_for(options.after)
    return run_dataplane(
        DataplaneOptions(
            namespace=options.netns,
            directory=options.directory,
            management_uid=options.management_uid,
            workers=_workers(options),
        )
    )


def _support_bundle(options: argparse.Namespace) -> int:
    from applianced.supervisor.support import make_bundle

    path, made = make_bundle(options.state_dir, options.output)
    print(path)
    for each in made.missing:
        print(f"missing: {each}", file=sys.stderr)
    return 0


def _replay(options: argparse.Namespace) -> int:
    from applianced.tools import replay

    return replay.run(options)


def _compile(options: argparse.Namespace) -> int:
    from applianced.tools import compile as compile_

    return compile_.run(options)


_COMMANDS = {
    "serve": _serve,
    "dataplane": _dataplane,
    "support-bundle": _support_bundle,
    "support": _support_bundle,
    "replay": _replay,
    "compile": _compile,
}
