"""The files that file: URLs name: regular files of one folder, nothing below it and nothing beside it."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

from applianced.config.access import UrlOptions
from applianced.netconf.messages import RpcError
from applianced.netconf.urls.address import FileUrl, refused

_OPEN = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


_WRITING = threading.Lock()
"""Of all folders: what one that writes finds unfinished, nobody is about to finish."""


class Folder:
    """Its methods block: call them off the event loop. All raise RpcError."""

    def __init__(self, directory: Path) -> None:
        """directory: made when it is first used."""
        self._directory = directory

    def read(self, url: FileUrl, options: UrlOptions) -> bytes:
        with _explained(url), self._opened() as folder:
            descriptor = os.open(url.name, os.O_RDONLY | _OPEN, dir_fd=folder)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise refused(f"{url.shown} is no regular file: only those are read")
            with open(descriptor, "rb") as file:
                content = file.read(options.size_limit + 1)
        if len(content) > options.size_limit:
            raise RpcError("too-big", f"{url.shown} is larger than size-limit, {options.size_limit} octets: raise it")
        return content

    def write(self, url: FileUrl, content: bytes, options: UrlOptions) -> None:
        """Replace the file as a whole, durably."""
        with _explained(url), _WRITING, self._opened() as folder:
            self._make_room(folder, url, options)
            temporary = f".{secrets.token_hex(8)}.tmp"
            try:
                made = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, 0o600, dir_fd=folder)
                with open(made, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(made)
                os.rename(temporary, url.name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                raise
            os.fsync(folder)

    def delete(self, url: FileUrl) -> None:
        with _explained(url), _WRITING, self._opened() as folder:
            os.unlink(url.name, dir_fd=folder)
            os.fsync(folder)

    def _make_room(self, folder: int, url: FileUrl, options: UrlOptions) -> None:
        names = os.listdir(folder)
        for left_over in (name for name in names if name.startswith(".") and name.endswith(".tmp")):
            with contextlib.suppress(OSError):
                os.unlink(left_over, dir_fd=folder)
        kept = [name for name in names if not name.startswith(".")]
        if url.name not in kept and len(kept) >= options.file_limit:
            message = f"there are {len(kept)} files, file-limit is {options.file_limit}: delete one, or raise the limit"
            raise RpcError("resource-denied", message)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        with contextlib.suppress(FileExistsError):
            self._directory.mkdir(mode=0o700)
        folder = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            yield folder
        finally:
            os.close(folder)


@contextlib.contextmanager
def _explained(url: FileUrl) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise refused(f"there is no {url.shown}: a <copy-config> to it makes one", "data-missing") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise refused(f"{url.shown} is a symbolic link: only regular files are read") from None
        message = f"{url.shown} cannot be used: {error.strerror}: free space in the state directory, or mend it"
        raise RpcError("resource-denied" if error.errno == errno.ENOSPC else "operation-failed", message) from None
