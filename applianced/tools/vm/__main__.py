"""`python -m applianced.tools.vm`: make, boot and stop the image."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from applianced.errors import ApplianceError
from applianced.tools import serving
from applianced.tools.namespaces import CommandError
from applianced.tools.vm import formats, inputs
from applianced.tools.vm.build import ORIGIN, build
from applianced.tools.vm.facts import MIB, read_facts
from applianced.tools.vm.qemu import Machine, accelerator

PORT = 8300
BOOTING_S = 900.0
"""On a machine that does other things, too."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m applianced.tools.vm", description="The VM image.")
    parser.add_argument("--image", type=Path, default=Path("build/image"), help="directory of the image")
    parser.add_argument("--machine", type=Path, default=Path("build/vm"), help="directory of the machine to boot")
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("build", help="make the image; needs root")
    making.add_argument("--when-stale", action="store_true", help="only when the sources are others than its own")
    boot = commands.add_parser("boot", help="boot it under QEMU and say how to reach it")
    boot.add_argument("--fresh", action="store_true", help="forget the machine of the last time")
    boot.add_argument("--port", type=int, default=PORT, help="of this host, for NETCONF (default %(default)s)")
    boot.add_argument("--uefi", action="store_true", help="by UEFI; default: BIOS")
    commands.add_parser("stop", help="shut the machine down; its disk stays")
    options = parser.parse_args(arguments)
    try:
        if options.command == "build":
            return _build(options.image, when_stale=options.when_stale)
        if options.command == "boot":
            return _boot(options)
        Machine(read_facts(), options.machine).shut_down()
    except (ApplianceError, CommandError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _build(directory: Path, *, when_stale: bool) -> int:
    made = directory / f"{read_facts().name}.qcow2"
    if when_stale and made.exists() and inputs.current(directory / ORIGIN):
        print(f"{directory}: {inputs.recorded(directory / ORIGIN)}: nothing has changed since")
        return 0
    started = time.monotonic()
    qcow2 = build(directory)
    formats.write(read_facts(), directory)
    print(f"{qcow2}: {qcow2.stat().st_size / MIB:.0f} MiB, made in {time.monotonic() - started:.0f} s")
    return 0


def seed_files(public_key: str) -> dict[str, str]:
    """The seed of a machine that is to be tried: a name and the first key."""
    return {
        "meta-data": "instance-id: try-out\nlocal-hostname: appliance\n",
        "user-data": f"#cloud-config\nssh_authorized_keys:\n  - {public_key.strip()}\n",
    }


def _boot(options: argparse.Namespace) -> int:
    facts = read_facts()
    if options.fresh and not Machine(facts, options.machine).process_id:
        shutil.rmtree(options.machine, ignore_errors=True)
    machine = Machine(facts, options.machine)
    if machine.process_id and options.fresh:
        raise CommandError("it runs, and is not made anew: end it with 'make boot-stop' first")
    if machine.process_id:
        print("it runs already; make boot-stop ends it")
    else:
        _prepare(machine, options.image / f"{facts.name}.qcow2")
        accel = accelerator(options.image / "boot")
        started = time.monotonic()
        machine.start(options.port, accel, uefi=options.uefi, disks=[machine.directory / "seed.iso"])
        print(f"booting ({accel}); the console: {machine.console_log}", flush=True)
        machine.await_netconf(options.port, BOOTING_S)
        print(f"NETCONF answers {time.monotonic() - started:.1f} s after power-on")
    print(f"  ssh -i {machine.key} -p {options.port} -s admin@127.0.0.1 netconf")
    print(f"  socat - UNIX-CONNECT:{machine.directory}/console     # the serial console")
    print("  make boot-stop")
    return 0


def _prepare(machine: Machine, image: Path) -> None:
    if not machine.key.exists():
        serving.make_admin_key(machine.directory)
    machine.make_seed(seed_files(machine.key.with_name("admin.pub").read_text()))
    if not image.exists():
        raise CommandError(f"there is no {image}: make it with 'make image'")
    origin, made_on = image.with_name(ORIGIN), machine.directory / ORIGIN
    if not machine.disk.exists():
        shutil.copy(origin, made_on)
        machine.make_disk(image)
    elif not made_on.exists() or made_on.read_bytes() != origin.read_bytes():
        # The disk holds what differs from the image that it was made on.
        raise CommandError(
            f"the image was made anew, and {machine.disk} goes with the former one: give FRESH=1 (--fresh)"
        )


if __name__ == "__main__":
    sys.exit(main())
