"""Work off the event loop, on trees that must not go before it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import ParamSpec, TypeVar

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


async def in_thread(function: Callable[_Given, _Result], /, *args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
    """What `function` returns or raises, called in a thread.

    Cancelling stops no thread. A task that is cancelled here ends when the thread has: what it holds for the thread is
    not let go before, as it would be with asyncio.to_thread.
    """
    return await run_in(None, partial(function, *args, **kwargs))


async def run_in(executor: Executor | None, function: Callable[[], _Result]) -> _Result:
    """As `in_thread`, in a thread of `executor`."""
    running = asyncio.get_running_loop().run_in_executor(executor, function)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await _ended(running)
        raise
    finally:
        # It holds an error, that its traceback, and that this frame.
        del running


async def _ended(running: asyncio.Future[_Result]) -> None:
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:
            # Whoever cancels twice waits as long.
            continue
    if not running.cancelled():
        # Nobody will ask for it any more.
        running.exception()
