"""Sessions per second: connections, each reset when it stands. `python -m tests.bench.connections ADDRESS PORT`."""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import struct
import time

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


async def _connect(address: str, port: int, until_s: float) -> int:
    """One connection after another; how many there were."""
    loop = asyncio.get_running_loop()
    made = 0
    while time.monotonic() < until_s:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as connection:
            connection.setblocking(False)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            await loop.sock_connect(connection, (address, port))
        made += 1
    return made


async def _measure(address: str, port: int, at_once: int, seconds: float) -> float:
    started = time.monotonic()
    made = await asyncio.gather(*(_connect(address, port, started + seconds) for _ in range(at_once)))
    return sum(made) / (time.monotonic() - started)


def _serve(address: str, port: int) -> None:
    """Until it is ended."""
    with socket.create_server((address, port), backlog=4096) as listener:
        print("READY", flush=True)
        while True:
            listener.accept()[0].close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--serve", action="store_true", help="be the other end")
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    if options.serve:
        _serve(options.address, options.port)
    rate = asyncio.run(_measure(options.address, options.port, options.at_once, options.seconds))
    print(json.dumps({"connections_per_s": rate}))


if __name__ == "__main__":
    main()
