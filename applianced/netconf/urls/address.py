"""A URL as a client sends it, held against what the configuration offers."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from applianced.config.access import HttpsServer, UrlOptions
from applianced.netconf.messages import RpcError, bad

LENGTH_MAX = 2048
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_VISIBLE = re.compile(r"[!-~]+")
_PLACE = bad("element", "url")


class FileUrl(NamedTuple):
    """A file by its name in the folder."""

    name: str

    @property
    def shown(self) -> str:
        return f"file:///{self.name}"


class HttpsUrl(NamedTuple):
    """What is asked of which server. target: path and query. userinfo: "user:password", decoded, or ""."""

    server: HttpsServer
    target: str
    userinfo: str

    @property
    def shown(self) -> str:
        """For messages and the log: without what may be a secret."""
        host = f"[{self.server.host}]" if ":" in self.server.host else self.server.host
        return f"https://{host}:{self.server.port}{self.target.partition('?')[0]}"


Url = FileUrl | HttpsUrl


def schemes(options: UrlOptions) -> tuple[str, ...]:
    """Those that are offered; none when URLs are not."""
    return (*(("file",) if options.file else ()), *(("https",) if options.servers else ()))


def read(text: str, options: UrlOptions) -> Url:
    """Raises RpcError "operation-not-supported" when no URLs are offered, "invalid-value" for one that is not."""
    offered = schemes(options)
    if not offered:
        message = "<url> is not offered: configure system services netconf url, or use running or candidate"
        raise RpcError("operation-not-supported", message)
    if len(text) > LENGTH_MAX or not _VISIBLE.fullmatch(text):
        raise refused(f"a URL has 1 to {LENGTH_MAX} visible ASCII characters: write others as %XX")
    try:
        split = urlsplit(text)
        port = split.port
    except ValueError:
        raise refused("this is no URL: write file:///NAME or https://HOST/PATH") from None
    if split.scheme not in offered:
        raise refused(f'the scheme "{split.scheme}" is not offered: use {" or ".join(offered)}')
    if split.fragment:
        raise refused("a fragment names no part of a configuration: leave out what begins with #")
    return _file(split) if split.scheme == "file" else _https(split, port or 443, options)


def refused(message: str, tag: str = "invalid-value") -> RpcError:
    """An error about the URL itself."""
    return RpcError(tag, message, info=_PLACE)


def _file(split: SplitResult) -> FileUrl:
    name = split.path.removeprefix("/")
    # ncclient sends no URL without a host (RFC 8089 2: localhost is this one).
    if split.netloc not in ("", "localhost") or split.query or not _NAME.fullmatch(name):
        message = "a file is named file:///NAME: letters, digits, '_', '.' and '-', at most 128, and no folder"
        raise refused(message)
    return FileUrl(name)


def _https(split: SplitResult, port: int, options: UrlOptions) -> HttpsUrl:
    host = (split.hostname or "").rstrip(".")
    server = next((one for one in options.servers if (one.host.lower().rstrip("."), one.port) == (host, port)), None)
    if server is None:
        message = f'"{host}" port {port} is no server of system services netconf url https-server: add it there'
        raise refused(message)
    path = split.path or "/"
    # A server may undo the escapes before it looks at dots and slashes.
    steps = unquote(unquote(path)).replace("\\", "/").split("/")
    prefix = server.path_prefix.rstrip("/")
    if "." in steps or ".." in steps or not (path == prefix or path.startswith(f"{prefix}/")):
        raise refused(f'the path must begin with "{server.path_prefix}" and hold no steps "." and ".."')
    user, colon, password = split.netloc.rpartition("@")[0].partition(":")
    userinfo = f"{unquote(user)}{colon}{unquote(password)}"
    return HttpsUrl(server, f"{path}?{split.query}" if split.query else path, userinfo)
