# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An event source for ansible-rulebook: the notifications of appliances (RFC 5277), each an event.

Arguments:
  appliances: list of mappings: host, and optionally port (830), user, key (a private key file), and name (that of the
              host in the inventory, when it is another)
  stream:     of notifications, NETCONF by default
  retry:      seconds until an appliance is tried again whose session has ended, 5 by default
  ssh_args:   list of further arguments of ssh

An event has host, time, notification (its name) and what the notification says, as a mapping; and meta.hosts, to which
ansible-rulebook limits the playbook that the event starts.
"""

from __future__ import annotations

import asyncio
from typing import Any

import xmltodict

NETCONF = "urn:ietf:params:xml:ns:netconf:base:1.0"
NOTIFICATION = "urn:ietf:params:xml:ns:netconf:notification:1.0"
END = b"]]>]]>"
LARGEST = 32 * 1024 * 1024
OFFERED = "<capability>urn:ietf:params:netconf:base:1.0</capability>"
HELLO = f'<hello xmlns="{NETCONF}"><capabilities>{OFFERED}</capabilities></hello>'


def subscription(stream: str) -> str:
    """The request that begins notifications."""
    asked = f'<create-subscription xmlns="{NOTIFICATION}"><stream>{stream}</stream></create-subscription>'
    return f'<rpc xmlns="{NETCONF}" message-id="1">{asked}</rpc>'


def event_of(host: str, message: str) -> dict[str, Any] | None:
    """The event of a message; None for what is no notification."""
    parsed = xmltodict.parse(message, process_namespaces=True, namespaces={}, namespace_separator="|")
    name, content = next(iter(parsed.items()))
    if name.rpartition("|")[2] != "notification":
        return None
    plain = _plain(content)
    event = {"host": host, "time": plain.pop("eventTime", "")}
    said = next(iter(plain.items()), ("", {}))
    return {**event, "notification": said[0], **(said[1] if isinstance(said[1], dict) else {"value": said[1]})}


def _plain(value: Any) -> Any:
    """Without namespaces and attributes."""
    if isinstance(value, dict):
        return {key.rpartition("|")[2]: _plain(below) for key, below in value.items() if not key.startswith("@")}
    return [_plain(below) for below in value] if isinstance(value, list) else value


def command(appliance: dict[str, Any], more: list[str]) -> list[str]:
    """ssh, to one appliance."""
    found = ["ssh", "-o", "BatchMode=yes", "-o", "ServerAliveInterval=30", "-p", str(appliance.get("port", 830)), *more]
    if appliance.get("key"):
        found += ["-o", "IdentitiesOnly=yes", "-i", str(appliance["key"])]
    if appliance.get("user"):
        found += ["-l", str(appliance["user"])]
    return [*found, "-s", "--", str(appliance["host"]), "netconf"]


async def listen(queue: asyncio.Queue[Any], appliance: dict[str, Any], stream: str, more: list[str]) -> None:
    """Pass on what one appliance tells until its session ends."""
    process = await asyncio.create_subprocess_exec(
        *command(appliance, more), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LARGEST
    )
    try:
        process.stdin.write(HELLO.encode() + END + subscription(stream).encode() + END)
        while True:
            message = await process.stdout.readuntil(END)
            event = event_of(str(appliance["host"]), message[: -len(END)].decode())
            if event:
                await queue.put({**event, "meta": {"hosts": str(appliance.get("name") or appliance["host"])}})
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        return
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def keep(queue: asyncio.Queue[Any], appliance: dict[str, Any], args: dict[str, Any]) -> None:
    """Listen to an appliance for ever."""
    while True:
        await listen(queue, appliance, str(args.get("stream", "NETCONF")), list(args.get("ssh_args", [])))
        await asyncio.sleep(float(args.get("retry", 5)))


async def main(queue: asyncio.Queue[Any], args: dict[str, Any]) -> None:
    """What ansible-rulebook calls."""
    await asyncio.gather(*(keep(queue, appliance, args) for appliance in args["appliances"]))
