"""A client in a process of its own that asks for little, again and again, and says how long it took.

    python -m tests.support.pulse PORT PRIVATE_KEY

Each line on its standard input is answered by one with the p99 since the one before, in milliseconds.
"""

from __future__ import annotations

import asyncio
import sys
import time

import asyncssh

from tests.bench.management.client import Session
from tests.bench.management.requests import SMALL

PAUSE_S = 0.001


async def main(port: int, key: str) -> None:
    session = await Session.open(port, asyncssh.read_private_key(key))
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    took: list[float] = []
    asked = asyncio.create_task(reader.readline())
    while True:
        began = time.perf_counter()
        await session.rpc(SMALL)
        took.append(time.perf_counter() - began)
        await asyncio.sleep(PAUSE_S)
        if asked.done():
            if not asked.result():
                return
            print(1000 * sorted(took)[int(0.99 * len(took))], flush=True)
            took.clear()
            asked = asyncio.create_task(reader.readline())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
