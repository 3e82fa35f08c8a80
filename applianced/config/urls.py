"""Rules on `system services netconf url`.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import Iterator

from applianced.config.decode.node import quoted
from applianced.config.schema import Config
from applianced.errors import ConfigError

_SERVERS = "/applianced-system:system/services/netconf/url/https-server"


def unusable_certificates(config: Config) -> Iterator[ConfigError]:
    """What is given as the certificate of an authority is a certificate."""
    for server in config.system.url.servers:
        for certificate in server.certificates:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificate)
            except (ssl.SSLError, ValueError):
                value = b64encode(certificate).decode()
                path = f"{_SERVERS}[host={quoted(server.host)}]/ca-certificate[.={quoted(value)}]"
                message = "this is no X.509 certificate: give what stands between BEGIN and END CERTIFICATE of its PEM"
                yield ConfigError(path, message)
