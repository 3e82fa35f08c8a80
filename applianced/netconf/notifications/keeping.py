"""The replay log and its file: what is told is kept in memory at once, on disk a little later, off the event loop."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from applianced.config.notifications import NotificationSettings
from applianced.datastore.models import Models
from applianced.netconf.notifications.notification import Notification
from applianced.netconf.notifications.replay import ReplayLog
from applianced.netconf.notifications.replay_file import Entry, Found, ReplayFile


class Keeping:
    """A replay log that outlives the process, where there is a directory for it."""

    def __init__(self, models: Models, directory: Path | None, settings: NotificationSettings) -> None:
        """Takes up what an earlier process left."""
        self._settings = settings
        self._file = ReplayFile(directory) if directory is not None else None
        found = self._file.load() if self._file else Found(0.0, 0.0, ())
        self.log = ReplayLog(found.created_s or time.time(), found.aged_s)
        self.log.resize(settings.replay_log_count, settings.replay_log_size)
        for entry in found.entries:
            self.log.add(Notification(models, entry.name, entry.time_s, entry.body.encode()))
        self._unwritten: deque[Entry] = deque()
        self._unwritten_octets = 0
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="notifications")
        self._writing: asyncio.Future[None] | None = None

    def follow(self, settings: NotificationSettings) -> None:
        """Other limits are in force."""
        if self.log.on != bool(settings.replay_log_count):
            self.log.reset(time.time())
            self._forget_unwritten()
            if self._file:
                self._writer.submit(self._file.remove)
        self._settings = settings
        self.log.resize(settings.replay_log_count, settings.replay_log_size)

    def add(self, notification: Notification) -> None:
        """Keep the newest one."""
        if not self.log.on:
            return
        self.log.add(notification)
        if self._file:
            self._unwritten.append(Entry(notification.time_s, notification.name, notification.body.decode()))
            self._unwritten_octets += len(notification.body)
            # A disk that does not keep up costs what would be too old by the time it is written.
            while self._unwritten_octets > self._settings.replay_log_size and self._unwritten:
                self._unwritten_octets -= len(self._unwritten.popleft().body.encode())
            if self._writing is None:
                self._write()

    def _write(self) -> None:
        self._writing = asyncio.get_running_loop().run_in_executor(self._writer, self._append, self._take())
        self._writing.add_done_callback(self._written)

    def _written(self, _: asyncio.Future[None]) -> None:
        self._writing = None
        if self._unwritten:
            self._write()

    def _take(self) -> list[Entry]:
        entries = list(self._unwritten)
        self._forget_unwritten()
        return entries

    def _forget_unwritten(self) -> None:
        self._unwritten.clear()
        self._unwritten_octets = 0

    def _append(self, entries: list[Entry]) -> None:
        if self._file:
            self._file.append(
                entries,
                created_s=self.log.created_s,
                aged_s=self.log.aged_s,
                count_max=self._settings.replay_log_count,
                size_max=self._settings.replay_log_size,
            )

    async def close(self) -> None:
        """Return when all is on disk."""
        while self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)
            await asyncio.sleep(0)
        self._writer.shutdown()
        # What happens from now on, nobody will read.
        self._file = None
