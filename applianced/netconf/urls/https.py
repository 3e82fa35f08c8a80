"""One exchange with an https server (RFC 9110), on the event loop.

Bounded in time as a whole, in octets, and in where it goes: the address that a name stands for is looked at first, and
is the one that is connected to.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import io
import socket
import ssl
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import IO

from applianced.config.access import HttpsServer, UrlOptions
from applianced.netconf.messages import RpcError
from applianced.netconf.urls.address import HttpsUrl
from applianced.northbound.threads import in_thread

HEAD_MAX = 65536
"""Octets of what precedes the content."""
_NAT64 = IPv6Network("64:ff9b::/96")
_DONE = frozenset({200, 201, 202, 204})


async def exchange(method: str, url: HttpsUrl, options: UrlOptions, content: bytes | None = None) -> bytes:
    """What the server answers to GET, PUT or DELETE. Raises RpcError."""
    try:
        async with asyncio.timeout(options.timeout_s):
            answer = await _carried(method, url, options, content)
        return await in_thread(_body, method, url, answer, options)
    except TimeoutError:
        message = f"{url.shown} did not answer within the {options.timeout_s:g} s of timeout: try again, or raise it"
    except ssl.SSLCertVerificationError as error:
        message = f"{url.shown} has a certificate that is not trusted ({error.verify_message}): see ca-certificate"
    except ssl.SSLError as error:
        message = f"{url.shown} does not speak TLS 1.2 or 1.3 with us: {error.reason or error}"
    except (http.client.HTTPException, ValueError) as error:
        message = f"{url.shown} answers with what is no whole HTTP response: {type(error).__name__}"
    except OSError as error:
        message = f"{url.shown} cannot be reached: {error.strerror or error}"
    raise RpcError("operation-failed", message, type="application")


async def _carried(method: str, url: HttpsUrl, options: UrlOptions, content: bytes | None) -> bytes:
    reader, writer = await _connected(url)
    try:
        _check_pin(url, writer)
        writer.write(_request(method, url, content))
        await writer.drain()
        answer = bytearray()
        while part := await reader.read(65536):
            answer += part
            if len(answer) > options.size_limit + HEAD_MAX:
                raise _too_big(url, options)
        return bytes(answer)
    finally:
        writer.transport.abort()


async def _connected(url: HttpsUrl) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    server = url.server
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    addresses = [str(one[4][0]) for one in found]
    allowed = [address for address in addresses if server.private or _is_public(address)]
    if not allowed:
        message = (
            f"{url.shown} stands for {', '.join(sorted(set(addresses)))}, which is no address of the Internet: "
            "set private-address for that server when this is meant"
        )
        raise RpcError("operation-failed", message, type="application")
    return await _first(allowed, server)


async def _first(addresses: Sequence[str], server: HttpsServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the first address that accepts one. Raises OSError."""
    context = _context(server)
    for address in addresses[:-1]:
        try:
            return await asyncio.open_connection(address, server.port, ssl=context, server_hostname=server.host)
        except ssl.SSLError:
            raise
        except OSError:
            continue
    return await asyncio.open_connection(addresses[-1], server.port, ssl=context, server_hostname=server.host)


def _is_public(text: str) -> bool:
    """Whether an address, or the IPv4 address that it leads to, is one of the Internet."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        carried = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64:
            carried = IPv4Address(int(address) & 0xFFFFFFFF)
        if carried is not None and not _is_public(str(carried)):
            return False
    return address.is_global and not address.is_multicast


def _context(server: HttpsServer) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if server.certificates:
        for certificate in server.certificates:
            context.load_verify_locations(cadata=certificate)
    else:
        context.load_default_certs()
    return context


def _check_pin(url: HttpsUrl, writer: asyncio.StreamWriter) -> None:
    if not url.server.pins:
        return
    certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    if hashlib.sha256(certificate).digest() not in url.server.pins:
        message = (
            f"{url.shown} has a certificate with none of the fingerprints of certificate-sha256: check which changed"
        )
        raise RpcError("operation-failed", message, type="application")


def _request(method: str, url: HttpsUrl, content: bytes | None) -> bytes:
    host = f"[{url.server.host}]" if ":" in url.server.host else url.server.host
    port = "" if url.server.port == 443 else f":{url.server.port}"
    lines = [f"{method} {url.target} HTTP/1.1", f"Host: {host}{port}", "User-Agent: applianced", "Connection: close"]
    lines += ["Accept: application/xml, */*", "Accept-Encoding: identity"]
    if url.userinfo:
        lines.append(f"Authorization: Basic {base64.b64encode(url.userinfo.encode()).decode()}")
    if content is not None:
        lines += ["Content-Type: application/xml", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + (content or b"")


class _Received:
    """What the parser of the standard library takes for a socket."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def makefile(self, *_: object) -> IO[bytes]:
        return io.BytesIO(self._octets)


def _body(method: str, url: HttpsUrl, answer: bytes, options: UrlOptions) -> bytes:
    response = http.client.HTTPResponse(_Received(answer), method=method)  # type: ignore[arg-type]
    response.begin()
    if 300 <= response.status < 400:
        message = f"{url.shown} redirects (status {response.status}), which is not followed: name the place itself"
        raise RpcError("operation-failed", message, type="application")
    if response.status not in _DONE:
        tag = "data-missing" if response.status in (404, 410) else "operation-failed"
        reason = "".join(letter for letter in response.reason[:80] if letter.isprintable())
        message = f"{url.shown} answers {response.status} {reason} to {method}"
        raise RpcError(tag, message, type="application")
    if response.getheader("Content-Encoding", "identity") != "identity":
        message = f"{url.shown} sends its content encoded, though it was asked not to"
        raise RpcError("operation-failed", message, type="application")
    body = response.read()
    if len(body) > options.size_limit:
        raise _too_big(url, options)
    return body


def _too_big(url: HttpsUrl, options: UrlOptions) -> RpcError:
    message = f"{url.shown} is larger than size-limit, {options.size_limit} octets: raise it"
    return RpcError("too-big", message, type="application")
