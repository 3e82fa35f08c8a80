"""The floor: what asyncssh and lxml alone cost a NETCONF server, without models, tests and disk.

    python -m tests.bench.management.floor AUTHORIZED_KEYS

It answers what the bench reads, and nothing else, until it is terminated. Figures of two machines cannot be compared;
their ratios to this program can, when it is measured in the same minutes.
"""

from __future__ import annotations

import asyncio
import signal
import sys

import asyncssh
from lxml import etree

from tests.bench.management.client import END_OF_HELLO, NETCONF
from tests.bench.management.requests import APPLICATIONS, ENTRIES, application

_HELLO = (
    f'<hello xmlns="{NETCONF}"><capabilities><capability>urn:ietf:params:netconf:base:1.1</capability></capabilities>'
    "<session-id>1</session-id></hello>"
).encode() + END_OF_HELLO
_STORED = [application(number).encode() for number in range(ENTRIES)]
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True)


def answer(message: bytes) -> bytes:
    """The reply to <get-config> of everything, of one entry by its number, or to any other operation."""
    rpc = etree.fromstring(message, _PARSER)
    body = b"<ok/>"
    if etree.QName(rpc[0]).localname == "get-config":
        named = [node.text or "" for node in rpc.iter("{*}name")]
        everything = any(True for _ in rpc.iter("{*}applications"))
        entries = [_STORED[int(name.rpartition("-")[2])] for name in named] or (_STORED if everything else [])
        inner = b'<applications xmlns="%b">%b</applications>' % (APPLICATIONS.encode(), b"".join(entries))
        body = b"<data>" + inner + b"</data>" if entries else b"<data/>"
    return b'<rpc-reply xmlns="%b" message-id="1">%b</rpc-reply>' % (NETCONF.encode(), body)


async def serve(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """One session; requests come one at a time, as the bench sends them."""
    process.stdout.write(_HELLO)
    await process.stdin.readuntil(END_OF_HELLO)
    try:
        while True:
            framed = await process.stdin.readuntil(b"\n##\n")
            message = framed[framed.index(b"\n", 2) + 1 : -4]
            reply = answer(message)
            process.stdout.write(b"\n#%d\n%b\n##\n" % (len(reply), reply))
            await process.stdout.drain()
            if b"<close-session" in message:
                break
    except asyncio.IncompleteReadError:
        pass
    process.exit(0)


async def main() -> None:
    acceptor = await asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")], encoding=None,
        authorized_client_keys=sys.argv[1], process_factory=serve, backlog=256,
    )  # fmt: skip
    print(f"ready netconf=127.0.0.1:{acceptor.get_port()}", flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    acceptor.close()


if __name__ == "__main__":
    asyncio.run(main())
