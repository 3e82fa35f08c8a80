"""Calls made inside a namespace, while the test stays where it is."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from tests.support.sockets import CLONE_NEWNET

Result = TypeVar("Result")


class Inside:
    """Runs calls in one thread that has entered a namespace; sockets made there stay of that namespace."""

    def __init__(self, namespace: str) -> None:
        self._threads = ThreadPoolExecutor(1, initializer=self._enter, initargs=(namespace,))

    @staticmethod
    def _enter(namespace: str) -> None:
        with Path("/run/netns", namespace).open("rb") as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"setns {namespace}")

    def __call__(self, call: Callable[..., Result], *arguments: object) -> Result:
        return self._threads.submit(call, *arguments).result(30)

    def close(self) -> None:
        self._threads.shutdown()
