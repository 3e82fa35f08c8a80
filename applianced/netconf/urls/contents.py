"""Configurations behind URLs: read, written and deleted, for whichever operation names one (RFC 6241 8.8).

A URL holds one XML document, <config> in NETCONF's namespace, as the RFC says.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from applianced.config.access import UrlOptions
from applianced.datastore.edit import NETCONF_NS
from applianced.errors import ProtocolError
from applianced.netconf import xmltext
from applianced.netconf.caller import Caller
from applianced.netconf.messages import RpcError, bad
from applianced.netconf.parameters import Parameters
from applianced.netconf.urls import address, https
from applianced.netconf.urls.address import FileUrl, Url, refused
from applianced.netconf.urls.folder import Folder
from applianced.netconf.xmltext import Element
from applianced.northbound.threads import in_thread

_LOG = logging.getLogger(__name__)
FOLDER = "url"
"""In the state directory; with "-USER" behind it that of a user whom rules hold back."""
AT_ONCE = 4
"""Contents that are held in memory at once, each up to size-limit."""


class UrlContents:
    """What URLs hold, for all sessions."""

    def __init__(self, directory: Path, options: Callable[[], UrlOptions], unrestricted: Callable[[str], bool]) -> None:
        """directory: of the state. options: those in force. unrestricted: whether access control lets a user see
        everything."""
        self._directory = directory
        self._options = options
        self._unrestricted = unrestricted
        self._places = asyncio.Semaphore(AT_ONCE)

    @property
    def schemes(self) -> tuple[str, ...]:
        """Those that are offered, () when URLs are not."""
        return address.schemes(self._options())

    def _folder(self, caller: Caller) -> Folder:
        """Those whom rules hold back have a folder each: in the others' files is what they may not see."""
        user = caller.author.user
        return Folder(self._directory / (FOLDER if self._unrestricted(user) else f"{FOLDER}-{quote(user, safe='')}"))

    async def read(self, caller: Caller, text: str) -> Element:
        """The <config> that a URL holds. Raises RpcError."""
        options = self._options()
        url = address.read(text, options)
        async with self._places:
            if isinstance(url, FileUrl):
                content = await in_thread(self._folder(caller).read, url, options)
            else:
                content = await https.exchange("GET", url, options)
            _told(caller, "read", url.shown)
            return await in_thread(_config, content, url.shown)

    async def sent_or_read(self, caller: Caller, given: Parameters) -> Element:
        """The <config> of an edit, sent along or behind a <url>. Raises RpcError."""
        url = given.optional_text("url")
        if url is None:
            return given.require("config")
        if given.get("config") is not None:
            message = "<config> and <url> exclude each other: send one of them"
            raise RpcError("bad-element", message, info=bad("element", "url"))
        return await self.read(caller, url.strip())

    async def write(self, caller: Caller, text: str, inner: bytes) -> None:
        """Replace what a URL holds by a <config> with these elements in it. Raises RpcError."""
        options = self._options()
        url = address.read(text, options)
        content = b'<config xmlns="%b">%b</config>\n' % (NETCONF_NS.encode(), inner)
        if len(content) > options.size_limit:
            message = f"the configuration has {len(content)} octets, size-limit is {options.size_limit}: raise it"
            raise RpcError("too-big", message, type="application")
        async with self._places:
            if isinstance(url, FileUrl):
                await in_thread(self._folder(caller).write, url, content, options)
            else:
                await https.exchange("PUT", url, options, content)
        _told(caller, "wrote", url.shown)

    async def delete(self, caller: Caller, text: str) -> None:
        """Delete what a URL holds. Raises RpcError."""
        options = self._options()
        url = address.read(text, options)
        if isinstance(url, FileUrl):
            await in_thread(self._folder(caller).delete, url)
        else:
            async with self._places:
                await https.exchange("DELETE", url, options)
        _told(caller, "deleted", url.shown)

    def same(self, one: str, other: str) -> bool:
        """Whether two URLs name one place. Raises RpcError."""
        options = self._options()
        return _place(address.read(one, options)) == _place(address.read(other, options))


def _place(url: Url) -> Url:
    return url if isinstance(url, FileUrl) else url._replace(userinfo="")


def _told(caller: Caller, what: str, shown: str) -> None:
    _LOG.info("session %d: %s %s %s", caller.number, caller.author.user, what, shown)


def _config(content: bytes, shown: str) -> Element:
    try:
        root = xmltext.parse(content)
    except ProtocolError as error:
        raise refused(f"{shown}: {error}") from None
    if root.tag != f"{{{NETCONF_NS}}}config":
        raise refused(f'{shown} holds <{root.tag}>: it must hold <config> in namespace "{NETCONF_NS}"')
    return root
