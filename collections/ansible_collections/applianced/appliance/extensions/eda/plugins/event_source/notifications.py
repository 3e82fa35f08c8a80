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

An event has host, time, notification (its name) and what the notification says, as a mapping; and meta.hosts, to
which ansible-rulebook limits the playbook that the event starts. What a notification says takes the place of none of
these.

What is wrong with one appliance (nobody there, a refused subscription, a message that is none) is logged, and it is
tried again after `retry` seconds; the others are not touched by it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape

import xmltodict

LOGGER = logging.getLogger(__name__)

NETCONF = "urn:ietf:params:xml:ns:netconf:base:1.0"
NOTIFICATION = "urn:ietf:params:xml:ns:netconf:notification:1.0"
END = b"]]>]]>"
LARGEST = 32 * 1024 * 1024
OFFERED = "<capability>urn:ietf:params:netconf:base:1.0</capability>"
SUBSCRIPTION = "1"
"""The message id of the one request."""
HELLO = f'<hello xmlns="{NETCONF}"><capabilities>{OFFERED}</capabilities></hello>'


def subscription(stream: str) -> str:
    """The request that begins notifications."""
    asked = f'<create-subscription xmlns="{NOTIFICATION}"><stream>{escape(stream)}</stream></create-subscription>'
    return f'<rpc xmlns="{NETCONF}" message-id="{SUBSCRIPTION}">{asked}</rpc>'


def event_of(appliance: dict[str, Any], message: str) -> dict[str, Any] | None:
    """The event of a message; None for what is no notification.

    Raises ConnectionError when the subscription is refused, ValueError for what is no message of NETCONF.
    """
    try:
        parsed = xmltodict.parse(message, process_namespaces=True, namespaces={}, namespace_separator="|")
        name, content = next(iter(parsed.items()))
        plain = _plain(content)
    except (ExpatError, RecursionError) as error:
        raise ValueError(f"this cannot be read: {error}") from None
    kind = name.rpartition("|")[2]
    if kind == "rpc-reply" and isinstance(plain, dict) and "rpc-error" in plain:
        raise ConnectionError(f"the subscription is refused: {_refusal(plain['rpc-error'])}")
    if kind != "notification":
        return None
    if not isinstance(plain, dict):
        raise ValueError("this notification is empty")
    time = plain.pop("eventTime", "")
    notification, said = next(iter(plain.items()), ("", {}))
    host = str(appliance["host"])
    own = {"host": host, "time": time, "notification": notification}
    meta = {"hosts": str(appliance.get("name") or host)}
    # What an appliance says is not to pass for another appliance.
    return {**(said if isinstance(said, dict) else {"value": said}), **own, "meta": meta}


def _refusal(errors: Any) -> str:
    first = errors[0] if isinstance(errors, list) else errors
    return str(first.get("error-message") or first.get("error-tag") if isinstance(first, dict) else first)


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
    """Pass on what one appliance tells. Raises OSError, EOFError or ValueError, which says why there is no more."""
    process = await asyncio.create_subprocess_exec(
        *command(appliance, more), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LARGEST
    )
    try:
        process.stdin.write(HELLO.encode() + END + subscription(stream).encode() + END)
        while True:
            message = await next_message(process.stdout)
            event = event_of(appliance, message)
            if event:
                await queue.put(event)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def next_message(stream: asyncio.StreamReader) -> str:
    """Up to the end of a message. Raises EOFError, or ValueError for one that is too long or no text."""
    try:
        return (await stream.readuntil(END))[: -len(END)].decode()
    except asyncio.LimitOverrunError:
        raise ValueError(f"a message is longer than {LARGEST} octets") from None


async def keep(queue: asyncio.Queue[Any], appliance: dict[str, Any], args: dict[str, Any]) -> None:
    """Listen to an appliance for ever. Nothing that it says ends that."""
    while True:
        try:
            await listen(queue, appliance, str(args.get("stream", "NETCONF")), list(args.get("ssh_args", [])))
        except asyncio.IncompleteReadError:
            LOGGER.warning("%s: the session has ended", appliance["host"])
        except (OSError, ValueError) as error:
            LOGGER.warning("%s: %s", appliance["host"], error)
        await asyncio.sleep(float(args.get("retry", 5)))


async def main(queue: asyncio.Queue[Any], args: dict[str, Any]) -> None:
    """What ansible-rulebook calls. Raises ValueError for arguments that are none."""
    appliances = args.get("appliances")
    if not isinstance(appliances, list) or not all(isinstance(each, dict) and "host" in each for each in appliances):
        raise ValueError("appliances is no list of mappings that have a host: give one")
    await asyncio.gather(*(keep(queue, appliance, args) for appliance in appliances))
